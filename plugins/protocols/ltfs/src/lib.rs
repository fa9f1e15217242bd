//! LTFS 2.4 (ISO/IEC 20919:2021, SNIA LTFS Format Specification 2.4; sections are those of the former): tapes that any LTFS software reads.
//!
//! A volume has two partitions. The small one holds the newest index, the large one files with an index behind them ([`label`] shows the
//! blocks). An index is a document that lists every file and where its bytes are ([`Index`], [`IndexReader`], [`IndexWriter`]); each has
//! a generation and points back to the one before it, so that a volume that was not unmounted is put in order again ([`Mount`]). What the
//! cartridge's memory says saves the search ([`memory`]).
//!
//! Nothing here moves a tape: [`Format`] and [`Commit`] list what is to be done, and [`Mount`] asks for one thing after the
//! other. What comes from a tape is not trusted: it is read up to a bound ([`bounds`]), and what cannot be is an [`Error`].

#![forbid(unsafe_code)]

pub mod bounds;
mod commit;
mod error;
mod extent;
mod format;
#[cfg(test)]
mod hostile;
mod index;
pub mod label;
mod markup;
pub mod memory;
mod mount;
mod packer;
mod place;
mod recovery;
mod step;
mod text;
mod time;
mod tree;
mod uuid;

pub use commit::Commit;
pub use error::Error;
pub use extent::{Extent, Run, runs};
pub use format::Format;
pub use index::{IndexReader, IndexWriter, Keep, Pointers};
pub use label::{Label, VolumeLabel};
pub use mount::{Answer, Mount, Mounted, Unmountable, Want};
pub use packer::Packer;
pub use place::{Layout, Partition, Position};
pub use recovery::{Decision, Found, Held, decide};
pub use step::{Step, Volume};
pub use time::Time;
pub use tree::{Attributes, Directory, Entry, File, HASH, Header, Index, Kind, NewFile, Refused, Times, Walk, is_name};
pub use uuid::Uuid;

/// The version of the format that is written.
pub const VERSION: &str = "2.4.0";
