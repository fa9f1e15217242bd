//! A file on its way into its bucket.

use bytes::Bytes;
use capstan_digest::Value;
use capstan_domain::Outcome;
use capstan_domain::ids::LocationId;
use capstan_mover::{Arrival, Item};
use capstan_stub::{Look, Proof, Version};

use super::super::Run;
use super::super::lanes::One;
use super::content::Standing;
use crate::copies::GoodCopy;
use crate::recorded::Attributes;

pub(super) struct File {
    pub(super) one: One,
    pub(super) version: Version,
    pub(super) look: Look,
    pub(super) attributes: Attributes,
    pub(super) location: LocationId,
    /// Its blocks are freed once the copy is proved and recorded.
    pub(super) stubs: bool,
    pub(super) blake3: Value,
    pub(super) blocks: Vec<Value>,
    /// Of a small file that has no good copy in its bucket yet.
    pub(super) bytes: Option<Bytes>,
    /// Good copies of this very content: the one in its bucket first.
    pub(super) copies: Vec<GoodCopy>,
}

impl File {
    pub(super) fn path(&self) -> &str {
        self.one.path()
    }

    pub(super) fn proof(&self) -> Outcome<Proof> {
        let evidence: Vec<_> = self.copies.iter().map(GoodCopy::evidence).collect();
        Proof::new(self.version, self.blake3, &self.blocks, &evidence, std::num::NonZeroUsize::MIN)
    }
}

/// The file as the mover names files.
pub(super) fn item(standing: &Standing, path: &str) -> Item {
    let Version { inode, size, modified } = standing.version;
    let attributes = standing.attributes;
    let mut item = Item::file(path, size, modified);
    item.changed = Some(attributes.changed);
    (item.mode, item.uid, item.gid) = (Some(attributes.mode), Some(attributes.uid), Some(attributes.gid));
    item.identity.inode = Some(inode);
    item
}

pub(super) fn arrival(
    run: &Run,
    place: &str,
    version: &Version,
    attributes: Attributes,
    blake3: Option<Value>,
    overwrite: bool,
) -> Arrival {
    let content = format!("{} {} {} {:?}", version.inode, version.size, version.modified.0, blake3);
    Arrival {
        path: place.to_owned(),
        size: version.size,
        modified: version.modified,
        mode: Some(attributes.mode),
        uid: Some(attributes.uid),
        gid: Some(attributes.gid),
        blake3,
        attempt: run.attempt(place, content.as_bytes()),
        overwrite,
        storage_class: None,
    }
}
