//! Entries of an index, as the contract has nodes.

use capstan_ltfs::{Entry, Kind, Time, Volume};
use capstan_sdk::named;
use capstan_sdk::types::{self, Node};

use crate::volumes::looks::PLACE;

/// Bits of a place that are the bytes of a partition.
const PARTITION: u32 = 56;

fn nanoseconds(time: Time) -> i64 {
    time.seconds().saturating_mul(1_000_000_000).saturating_add(i64::from(time.nanoseconds()))
}

pub(crate) fn of(name: &str, entry: &Entry, volume: &Volume) -> Node {
    let first = entry.file().and_then(|file| file.extents().first().copied());
    let place = first.and_then(|first| {
        let number = u64::from(volume.layout.number(first.partition)?);
        let begins = first.start_block.saturating_mul(u64::from(volume.block_bytes)).saturating_add(u64::from(first.byte_offset));
        Some(named(PLACE, (number << PARTITION).saturating_add(begins).to_string()))
    });
    Node {
        name: name.to_owned(),
        kind: match entry.kind {
            Kind::File(_) => types::Kind::File,
            Kind::Directory(_) => types::Kind::Directory,
            Kind::Link(_) => types::Kind::Symlink,
        },
        size: entry.file().map_or(0, |file| file.length),
        modified: nanoseconds(entry.times.modify),
        mode: None,
        owner: None,
        group: None,
        id: Some(entry.uid.to_string()),
        link: match &entry.kind {
            Kind::Link(target) => Some(target.to_string()),
            Kind::File(_) | Kind::Directory(_) => None,
        },
        extras: place.into_iter().collect(),
    }
}
