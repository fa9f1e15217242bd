//! The named steps between which a process may die.
//!
//! Outside tests a step is nothing. A test lets the process be killed at one, lets the call that follows it fail, or does there what
//! somebody else might do in that moment.

#[cfg(not(test))]
use rustix::io::Errno;

/// What has just been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The lease is held, the record says nothing new yet.
    Leased,
    MigratedWritten,
    MigratedSynced,
    Punched,
    TimesRestored,
    RecallingWritten,
    PieceWritten,
    PieceProved,
    ContentTimed,
    ContentSynced,
    PremigratedWritten,
    PremigratedSynced,
    RecordRemoved,
    RemovalSynced,
    Emptied,
    Retimed,
    StubMade,
    StubSynced,
    StubNamed,
}

#[cfg(not(test))]
#[inline]
pub(crate) fn reached(_: Step) -> Result<(), Errno> {
    Ok(())
}

#[cfg(test)]
pub(crate) use hook::{reached, with};

#[cfg(test)]
mod hook {
    use std::cell::RefCell;

    use rustix::io::Errno;

    use super::Step;

    type Hook = Box<dyn FnMut(Step) -> Result<(), Errno>>;

    thread_local! {
        static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    }

    pub(crate) fn reached(step: Step) -> Result<(), Errno> {
        HOOK.with_borrow_mut(|hook| hook.as_mut().map_or(Ok(()), |hook| hook(step)))
    }

    /// Runs `work` on this thread with `hook` told of each step.
    pub(crate) fn with<T>(hook: impl FnMut(Step) -> Result<(), Errno> + 'static, work: impl FnOnce() -> T) -> T {
        HOOK.set(Some(Box::new(hook)));
        let done = work();
        HOOK.set(None);
        done
    }
}
