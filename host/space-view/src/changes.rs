//! What the floor above learns of what is done through a view, so that its catalogue says what the tree holds.
//!
//! The tree is the truth; what is told saves comparing. [`Changes::stale`] goes before the change: if it fails, nothing was changed. All
//! others are told after it, in the order in which they were done, by a queue: a change that finds the queue full waits, and after
//! [`SLOT_WAIT`](crate::SLOT_WAIT) it fails, undone.

use async_trait::async_trait;
use capstan_domain::Outcome;
use capstan_stub::{Identity, Record};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    Link,
    /// A pipe, a socket, a device.
    Other,
}

/// Something in the space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// As the catalogue spells paths.
    pub path: String,
    pub identity: Identity,
}

/// Something that is no longer there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// None: a process died before it could say.
    pub path: Option<String>,
    pub identity: Identity,
    pub kind: Kind,
    /// No other name of it is left.
    pub last: bool,
    /// Of a file of which copies are elsewhere: with it the copies are found, also by who knows nothing else.
    pub record: Option<Box<Record>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Made {
        at: Known,
        kind: Kind,
    },
    /// Closed after its content was changed.
    Written {
        at: Known,
    },
    /// Owner, mode, times, extended attributes.
    Attributes {
        at: Known,
    },
    /// With all that is below it.
    Renamed {
        from: String,
        to: Known,
        kind: Kind,
        replaced: Option<Gone>,
    },
    /// Each stands where the other stood.
    Exchanged {
        one: Known,
        other: Known,
    },
    /// One more name of a file.
    Linked {
        at: Known,
    },
    Removed(Gone),
    /// The view before this one ended without having told everything: the tree is to be compared with the catalogue.
    Unsure,
}

/// A file whose content is about to change.
#[derive(Clone, Debug)]
pub struct Stale {
    pub at: Known,
    /// Its copies are of an earlier content from now on.
    pub record: Record,
}

#[async_trait]
pub trait Changes: Send + Sync + 'static {
    /// Durable when it answers. A failure is the writer's error, and the file stays as it is. What is told here may not come to pass: a
    /// crash may leave the file with its record, and then its copies are as good as before.
    async fn stale(&self, file: Stale) -> Outcome<()>;

    /// Durable when it answers: only then are files let go that were removed and of which copies are elsewhere. After a failure the same
    /// changes are told again.
    async fn record(&self, changes: &[Change]) -> Outcome<()>;
}
