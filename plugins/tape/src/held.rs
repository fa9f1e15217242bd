//! A device that calls use one after the other. What is known of it is left for the next call where the work went well.

use std::cell::RefCell;

use capstan_sdk::failure::busy;
use capstan_sdk::turn::{Turn, Turns};
use capstan_sdk::{Failure, Outcome};

/// Whether the next call may go on with it.
pub(crate) trait Good {
    fn is_good(&self) -> bool;
}

pub(crate) struct Held<T> {
    turns: Turns,
    idle: RefCell<Option<T>>,
}

/// Held by one call. Dropped with a call that is cut: then the next one begins anew.
pub(crate) struct Taken<T: 'static> {
    _turn: Turn<'static>,
    of: &'static Held<T>,
    pub(crate) it: T,
}

impl<T: Good + 'static> Held<T> {
    /// An instance has as many of them as the library has devices, for as long as it lives.
    pub(crate) fn leaked() -> &'static Self {
        Box::leak(Box::new(Self { turns: Turns::default(), idle: RefCell::new(None) }))
    }

    pub(crate) async fn take(&'static self, subject: &str, open: impl AsyncFnOnce() -> Outcome<T>) -> Outcome<Taken<T>> {
        let turn = self.turns.take().await.map_err(|failure| match failure {
            Failure::TimedOut(_) => busy(format!("{subject} is at work for another call")),
            other => other,
        })?;
        let idle = self.idle.borrow_mut().take().filter(Good::is_good);
        let it = match idle {
            Some(it) => it,
            None => open().await?,
        };
        Ok(Taken { _turn: turn, of: self, it })
    }
}

impl<T: Good + 'static> Taken<T> {
    pub(crate) fn give_back(self) {
        if self.it.is_good() {
            self.of.idle.replace(Some(self.it));
        }
    }
}
