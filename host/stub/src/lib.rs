//! A file of a space whose content may lie elsewhere: resident, premigrated, migrated (a stub), being recalled.
//!
//! The state stands in one extended attribute beside the file ([`Record`]). Bytes leave the disk only on a [`Proof`] and under a lease;
//! they come back through a [`Filling`], which lets nobody read what was not proved. Nothing here knows a catalogue or a target, and
//! nothing is asynchronous: every call blocks on the disk, and runs where its caller lets things block. Memory does not grow with the
//! content, but for 33 bytes for each 16 MiB of a recall.
//!
//! Whoever reads a file opens it and looks by the handle: data it stays for as long as it is open. Whoever writes opens it and calls
//! [`RawFile::invalidate`] before the first change. Both are told `Busy` (`file-in-use`) for the moment in which it is being migrated,
//! and try again.
//!
//! What is on the disk after a crash, by the last step that was durable, and what [`RawTree::repair`] makes of it:
//!
//! | work | died after | record says | content is | becomes |
//! |---|---|---|---|---|
//! | premigrate | the record | resident or premigrated | whole | what the record says |
//! | migrate | the lease | as before | whole | as before |
//! | migrate | the record, before its sync | as before, or migrated | whole | as before, or a stub |
//! | migrate | the record's sync | migrated | whole | a stub: the copies are proved |
//! | migrate | the hole, or a part of it | migrated, with the hole's time | gone | a stub with its time |
//! | migrate | the times | migrated | gone | a stub |
//! | recall | the record, pieces, the content's sync | migrated or recalling | in part, or whole | a stub, recalled anew |
//! | recall | the record, before its sync | recalling or premigrated | whole | a stub, or premigrated |
//! | recall | the record's sync | premigrated | whole | premigrated |
//! | invalidate | the record's removal, before its sync | premigrated or resident | whole, unchanged | what the record says |
//! | empty | the cut | migrated, but the file has no bytes | none, as wanted | resident |
//! | set the time | the record | of the new time | whole | resident, as its time differs; a stub gets the new time |
//! | reverse stub | anything before the name | a stub under a temporary name | elsewhere | removed |
//! | reverse stub | the name | migrated | elsewhere | a stub |
//!
//! A lease keeps others out for `/proc/sys/fs/lease-break-time` (45 s). Whoever goes by this room is kept out longer, by a lock; whoever
//! writes into the raw tree around it, as root may, is outside the promise (D13).

mod abilities;
mod attributes;
mod fault;
mod file;
mod folder;
mod hole;
mod lease;
mod lock;
mod look;
mod migrate;
mod path;
mod premigrate;
mod proof;
mod recall;
mod record;
mod repair;
mod reverse;
mod steps;
#[cfg(test)]
mod tests;
mod tree;
mod version;
mod writing;

pub use file::RawFile;
pub use folder::Listed;
pub use look::{Look, State};
pub use migrate::{MIGRATE_TOGETHER, Migrated, Wanted};
pub use path::{OWN_PREFIX, is_own, is_temporary};
pub use proof::{Proof, VerifiedCopy};
pub use recall::{FINISH_TOGETHER, Filling, PIECE, Piece, READ_BYTES};
pub use record::{Content, Identity, Place, RECORD_BYTES, RECORD_NAME, Record, Stage, Unreadable, content_is_here};
pub use repair::{Repaired, Verdict};
pub use reverse::{Existing, NewStub};
pub use tree::{Access, RawTree};
pub use version::Version;
pub use writing::ForWriting;
