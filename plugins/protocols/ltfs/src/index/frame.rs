//! Elements of an index that are open, and what was read of them so far.

use crate::tree::{Attributes, Times};
use crate::{Entry, Error, Extent, Partition, Position, Time};

/// An element that has text alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    Creator,
    Comment,
    Volume,
    Generation,
    UpdateTime,
    AllowPolicyUpdate,
    LockState,
    HighestUid,
    Partition,
    StartBlock,
    Name,
    Uid,
    Creation,
    Change,
    Modify,
    Access,
    Backup,
    ReadOnly,
    OpenForWrite,
    Length,
    Link,
    FileOffset,
    ByteOffset,
    ByteCount,
    Key,
    Value,
}

const OF_INDEX: &[(&str, Leaf)] = &[
    ("creator", Leaf::Creator),
    ("comment", Leaf::Comment),
    ("volumeuuid", Leaf::Volume),
    ("generationnumber", Leaf::Generation),
    ("updatetime", Leaf::UpdateTime),
    ("allowpolicyupdate", Leaf::AllowPolicyUpdate),
    ("volumelockstate", Leaf::LockState),
    ("highestfileuid", Leaf::HighestUid),
];
const OF_POINTER: &[(&str, Leaf)] = &[("partition", Leaf::Partition), ("startblock", Leaf::StartBlock)];
const OF_ENTRY: &[(&str, Leaf)] = &[
    ("name", Leaf::Name),
    ("fileuid", Leaf::Uid),
    ("creationtime", Leaf::Creation),
    ("changetime", Leaf::Change),
    ("modifytime", Leaf::Modify),
    ("accesstime", Leaf::Access),
    ("backuptime", Leaf::Backup),
    ("readonly", Leaf::ReadOnly),
];
const OF_FILE: &[(&str, Leaf)] = &[("length", Leaf::Length), ("openforwrite", Leaf::OpenForWrite), ("symlink", Leaf::Link)];
const OF_EXTENT: &[(&str, Leaf)] = &[
    ("partition", Leaf::Partition),
    ("startblock", Leaf::StartBlock),
    ("fileoffset", Leaf::FileOffset),
    ("byteoffset", Leaf::ByteOffset),
    ("bytecount", Leaf::ByteCount),
];
const OF_ATTRIBUTE: &[(&str, Leaf)] = &[("key", Leaf::Key), ("value", Leaf::Value)];

#[derive(Debug)]
pub(super) enum Frame {
    Index,
    Location(Pointer),
    Previous(Pointer),
    Directory(Box<Open>),
    File(Box<Open>),
    Contents,
    Extents,
    Extent(Place),
    Attributes,
    Attribute(String, Vec<u8>),
    Leaf(Leaf, &'static str),
    Unknown(Box<str>),
}

impl Frame {
    /// What an element of this name is inside this one.
    pub(super) fn child(&self, name: &str) -> Self {
        let known = match (self, name) {
            (Self::Index, "location") => Some(Self::Location(Pointer::default())),
            (Self::Index, "previousgenerationlocation") => Some(Self::Previous(Pointer::default())),
            (Self::Index | Self::Contents, "directory") => Some(Self::Directory(Box::default())),
            (Self::Contents, "file") => Some(Self::File(Box::default())),
            (Self::Directory(_), "contents") => Some(Self::Contents),
            (Self::Directory(_) | Self::File(_), "extendedattributes") => Some(Self::Attributes),
            (Self::File(_), "extentinfo") => Some(Self::Extents),
            (Self::Extents, "extent") => Some(Self::Extent(Place::default())),
            (Self::Attributes, "xattr") => Some(Self::Attribute(String::new(), Vec::new())),
            _ => None,
        };
        known.or_else(|| self.leaf(name)).unwrap_or_else(|| Self::Unknown(name.into()))
    }

    fn leaf(&self, name: &str) -> Option<Self> {
        let lists: [&[(&'static str, Leaf)]; 2] = match self {
            Self::Index => [OF_INDEX, &[]],
            Self::Location(_) | Self::Previous(_) => [OF_POINTER, &[]],
            Self::Directory(_) => [OF_ENTRY, &[]],
            Self::File(_) => [OF_ENTRY, OF_FILE],
            Self::Extent(_) => [OF_EXTENT, &[]],
            Self::Attribute(..) => [OF_ATTRIBUTE, &[]],
            Self::Contents | Self::Extents | Self::Attributes | Self::Leaf(..) | Self::Unknown(_) => return None,
        };
        lists.into_iter().flatten().find(|(known, _)| *known == name).map(|(name, leaf)| Self::Leaf(*leaf, name))
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Index => "ltfsindex",
            Self::Location(_) => "location",
            Self::Previous(_) => "previousgenerationlocation",
            Self::Directory(_) => "directory",
            Self::File(_) => "file",
            Self::Contents => "contents",
            Self::Extents => "extentinfo",
            Self::Extent(_) => "extent",
            Self::Attributes => "extendedattributes",
            Self::Attribute(..) => "xattr",
            Self::Leaf(_, name) => name,
            Self::Unknown(name) => name,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Pointer {
    pub(super) partition: Option<Partition>,
    pub(super) block: Option<u64>,
}

impl Pointer {
    pub(super) fn position(&self) -> Result<Position, Error> {
        let (Some(partition), Some(block)) = (self.partition, self.block) else { return Err(Error::Malformed("a pointer")) };
        Ok(Position { partition, block })
    }
}

#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) pointer: Pointer,
    /// Volumes before 2.0 have one extent behind the other, and do not say where in the file.
    pub(super) file_offset: Option<u64>,
    pub(super) byte_offset: u32,
    pub(super) byte_count: Option<u64>,
}

impl Place {
    pub(super) fn extent(&self, behind: u64) -> Result<Extent, Error> {
        let Position { partition, block } = self.pointer.position()?;
        let byte_count = self.byte_count.ok_or(Error::Malformed("the bytes of an extent"))?;
        let file_offset = self.file_offset.unwrap_or(behind);
        Ok(Extent { file_offset, start_block: block, byte_count, byte_offset: self.byte_offset, partition })
    }
}

/// A file or directory that is open.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) name: Option<String>,
    /// 0: none was given, as in volumes before 2.0.
    pub(super) uid: u64,
    pub(super) times: Times,
    pub(super) read_only: bool,
    pub(super) open_for_write: bool,
    pub(super) length: Option<u64>,
    pub(super) link: Option<Box<str>>,
    pub(super) extents: Vec<Extent>,
    pub(super) attributes: Attributes,
    pub(super) unknown: String,
    pub(super) children: Vec<(Box<str>, Box<Entry>)>,
}

impl Open {
    pub(super) fn set_time(&mut self, leaf: Leaf, time: Time) {
        match leaf {
            Leaf::Creation => self.times.creation = time,
            Leaf::Change => self.times.change = time,
            Leaf::Modify => self.times.modify = time,
            Leaf::Access => self.times.access = time,
            _ => self.times.backup = time,
        }
    }
}
