//! A record as bytes, version 1.
//!
//! All numbers little-endian: magic (4), version (1), stage (1), places without room (2), inode (8), birth (8), size (8), modified (8),
//! leading (8), BLAKE3 (32), count of block values (2) and each (32), count of places (2) and of each: location (16), length of the name
//! (2), the name, length of the version (2; 0xFFFF: none), the version. Last, the first 16 bytes of the BLAKE3 of all before.

use capstan_domain::ids::{LocationId, Uuid};
use capstan_domain::time::Timestamp;

use super::bytes::Reader;
use super::{Content, Identity, Place, Record, Stage, Unreadable};

const MAGIC: [u8; 4] = *b"CpSt";
const VERSION: u8 = 1;
const NO_VERSION: u16 = u16::MAX;
const CHECKSUM: usize = 16;
/// Bytes of a record without blocks and places.
const FIXED: usize = 84 + CHECKSUM;

pub(super) fn length(record: &Record) -> usize {
    let text = |place: &Place| 20 + place.name.len() + place.version.as_ref().map_or(0, String::len);
    FIXED + record.content.blocks.len() * 32 + record.content.places.iter().map(text).sum::<usize>()
}

pub(super) fn encode(record: &Record) -> Vec<u8> {
    let content = &record.content;
    let mut out = Vec::with_capacity(length(record));
    out.extend(MAGIC);
    out.extend([VERSION, stage_number(record.stage)]);
    out.extend(record.unnamed.to_le_bytes());
    out.extend(record.identity.inode.to_le_bytes());
    out.extend(record.identity.birth.to_le_bytes());
    out.extend(content.size.to_le_bytes());
    out.extend(content.modified.0.to_le_bytes());
    out.extend(record.leading.to_le_bytes());
    out.extend(content.blake3);
    out.extend(count(content.blocks.len()));
    out.extend(content.blocks.iter().flatten());
    out.extend(count(content.places.len()));
    for place in &content.places {
        out.extend(place.location.0.as_bytes());
        out.extend(count(place.name.len()));
        out.extend(place.name.as_bytes());
        match &place.version {
            Some(version) => {
                out.extend(count(version.len()));
                out.extend(version.as_bytes());
            }
            None => out.extend(NO_VERSION.to_le_bytes()),
        }
    }
    let checksum = blake3::hash(&out);
    out.extend(checksum.as_bytes().iter().take(CHECKSUM));
    out
}

pub(super) fn decode(bytes: &[u8]) -> Result<Record, Unreadable> {
    let (body, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(Unreadable::Damaged)?;
    if !blake3::hash(body).as_bytes().starts_with(checksum) {
        return Err(Unreadable::Damaged);
    }
    let mut reader = Reader(body);
    if reader.array() != Some(MAGIC) {
        return Err(Unreadable::Damaged);
    }
    match reader.u8() {
        Some(VERSION) => {}
        Some(newer) if newer > VERSION => return Err(Unreadable::Newer(newer)),
        _ => return Err(Unreadable::Damaged),
    }
    fields(&mut reader).filter(|_| reader.0.is_empty()).ok_or(Unreadable::Damaged)
}

fn fields(reader: &mut Reader<'_>) -> Option<Record> {
    let stage = stage(reader.u8()?)?;
    let unnamed = reader.u16()?;
    let identity = Identity { inode: reader.u64()?, birth: reader.i64()? };
    let (size, modified, leading) = (reader.u64()?, Timestamp(reader.i64()?), reader.u64()?);
    let blake3 = reader.array()?;
    let blocks = (0..reader.u16()?).map(|_| reader.array()).collect::<Option<_>>()?;
    let places = (0..reader.u16()?).map(|_| place(reader)).collect::<Option<_>>()?;
    Some(Record { stage, identity, leading, content: Content { size, modified, blake3, blocks, places }, unnamed })
}

fn place(reader: &mut Reader<'_>) -> Option<Place> {
    let location = LocationId(Uuid::from_bytes(reader.array()?));
    let length = reader.u16()?;
    let name = reader.text(length)?;
    let version = match reader.u16()? {
        NO_VERSION => None,
        length => Some(reader.text(length)?),
    };
    Some(Place { location, name, version })
}

/// What is counted is bounded far below by the bytes of a record.
fn count(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes()
}

fn stage_number(stage: Stage) -> u8 {
    match stage {
        Stage::Premigrated => 1,
        Stage::Migrated => 2,
        Stage::Recalling => 3,
    }
}

fn stage(number: u8) -> Option<Stage> {
    match number {
        1 => Some(Stage::Premigrated),
        2 => Some(Stage::Migrated),
        3 => Some(Stage::Recalling),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::RECORD_BYTES;
    use super::*;

    fn content(names: &[&str], blocks: usize) -> Content {
        let place = |name: &&str| Place {
            location: LocationId(Uuid::from_bytes([9; 16])),
            name: (*name).to_owned(),
            version: name.len().is_multiple_of(2).then(|| "v1".to_owned()),
        };
        Content {
            size: 100 << 20,
            modified: Timestamp(-12_345),
            blake3: [7; 32],
            blocks: vec![[3; 32]; blocks],
            places: names.iter().map(place).collect(),
        }
    }

    fn record(names: &[&str], blocks: usize) -> Record {
        Record::new(Stage::Migrated, Identity { inode: 77, birth: -5 }, 4096, &content(names, blocks)).unwrap()
    }

    #[test]
    fn a_record_reads_as_it_was_written() {
        for record in [record(&[], 0), record(&["a", "bä", ""], 7), record(&["x"; 20], 16)] {
            let bytes = encode(&record);
            assert_eq!(bytes.len(), length(&record));
            assert_eq!(decode(&bytes), Ok(record));
        }
    }

    #[test]
    fn a_record_with_any_bit_changed_or_any_byte_missing_is_damaged() {
        let bytes = encode(&record(&["folder/name"], 2));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            assert_eq!(decode(&changed), Err(Unreadable::Damaged), "byte {at}");
            assert_eq!(decode(&bytes[..at]), Err(Unreadable::Damaged), "{at} bytes");
        }
    }

    #[test]
    fn a_record_of_a_later_version_is_told_from_a_damaged_one() {
        let mut bytes = encode(&record(&[], 0));
        bytes.truncate(bytes.len() - CHECKSUM);
        bytes[4] = 2;
        let checksum = blake3::hash(&bytes);
        bytes.extend(&checksum.as_bytes()[..CHECKSUM]);
        assert_eq!(decode(&bytes), Err(Unreadable::Newer(2)));
    }

    #[test]
    fn a_record_is_bounded_and_says_how_many_places_it_left_out() {
        let long = "n".repeat(1024);
        let record = record(&[long.as_str(); 5], 16);
        assert!(encode(&record).len() <= RECORD_BYTES);
        assert_eq!((record.content.places.len(), record.unnamed), (2, 3));
        let endless = "n".repeat(4096);
        let refused = Record::new(Stage::Migrated, Identity { inode: 1, birth: 0 }, 0, &content(&[&endless], 0));
        assert_eq!(refused.unwrap_err().code.as_deref(), Some("name-too-long"));
    }

    #[test]
    fn values_of_many_blocks_stay_with_the_catalogue() {
        assert!(record(&["a"], 17).content.blocks.is_empty());
    }
}
