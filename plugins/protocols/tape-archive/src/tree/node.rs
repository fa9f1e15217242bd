//! One entry of a volume.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Place, Refused};

/// Of directories that were made on the way to something else.
pub const DIRECTORY_MODE: u32 = 0o755;
/// Bytes of the names and values of a node's extended attributes.
pub const XATTR_BYTES: usize = 64 << 10;
/// Bytes of the name of one.
const XATTR_NAME: usize = 255;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Nanoseconds since 1970.
    pub modified: i64,
    /// The twelve permission bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

/// What is given changes, the rest stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// Nanoseconds since 1970.
    pub modified: Option<i64>,
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
}

impl Setting {
    pub(crate) fn apply(&self, to: &mut Attributes) {
        to.modified = self.modified.unwrap_or(to.modified);
        to.mode = self.mode.unwrap_or(to.mode) & 0o7777;
        to.uid = self.uid.unwrap_or(to.uid);
        to.gid = self.gid.unwrap_or(to.gid);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// Bytes.
    pub size: u64,
    /// Of the data. None: nobody knows it, the file was found by its headers and they do not say.
    pub blake3: Option<[u8; 32]>,
    /// Where its headers begin.
    pub header: Place,
    /// Where its data begins.
    pub data: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What lies in it, by name.
    Directory(BTreeMap<Arc<str>, u64>),
    File(File),
    /// Where it points.
    Link(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Stays as long as the node is there, wherever it moves; no other one ever has it.
    pub id: u64,
    pub(crate) parent: u64,
    pub name: Arc<str>,
    pub attributes: Attributes,
    pub xattrs: BTreeMap<String, Vec<u8>>,
    pub kind: Kind,
}

impl Node {
    pub fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory(_))
    }

    pub fn file(&self) -> Option<&File> {
        if let Kind::File(file) = &self.kind { Some(file) } else { None }
    }
}

/// Whether a node that has these may have this one too, or instead.
pub(crate) fn check_xattr(has: &BTreeMap<String, Vec<u8>>, name: &str, value: &[u8]) -> Result<(), Refused> {
    // With either, an extended header could not hold it.
    if name.is_empty() || name.len() > XATTR_NAME || name.contains(['\0', '=']) {
        return Err(Refused::Name("an extended attribute has a name of 1 to 255 bytes without zeros and ="));
    }
    let others = has.iter().filter(|(other, _)| *other != name);
    let bytes = others.fold(name.len().saturating_add(value.len()), |sum, (name, value)| sum + name.len() + value.len());
    if bytes > XATTR_BYTES { Err(Refused::TooMany("bytes of extended attributes")) } else { Ok(()) }
}
