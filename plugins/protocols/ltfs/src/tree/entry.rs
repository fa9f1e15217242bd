//! A file, a directory or a symbolic link.

use std::collections::BTreeMap;

use super::{Attributes, HASH};
use crate::{Extent, Time};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub uid: u64,
    pub times: Times,
    pub read_only: bool,
    pub kind: Kind,
    pub attributes: Attributes,
    /// Elements that nobody here knows, as they stood there.
    pub(crate) unknown: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    File(File),
    Directory(Directory),
    /// Where it points, which may be anywhere.
    Link(Box<str>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Times {
    pub creation: Time,
    /// Of anything about it.
    pub change: Time,
    /// Of its content.
    pub modify: Time,
    pub access: Time,
    pub backup: Time,
}

impl Times {
    pub fn all(time: Time) -> Self {
        Self { creation: time, change: time, modify: time, access: time, backup: time }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct File {
    /// Bytes, of which those in no extent are zeros.
    pub length: u64,
    /// Somebody had it open for writing when the index was written: its content may not be whole.
    pub open_for_write: bool,
    pub(crate) extents: Extents,
}

/// Nearly every file has one, which needs no memory of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Extents {
    One(Extent),
    Many(Box<[Extent]>),
}

impl Default for Extents {
    fn default() -> Self {
        Self::Many(Box::default())
    }
}

impl From<Vec<Extent>> for Extents {
    fn from(extents: Vec<Extent>) -> Self {
        match extents.as_slice() {
            [one] => Self::One(*one),
            _ => Self::Many(extents.into_boxed_slice()),
        }
    }
}

impl File {
    /// In the order of the file, none over another.
    pub fn extents(&self) -> &[Extent] {
        match &self.extents {
            Extents::One(extent) => std::slice::from_ref(extent),
            Extents::Many(extents) => extents,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Directory {
    pub(crate) children: BTreeMap<Box<str>, Box<Entry>>,
}

impl Directory {
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.children.get(name).map(Box::as_ref)
    }

    /// By name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.children.iter().map(|(name, entry)| (name.as_ref(), entry.as_ref()))
    }

    pub fn len(&self) -> usize {
        self.children.len()
    }

    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }
}

impl Entry {
    pub(crate) fn new(uid: u64, times: Times, kind: Kind) -> Self {
        Self { uid, times, read_only: false, kind, attributes: Attributes::default(), unknown: None }
    }

    pub fn file(&self) -> Option<&File> {
        match &self.kind {
            Kind::File(file) => Some(file),
            Kind::Directory(_) | Kind::Link(_) => None,
        }
    }

    pub fn directory(&self) -> Option<&Directory> {
        match &self.kind {
            Kind::Directory(directory) => Some(directory),
            Kind::File(_) | Kind::Link(_) => None,
        }
    }

    /// The digits of its BLAKE3, if whoever wrote it left them.
    pub fn hash(&self) -> Option<&str> {
        self.attributes.get(HASH).and_then(|value| std::str::from_utf8(value).ok())
    }
}
