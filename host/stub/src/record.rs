//! The record: what one extended attribute beside the file says of its content.
//!
//! With it the catalogue can be rebuilt from the files, and from the catalogue the record. A record is of one file: it holds the inode,
//! the time of birth and the size of the file it was written for, so a copy that took the attribute along is no stub of the original.

mod bytes;
mod encoding;

use std::os::fd::AsFd;

use capstan_digest::{BLOCK, Value};
use capstan_domain::failure::Kind;
use capstan_domain::ids::LocationId;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use rustix::fs::XattrFlags;
use rustix::io::Errno;

use crate::fault;

/// The attribute. A view shows it to nobody and lets nobody set it.
pub const RECORD_NAME: &str = "user.capstan.record";
/// Bytes of a record: with it there is room left for others in the one block that ext4 has for attributes.
pub const RECORD_BYTES: usize = 3072;
/// Values of blocks that stand in the record, for files up to 256 MiB; those of larger files are the catalogue's.
const INLINE_BLOCKS: usize = 16;
/// Places that stand in the record.
const MOST_PLACES: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Here whole, and elsewhere.
    Premigrated,
    /// Elsewhere only, but for the leading bytes.
    Migrated,
    /// On its way back: what of it is here is known to whoever brings it, and to nobody after a crash.
    Recalling,
}

/// What tells a file from a copy of it, also on another file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub inode: u64,
    /// Nanoseconds since 1970; 0 where the file system does not know.
    pub birth: i64,
}

/// Where a copy lies, in the caller's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub location: LocationId,
    /// Key or path in the location.
    pub name: String,
    pub version: Option<String>,
}

/// A content, as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Bytes.
    pub size: u64,
    pub modified: Timestamp,
    pub blake3: Value,
    /// BLAKE3 subtree values of each 16 MiB; empty for a smaller file, or when they stand elsewhere.
    pub blocks: Vec<Value>,
    pub places: Vec<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub stage: Stage,
    /// The file it was written for.
    pub identity: Identity,
    /// Bytes at the beginning that stayed on the disk.
    pub leading: u64,
    pub content: Content,
    /// Places there was no room for: the catalogue has them.
    pub unnamed: u16,
}

/// Why a record says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    Damaged,
    /// A later version of the format.
    Newer(u8),
}

impl Record {
    /// Takes of the content what a record holds: all if it is small.
    pub(crate) fn new(stage: Stage, identity: Identity, leading: u64, content: &Content) -> Outcome<Self> {
        let inline = content.size > BLOCK && content.blocks.len() <= INLINE_BLOCKS;
        let mut record = Self {
            stage,
            identity,
            leading: leading.min(content.size),
            content: Content {
                blocks: if inline { content.blocks.clone() } else { Vec::new() },
                places: content.places.iter().take(MOST_PLACES).cloned().collect(),
                ..*content
            },
            unnamed: 0,
        };
        while record.content.places.len() > 1 && encoding::length(&record) > RECORD_BYTES {
            record.content.places.pop();
        }
        let left_out = content.places.len() - record.content.places.len();
        record.unnamed = u16::try_from(left_out).unwrap_or(u16::MAX);
        if encoding::length(&record) > RECORD_BYTES {
            return Err(Failure::invalid("The name of the copy is too long for a record").with_code("name-too-long"));
        }
        Ok(record)
    }

    pub(crate) fn at(&self, stage: Stage) -> Self {
        Self { stage, ..self.clone() }
    }
}

pub(crate) fn of(handle: impl AsFd) -> Result<Option<Result<Record, Unreadable>>, Errno> {
    let mut room = [0; RECORD_BYTES];
    read(rustix::fs::fgetxattr(handle, RECORD_NAME, room.as_mut_slice()), &room)
}

pub(crate) fn at(path: &str) -> Result<Option<Result<Record, Unreadable>>, Errno> {
    let mut room = [0; RECORD_BYTES];
    read(rustix::fs::getxattr(path, RECORD_NAME, room.as_mut_slice()), &room)
}

fn read(length: Result<usize, Errno>, room: &[u8]) -> Result<Option<Result<Record, Unreadable>>, Errno> {
    match length {
        Ok(length) => Ok(Some(encoding::decode(room.get(..length).unwrap_or_default()))),
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
        // Longer than any of ours.
        Err(Errno::RANGE | Errno::TOOBIG) => Ok(Some(Err(Unreadable::Damaged))),
        Err(errno) => Err(errno),
    }
}

/// Whether an open file's bytes are all its own: no record says that they lie elsewhere. For whoever reads files without knowing of
/// spaces; what cannot be read of a record is not taken for a file that is here.
pub fn content_is_here(handle: impl AsFd) -> Result<bool, Errno> {
    Ok(match of(handle)? {
        None => true,
        Some(Ok(record)) => record.stage == Stage::Premigrated,
        Some(Err(Unreadable::Damaged | Unreadable::Newer(_))) => false,
    })
}

/// Replaces the record at once or not at all, as the file system's journal has it.
pub(crate) fn write(handle: impl AsFd, record: &Record, shown: &str) -> Outcome<()> {
    rustix::fs::fsetxattr(handle, RECORD_NAME, &encoding::encode(record), XattrFlags::empty()).map_err(|errno| match errno {
        Errno::OPNOTSUPP => fault::lacks("user extended attributes", shown),
        // ext4 says so when others' attributes fill its block; others when the disk is full.
        Errno::NOSPC | Errno::DQUOT => Failure::new(Kind::NoSpace, format!("There is no room for a record beside {shown:?}"))
            .with_code("no-room-for-record")
            .with_detail(format!("{shown:?}: {errno}"))
            .with_next_step("Remove some of its extended attributes, or free space on the file system."),
        errno => fault::of(errno, shown),
    })
}

/// Also when there is none.
pub(crate) fn remove(handle: impl AsFd) -> Result<(), Errno> {
    match rustix::fs::fremovexattr(handle, RECORD_NAME) {
        Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(()),
        Err(errno) => Err(errno),
    }
}
