//! What an instance makes once and keeps from call to call: its client, its connections, its configuration.
//!
//! It is made on first use, because only then the configuration can be read; a changed configuration starts new instances.

use std::cell::RefCell;
use std::rc::Rc;

use crate::Outcome;

/// For a `thread_local!` static: an instance has one thread.
#[derive(Debug)]
pub struct Kept<T>(RefCell<Option<Rc<T>>>);

impl<T> Kept<T> {
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// What is kept, or what `make` makes. A failure is not kept: the next call tries anew.
    pub fn get(&self, make: impl FnOnce() -> Outcome<T>) -> Outcome<Rc<T>> {
        let mut slot = self.0.borrow_mut();
        match &*slot {
            Some(kept) => Ok(Rc::clone(kept)),
            None => {
                let made = Rc::new(make()?);
                *slot = Some(Rc::clone(&made));
                Ok(made)
            }
        }
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::invalid;

    #[test]
    fn what_was_made_stays_and_what_failed_is_tried_anew() {
        let kept = Kept::new();
        assert!(kept.get(|| Err(invalid("not yet"))).is_err());
        assert_eq!(kept.get(|| Ok(1)).map(|kept| *kept).ok(), Some(1));
        assert_eq!(kept.get(|| Ok(2)).map(|kept| *kept).ok(), Some(1));
    }
}
