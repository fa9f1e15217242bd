//! Files on a cartridge that has no partitions: a row of sections with one filemark behind each, every one of them a tar (POSIX.1-2024, pax,
//! "pax Interchange Format") that plain `tar` reads.
//!
//! | section | blocks of | holds |
//! |---|---|---|
//! | 0 | [`LABEL_BLOCK`] bytes | `.capstan/label.json`: whose cartridge this is ([`Label`]) |
//! | 1, 3, 5, … | the label's `block` | files, directories and links, one behind the other: small ones share a block |
//! | 2, 4, 6, … | the label's `block` | `.capstan/catalogue-N.jsonl`: what changed since the catalogue before it, or all there is |
//!
//! The last block of a section is filled up with zeros, so `tar -b 1024 -xf /dev/nst0` reads a section whose blocks have 512 KiB. A place is
//! told in three numbers ([`Place`]): filemarks before it, blocks and filemarks before it (what LOCATE takes), bytes into the block.
//!
//! A catalogue is lines of JSON: a [`catalogue::Head`] with the places of the catalogue before it and of the newest full one, a
//! [`catalogue::Change`] per line, and a BLAKE3 of all of that. Data is durable when the filemark behind its catalogue has been answered.
//! [`Volume`] writes, [`Mount`] finds out what a cartridge holds. Neither knows a drive: both say what is to be done and are told how it ended.
//!
//! What is left where power goes, and what the next [`Mount`] makes of it:
//!
//! | during | on the tape behind the last durable catalogue | then |
//! |---|---|---|
//! | blocks of a data section | some blocks, no filemark | ignored; what is appended goes over it |
//! | the filemark behind it | all of the section, a filemark or none | the same |
//! | blocks of the catalogue | a section, a filemark, some blocks | the same |
//! | the filemark behind the catalogue, not answered | all of it, a filemark or none | with the filemark all of it is there, else as above |
//! | afterwards | all of it | all of it is there |
//! | the label's blocks, its filemark | no label that ends | not a volume; to be formatted again |
//!
//! A catalogue that ends in a filemark and cannot be read was durable: the headers in the data section before it are read instead. Changes
//! that have no header (removed, renamed, other attributes) are then lost, and [`Report`] says so.
//!
//! A tape is not trusted: every length has a bound here, and what cannot be is counted and left out.

#![forbid(unsafe_code)]

pub mod catalogue;
mod extent;
mod label;
mod mount;
mod path;
mod place;
mod refused;
mod section;
pub mod tar;
#[cfg(test)]
mod tests;
mod tree;
mod volume;

pub use extent::{Cutter, Extent};
pub use label::{BLOCKS, Label, NotALabel};
pub use mount::{Abilities, Action, Answer, Met, Mount, MountFailure, Report};
pub use place::{Mark, Place};
pub use refused::Refused;
pub use tree::{Attributes, DIRECTORY_MODE, ENTRIES, File, Kind, Node, Page, ROOT, Setting, Tree, XATTR_BYTES};
pub use volume::{FULL_EVERY, Form, Metadata, Step, Volume, WAITING};

/// What the format is called in labels and catalogues.
pub const FORMAT: &str = "capstan-tape-archive";
pub const VERSION: u32 = 1;
/// Bytes of the label's blocks: what `tar` takes when it is told nothing.
pub const LABEL_BLOCK: u32 = 10_240;
/// The directory that is the format's own; nothing else may have this name at the root.
pub const RESERVED: &str = ".capstan";

/// Something that was read and cannot be; what was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);
