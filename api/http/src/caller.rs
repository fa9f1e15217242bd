//! Who calls, once proved: what they may, and nothing of why.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// What a caller may, by noun and verb. The host's side knows users and roles, and reads its own type back from here.
pub trait Rights: Any + Send + Sync {
    /// All objects of the noun.
    fn may(&self, noun: &str, verb: &str) -> bool;

    /// Some objects of the noun, where the host's side asks for each which. A call that it does not ask about is not let in by this.
    fn may_some(&self, _noun: &str, _verb: &str) -> bool {
        false
    }
}

impl<F: Fn(&str, &str) -> bool + Send + Sync + 'static> Rights for F {
    fn may(&self, noun: &str, verb: &str) -> bool {
        self(noun, verb)
    }
}

#[derive(Clone)]
pub struct Caller {
    pub name: String,
    pub rights: Arc<dyn Rights>,
}

impl Caller {
    pub fn may(&self, noun: &str, verb: &str) -> bool {
        self.rights.may(noun, verb)
    }

    /// Whether the call is let in: what it is about may be looked at further in.
    pub(crate) fn is_let_in(&self, noun: &str, verb: &str) -> bool {
        self.rights.may(noun, verb) || self.rights.may_some(noun, verb)
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("name", &self.name).finish_non_exhaustive()
    }
}
