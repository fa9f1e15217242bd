//! Copies of a file's content: found again where they lie, and told in the words of the catalogue and of the record beside the file.

use capstan_catalogue::NewReplica;
use capstan_digest::{self as digest, Value};
use capstan_domain::ids::LocationId;
use capstan_domain::time::Timestamp;
use capstan_mover::Item;
use capstan_stub::{Content, Place, VerifiedCopy};

/// A copy that was read back and is the content.
#[derive(Clone, Debug)]
pub(crate) struct GoodCopy {
    pub(crate) location: LocationId,
    /// The target's own key or path.
    pub(crate) key: String,
    pub(crate) size: u64,
    /// As the target shows it.
    pub(crate) modified: Timestamp,
    pub(crate) etag: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) blake3: Value,
    /// Subtree values of each 16 MiB; empty for a smaller file.
    pub(crate) blocks: Vec<Value>,
    pub(crate) verified: Timestamp,
}

impl GoodCopy {
    pub(crate) fn place(&self) -> Place {
        Place { location: self.location, name: self.key.clone(), version: self.version.clone() }
    }

    pub(crate) fn evidence(&self) -> VerifiedCopy {
        VerifiedCopy { place: self.place(), size: self.size, blake3: self.blake3, verified: self.verified }
    }

    pub(crate) fn replica(&self, path: &str) -> NewReplica {
        NewReplica {
            path: path.to_owned(),
            location: self.location,
            key: self.key.clone(),
            size: self.size,
            modified: self.modified,
            etag: self.etag.clone(),
            version: self.version.clone(),
            blake3: self.blake3.to_vec(),
            subtrees: digest::to_bytes(&self.blocks),
            verified: Some(self.verified),
        }
    }
}

/// What a tree finds a copy by, of which only the key is known.
pub(crate) fn item_of(key: &str, content_size: u64, modified: Timestamp) -> Item {
    Item { native: Some(key.to_owned()), ..Item::file(key, content_size, modified) }
}

/// The copies that a record names, in the catalogue's words. They were proved before the record was written, and not before the content
/// got its time.
pub(crate) fn replicas_of(content: &Content, path: &str) -> Vec<NewReplica> {
    let replica = |place: &Place| NewReplica {
        path: path.to_owned(),
        location: place.location,
        key: place.name.clone(),
        size: content.size,
        modified: content.modified,
        etag: None,
        version: place.version.clone(),
        blake3: content.blake3.to_vec(),
        subtrees: digest::to_bytes(&content.blocks),
        verified: Some(content.modified),
    };
    content.places.iter().map(replica).collect()
}
