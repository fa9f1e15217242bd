//! Nodes of an archive, as the contract has them.

use capstan_sdk::types::Node;
use capstan_sdk::{named, text};
use capstan_tape_archive as format;
use capstan_tape_archive::{Kind, ROOT};

use crate::volumes::looks::{HASH, PLACE};

pub(crate) fn of(found: &format::Node, block: u32) -> Node {
    let place = found.file().map(|file| {
        let begins = file.data.object.saturating_mul(u64::from(block)).saturating_add(u64::from(file.data.offset));
        named(PLACE, begins.to_string())
    });
    Node {
        name: if found.id == ROOT { String::new() } else { found.name.to_string() },
        kind: super::kind(&found.kind),
        size: found.file().map_or(0, |file| file.size),
        modified: found.attributes.modified,
        mode: Some(found.attributes.mode),
        owner: Some(found.attributes.uid.to_string()),
        group: Some(found.attributes.gid.to_string()),
        id: Some(found.id.to_string()),
        link: match &found.kind {
            Kind::Link(target) => Some(target.to_string()),
            Kind::File(_) | Kind::Directory(_) => None,
        },
        extras: place.into_iter().collect(),
    }
}

/// With the hash of the content, where it is known.
pub(crate) fn xattrs(found: &format::Node) -> Vec<(String, Vec<u8>)> {
    let hash = found.file().and_then(|file| file.blake3).map(|blake3| (HASH.to_owned(), text::hex(&blake3).into_bytes()));
    let others = found.xattrs.iter().filter(|(name, _)| *name != HASH);
    hash.into_iter().chain(others.map(|(name, value)| (name.clone(), value.clone()))).collect()
}
