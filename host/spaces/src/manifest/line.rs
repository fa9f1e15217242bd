//! Lines of a manifest: one path each.

use std::collections::BTreeMap;

use capstan_catalogue::NewReplica;
use capstan_digest::{self as digest, Value};
use capstan_domain::failure::Kind;
use capstan_domain::ids::LocationId;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use capstan_stub::{Content, Place};
use serde::{Deserialize, Serialize};

use super::hex_bytes::HexBytes;

/// Bytes of subtree values in a line, enough for files of 8 TiB. Larger ones go without: the hash of the whole proves them.
const MOST_BLOCKS: usize = 16 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    File(Box<FileLine>),
    /// The bucket holds nothing any more that belongs to a file of this path.
    Gone {
        path: String,
    },
}

/// A file whose content has a verified copy in the bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileLine {
    /// In the space, as the catalogue spells paths.
    pub(super) path: String,
    /// Bytes.
    pub(super) size: u64,
    /// Nanoseconds since 1970, as all times here.
    pub(super) modified: i64,
    /// Permission bits.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The ACL is one of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) xattrs: BTreeMap<String, HexBytes>,
    pub(super) blake3: HexBytes,
    /// Subtree values of each 16 MiB, one after the other; none of a smaller file.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(super) blocks: HexBytes,
    pub(super) copy: StoredCopy,
}

/// Where the content lies, and how the target shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredCopy {
    /// The target's own key or path.
    pub(super) key: String,
    pub(super) modified: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    pub(super) verified: i64,
}

/// What a file is beside its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) modified: Timestamp,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) xattrs: BTreeMap<String, HexBytes>,
}

fn is_empty(bytes: &HexBytes) -> bool {
    bytes.0.is_empty()
}

impl Line {
    pub(super) fn path(&self) -> &str {
        match self {
            Self::File(file) => &file.path,
            Self::Gone { path } => path,
        }
    }

    /// Bytes that it takes in a batch, about.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::File(file) => {
                let xattrs: usize = file.xattrs.iter().map(|(name, value)| name.len() + value.0.len() * 2 + 8).sum();
                400 + file.path.len() + file.copy.key.len() + file.blocks.0.len() * 2 + xattrs
            }
            Self::Gone { path } => 24 + path.len(),
        }
    }
}

impl FileLine {
    pub(super) fn new(copy: NewReplica, shape: Shape) -> Self {
        let blocks = if copy.subtrees.len() > MOST_BLOCKS { Vec::new() } else { copy.subtrees };
        Self {
            path: copy.path,
            size: copy.size,
            modified: shape.modified.0,
            mode: shape.mode,
            uid: shape.uid,
            gid: shape.gid,
            xattrs: shape.xattrs,
            blake3: HexBytes(copy.blake3),
            blocks: HexBytes(blocks),
            copy: StoredCopy {
                key: copy.key,
                modified: copy.modified.0,
                etag: copy.etag,
                version: copy.version,
                verified: copy.verified.unwrap_or(shape.modified).0,
            },
        }
    }

    /// Fails with `Corrupt` where the hashes are none.
    pub(super) fn content(&self, location: LocationId) -> Outcome<Content> {
        let hashes = Value::try_from(self.blake3.0.as_slice()).ok().zip(digest::from_bytes(&self.blocks.0));
        let (blake3, blocks) = hashes.ok_or_else(|| {
            Failure::new(Kind::Corrupt, format!("The manifest's hashes of {:?} are none", self.path)).with_code("bad-manifest")
        })?;
        let place = Place { location, name: self.copy.key.clone(), version: self.copy.version.clone() };
        Ok(Content { size: self.size, modified: Timestamp(self.modified), blake3, blocks, places: vec![place] })
    }

    pub(super) fn replica(&self, location: LocationId) -> NewReplica {
        NewReplica {
            path: self.path.clone(),
            location,
            key: self.copy.key.clone(),
            size: self.size,
            modified: Timestamp(self.copy.modified),
            etag: self.copy.etag.clone(),
            version: self.copy.version.clone(),
            blake3: self.blake3.0.clone(),
            subtrees: self.blocks.0.clone(),
            verified: Some(Timestamp(self.copy.verified)),
        }
    }
}
