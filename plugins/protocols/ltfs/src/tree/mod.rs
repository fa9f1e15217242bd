//! The files of a volume in memory, as an index has them, and what is done to them. A file takes less than 400 bytes with its name, one
//! extent and one hash, so that a million of them fit where a plugin runs; names are ordered, so that a listing can go on behind any of them.

mod attributes;
mod entry;
mod name;
mod operations;
mod refused;
mod walk;

pub use attributes::Attributes;
pub use entry::{Directory, Entry, File, Kind, Times};
pub use name::is_name;
pub(crate) use name::storable;
pub use operations::NewFile;
pub use refused::Refused;
pub use walk::Walk;

use crate::{Partition, Position, Time, Uuid};

/// The attribute in which the BLAKE3 of a file's content stands, as 64 digits.
pub const HASH: &str = "capstan.blake3";

/// An index: the volume's state at one moment.
#[derive(Debug)]
pub struct Index {
    /// Who wrote it (section 7.2).
    pub creator: Box<str>,
    pub comment: Option<Box<str>>,
    pub volume: Uuid,
    pub generation: u64,
    pub update_time: Time,
    /// Where it says it is.
    pub location: Position,
    /// The back pointer (section 5.4.3).
    pub previous: Option<Position>,
    pub allow_policy_update: bool,
    /// `locked` and `permlocked` forbid to write; none: as if `unlocked`.
    pub lock: Option<Box<str>>,
    /// File uids are never given twice (section 9.2.2); the root's is 1.
    pub highest_uid: u64,
    /// The name of the volume, which is that of its root.
    pub name: Box<str>,
    pub(crate) root: Entry,
    /// Elements that nobody here knows, and the data placement policy, as they stood there.
    pub(crate) unknown: Option<Box<str>>,
    pub(crate) entries: u64,
    changed: bool,
}

impl Index {
    /// Of a fresh volume: generation 1, and nothing but a root.
    pub fn new(creator: &str, volume: Uuid, name: &str, data: Partition, now: Time) -> Self {
        let root = Entry::new(1, Times::all(now), Kind::Directory(Directory::default()));
        Self::of(Header::new(creator, volume, data, now), name.into(), root, 1)
    }

    pub(crate) fn of(header: Header, name: Box<str>, root: Entry, entries: u64) -> Self {
        Self {
            creator: header.creator,
            comment: header.comment,
            volume: header.volume,
            generation: header.generation,
            update_time: header.update_time,
            location: header.location,
            previous: header.previous,
            allow_policy_update: header.allow_policy_update,
            lock: header.lock,
            highest_uid: header.highest_uid,
            name,
            root,
            unknown: header.unknown,
            entries,
            changed: false,
        }
    }

    /// Files and directories, the root among them.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Whether something was done to it since [`Index::next_generation`].
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    pub fn is_locked(&self) -> bool {
        self.lock.as_deref().is_some_and(|lock| lock != "unlocked")
    }

    /// Before it is written with what was done to it: the next generation, written by this creator at this moment.
    pub fn next_generation(&mut self, creator: &str, now: Time) -> u64 {
        self.generation = self.generation.saturating_add(1);
        self.creator = creator.into();
        // The comment was about the generation before.
        self.comment = None;
        self.update_time = now;
        self.changed = false;
        self.generation
    }

    /// After a write of it failed: what was done to it is still to be written.
    pub fn mark_changed(&mut self) {
        self.changed = true;
    }

    /// The block behind the last that files have in this partition; 0: they have none there.
    pub fn end_of_extents(&self, partition: Partition, block_bytes: u32) -> u64 {
        let files = self.walk().filter_map(|(_, entry)| entry.file());
        let extents = files.flat_map(|file| file.extents()).filter(|extent| extent.partition == partition);
        extents.map(|extent| extent.end_block(block_bytes)).max().unwrap_or(0)
    }
}

/// An index without its tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub creator: Box<str>,
    pub comment: Option<Box<str>>,
    pub volume: Uuid,
    pub generation: u64,
    pub update_time: Time,
    pub location: Position,
    pub previous: Option<Position>,
    pub allow_policy_update: bool,
    pub lock: Option<Box<str>>,
    pub highest_uid: u64,
    pub(crate) unknown: Option<Box<str>>,
}

impl Header {
    fn new(creator: &str, volume: Uuid, data: Partition, now: Time) -> Self {
        Self {
            creator: creator.into(),
            comment: None,
            volume,
            generation: 1,
            update_time: now,
            location: Position { partition: data, block: 0 },
            previous: None,
            allow_policy_update: false,
            lock: None,
            highest_uid: 1,
            unknown: None,
        }
    }
}
