//! A line of a catalogue.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Kind, Malformed, Node, Place, Setting};

/// In the order in which it happened.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Change {
    /// A node is there, in place of what was there.
    Put(Record),
    Remove {
        path: String,
    },
    /// What was under the other name is gone.
    Rename {
        from: String,
        to: String,
    },
    Set {
        path: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        modified: Option<i64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mode: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uid: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gid: Option<u32>,
    },
    /// No value: it is removed.
    Xattr {
        path: String,
        name: String,
        value: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    File,
    Directory,
    Link,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    pub id: u64,
    pub path: String,
    pub kind: NodeKind,
    #[serde(default)]
    pub size: u64,
    pub modified: i64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<String>,
    /// Of a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Of a file: where its headers begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Place>,
    /// Of a file: where its data begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Place>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub xattrs: BTreeMap<String, String>,
}

impl Record {
    pub(crate) fn of(path: String, node: &Node) -> Self {
        let (kind, file, target) = match &node.kind {
            Kind::Directory(_) => (NodeKind::Directory, None, None),
            Kind::File(file) => (NodeKind::File, Some(file), None),
            Kind::Link(target) => (NodeKind::Link, None, Some(target.to_string())),
        };
        Self {
            id: node.id,
            path,
            kind,
            size: file.map_or(0, |file| file.size),
            modified: node.attributes.modified,
            mode: node.attributes.mode,
            uid: node.attributes.uid,
            gid: node.attributes.gid,
            blake3: file.and_then(|file| file.blake3).map(hex::encode),
            target,
            header: file.map(|file| file.header),
            data: file.map(|file| file.data),
            xattrs: node.xattrs.iter().map(|(name, value)| (name.clone(), hex::encode(value))).collect(),
        }
    }

    /// Whether it lies in a data section before that section.
    fn lies_before(&self, section: u32, block: u32) -> bool {
        let sound =
            |place: Place| place.section < section && place.section % 2 == 1 && place.offset < block && place.object < 1 << 62;
        self.kind != NodeKind::File || (self.header.is_some_and(sound) && self.data.is_some_and(sound))
    }
}

impl Change {
    pub(crate) fn set(path: &str, setting: &Setting) -> Self {
        let Setting { modified, mode, uid, gid } = *setting;
        Self::Set { path: path.to_owned(), modified, mode, uid, gid }
    }

    pub(crate) fn read(line: &[u8], section: u32, block: u32) -> Result<Self, Malformed> {
        const WHAT: &str = "a line of a catalogue";
        let change: Self = serde_json::from_slice(line).map_err(|_| Malformed(WHAT))?;
        match &change {
            Self::Put(record) if !record.lies_before(section, block) => Err(Malformed(WHAT)),
            _ => Ok(change),
        }
    }
}
