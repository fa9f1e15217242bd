//! What a view asks of the floor above when bytes of a stub are wanted: that floor knows where copies are, whose turn it is, how fast.

use std::ops::Range;

use async_trait::async_trait;
use capstan_domain::Outcome;
use capstan_stub::{Identity, RawFile};

use crate::recalling::Recalling;

/// Who wants the bytes: limits are per user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader {
    pub user: u32,
    pub group: u32,
    pub process: u32,
}

/// A stub whose bytes are wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Open for writing: `file.recall(..)` begins, whatever the file is called by now.
    pub file: RawFile,
    pub identity: Identity,
    /// Where it stood when it was asked for, as the catalogue spells paths; empty for a file that was removed and is still open.
    pub path: String,
    /// Bytes of the file.
    pub range: Range<u64>,
    pub reader: Reader,
}

#[async_trait]
pub trait Recalls: Send + Sync + 'static {
    /// Begins the recall, or joins one that is under way of the same file; answers as soon as there is something to wait on. The view asks
    /// once for a file, however many read it, and tells ranges that are wanted later by the [`Recalling`]. In the end the whole file is to
    /// be brought. Where a user's or the space's limit is reached this waits its turn: the view gives up after its own bound. A failure
    /// is the reader's error; `Conflict` with the code `not-a-stub` makes the view look again.
    async fn recall(&self, wanted: Wanted) -> Outcome<Recalling>;
}
