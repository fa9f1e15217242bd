//! What a tape drive takes (SSC-4, clauses 5 to 7): blocks and filemarks in one line, the place between two of them, and what is in the drive.
//!
//! Blocks, filemarks and setmarks are logical objects and are numbered together from 0 in each partition. Commands move the place: whoever
//! does not know whether one was done asks where the tape is ([`position`]) and does not give it again.

pub mod condition;
mod density;
mod ended;
mod limits;
pub mod order;
mod page;
mod position;
pub mod protection;
pub mod statistics;

pub use density::{DENSITIES, Density, read_densities};
pub use ended::{Ended, ended};
pub use limits::BlockLimits;
pub use page::{Compression, Configuration, Partitions};
pub use position::{Form, Position};

use crate::three;

/// Bytes of one block, or of the blocks of one command, that a command can name.
pub const LENGTH: u32 = (1 << 24) - 1;
/// Bytes of the answers that are asked for.
pub const LIMITS_BYTES: u32 = 6;
pub const DENSITIES_BYTES: u16 = 4096;

/// REWIND, answered when it is done; no data.
pub fn rewind() -> [u8; 6] {
    [0x01, 0, 0, 0, 0, 0]
}

/// READ BLOCK LIMITS; `LIMITS_BYTES` in.
pub fn read_block_limits() -> [u8; 6] {
    [0x05, 0, 0, 0, 0, 0]
}

/// READ(6) of one block of up to so many bytes, which come in. `exact`: a block of another length is told (ILI), otherwise only one that
/// is longer is. None: more than `LENGTH`.
pub fn read(bytes: u32, exact: bool) -> Option<[u8; 6]> {
    // SILI: a block that is shorter is no error.
    Some(short(0x08, if exact { 0 } else { 0x02 }, three(bytes)?))
}

/// READ(6) of so many blocks of the length that is set.
pub fn read_blocks(count: u32) -> Option<[u8; 6]> {
    Some(short(0x08, 0x01, three(count)?))
}

/// WRITE(6) of one block of so many bytes, which go out. None: more than `LENGTH`.
pub fn write(bytes: u32) -> Option<[u8; 6]> {
    Some(short(0x0a, 0, three(bytes)?))
}

/// WRITE(6) of so many blocks of the length that is set.
pub fn write_blocks(count: u32) -> Option<[u8; 6]> {
    Some(short(0x0a, 0x01, three(count)?))
}

/// WRITE FILEMARKS(6); no data. Answered when they and all before them are on the medium, unless `immediate`; 0 of them: only that.
pub fn write_filemarks(count: u32, immediate: bool) -> Option<[u8; 6]> {
    Some(short(0x10, u8::from(immediate), three(count)?))
}

/// What SPACE goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Over blocks; stops behind a filemark, or before it on the way back.
    Blocks(i32),
    Filemarks(i32),
    /// Behind the last object of the partition.
    EndOfData,
}

/// SPACE(6), back where the count is below 0; no data. None: the count has no room.
pub fn space(by: Space) -> Option<[u8; 6]> {
    let (code, count) = match by {
        Space::Blocks(count) => (0, count),
        Space::Filemarks(count) => (1, count),
        Space::EndOfData => (3, 0),
    };
    let room = -(1 << 23)..1 << 23;
    let [_, a, b, c] = count.to_be_bytes();
    room.contains(&count).then_some(short(0x11, code, [a, b, c]))
}

/// SPACE(16) over blocks or filemarks, as many as there can be; no data.
pub fn space_far(by: SpaceFar) -> [u8; 16] {
    let (code, count) = match by {
        SpaceFar::Blocks(count) => (0, count),
        SpaceFar::Filemarks(count) => (1, count),
    };
    let [a, b, c, d, e, f, g, h] = count.to_be_bytes();
    [0x91, code, 0, 0, a, b, c, d, e, f, g, h, 0, 0, 0, 0]
}

/// What SPACE(16) goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpaceFar {
    Blocks(i64),
    Filemarks(i64),
}

/// LOCATE(10) to an object, in the partition of that number where one is given; no data.
pub fn locate(object: u32, partition: Option<u8>) -> [u8; 10] {
    const CP: u8 = 0x02;
    let [a, b, c, d] = object.to_be_bytes();
    [0x2b, if partition.is_some() { CP } else { 0 }, 0, a, b, c, d, 0, partition.unwrap_or(0), 0]
}

/// Where LOCATE(16) goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An object of the partition.
    Object(u64),
    /// The first object behind so many filemarks.
    File(u64),
    EndOfData,
}

/// LOCATE(16), in the partition of that number where one is given; no data.
pub fn locate_far(place: Place, partition: Option<u8>) -> [u8; 16] {
    const CP: u8 = 0x02;
    let (kind, at) = match place {
        Place::Object(at) => (0, at),
        Place::File(at) => (1, at),
        Place::EndOfData => (3, 0),
    };
    let [a, b, c, d, e, f, g, h] = at.to_be_bytes();
    let change = if partition.is_some() { CP } else { 0 };
    [0x92, (kind << 3) | change, 0, partition.unwrap_or(0), a, b, c, d, e, f, g, h, 0, 0, 0, 0]
}

/// READ POSITION; `Form::bytes` in.
pub fn read_position(form: Form) -> [u8; 10] {
    let [high, low] = match form {
        // The other forms have one length and take none.
        Form::Extended => form.bytes().to_be_bytes(),
        Form::Short | Form::Long => [0, 0],
    };
    [0x34, form.code(), 0, 0, 0, 0, 0, high, low, 0]
}

/// LOAD UNLOAD, answered when it is done; no data. What lies in the drive's mouth is threaded, or wound back and given out.
pub fn load(load: bool) -> [u8; 6] {
    [0x1b, 0, 0, 0, u8::from(load), 0]
}

/// ERASE(6) from here to the end of the partition; no data. `long`: everything, which takes hours; otherwise what is there is only no
/// longer reached.
pub fn erase(long: bool) -> [u8; 6] {
    [0x19, u8::from(long), 0, 0, 0, 0]
}

/// ALLOW OVERWRITE at a place (SSC-4), where a drive keeps what is there from being written over unless it is told; no data. Holds for the
/// next write alone.
pub fn allow_overwrite(partition: u8, object: u64) -> [u8; 16] {
    const CURRENT_POSITION: u8 = 1;
    let [a, b, c, d, e, f, g, h] = object.to_be_bytes();
    [0x82, 0, CURRENT_POSITION, partition, a, b, c, d, e, f, g, h, 0, 0, 0, 0]
}

/// What FORMAT MEDIUM makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One partition.
    Default = 0,
    /// The partitions of the mode page (see [`Partitions`]).
    Partitions = 1,
    /// Both at once.
    DefaultThenPartitions = 2,
}

/// FORMAT MEDIUM at the beginning of the medium: nothing is left on it; no data.
pub fn format_medium(format: Format) -> [u8; 6] {
    [0x04, 0, format as u8, 0, 0, 0]
}

/// REPORT DENSITY SUPPORT: the formats that the drive knows or, `of_medium`, those it knows for what is in; `DENSITIES_BYTES` in.
pub fn report_densities(of_medium: bool) -> [u8; 10] {
    let [high, low] = DENSITIES_BYTES.to_be_bytes();
    [0x44, u8::from(of_medium), 0, 0, 0, 0, 0, high, low, 0]
}

fn short(opcode: u8, flags: u8, [a, b, c]: [u8; 3]) -> [u8; 6] {
    [opcode, flags, a, b, c, 0]
}

/// Whether a command to a tape may be sent again when nobody knows if it was done: it neither moves the place nor changes the medium.
pub fn is_repeatable(cdb: &[u8]) -> bool {
    matches!(
        cdb.first(),
        Some(
            0x00 | 0x03 | 0x12 | 0xa0 // TEST UNIT READY, REQUEST SENSE, INQUIRY, REPORT LUNS
            | 0x01 // REWIND ends where it ends
            | 0x05 | 0x44 // READ BLOCK LIMITS, REPORT DENSITY SUPPORT
            | 0x1a | 0x15 // MODE SENSE, MODE SELECT of the same values
            | 0x1e // PREVENT ALLOW MEDIUM REMOVAL
            | 0x2b | 0x92 // LOCATE
            | 0x34 // READ POSITION
            | 0x4d | 0x8c // LOG SENSE, READ ATTRIBUTE
            | 0x5e | 0x16 | 0x17 // PERSISTENT RESERVE IN, RESERVE, RELEASE
            | 0xa3 | 0xa4 // RECEIVE and GENERATE RECOMMENDED ACCESS ORDER
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_counts_stand_where_the_drive_looks() {
        assert_eq!(read(0x01_0203, false), Some([0x08, 0x02, 1, 2, 3, 0]));
        assert_eq!(read(LENGTH, true), Some([0x08, 0, 0xff, 0xff, 0xff, 0]));
        assert_eq!((read(LENGTH + 1, true), write(LENGTH + 1), write_filemarks(LENGTH + 1, false)), (None, None, None));
        assert_eq!((read_blocks(2), write_blocks(3)), (Some([0x08, 1, 0, 0, 2, 0]), Some([0x0a, 1, 0, 0, 3, 0])));
        assert_eq!(write(512), Some([0x0a, 0, 0, 2, 0, 0]));
        assert_eq!(write_filemarks(1, true), Some([0x10, 1, 0, 0, 1, 0]));
    }

    #[test]
    fn the_way_back_is_below_nothing() {
        assert_eq!(space(Space::Blocks(-1)), Some([0x11, 0, 0xff, 0xff, 0xff, 0]));
        assert_eq!(space(Space::Filemarks(2)), Some([0x11, 1, 0, 0, 2, 0]));
        assert_eq!(space(Space::EndOfData), Some([0x11, 3, 0, 0, 0, 0]));
        assert_eq!((space(Space::Blocks(1 << 23)), space(Space::Blocks(-(1 << 23) - 1))), (None, None));
        assert_eq!(space_far(SpaceFar::Filemarks(-2))[..12], [0x91, 1, 0, 0, 255, 255, 255, 255, 255, 255, 255, 254]);
    }

    #[test]
    fn places_are_objects_files_and_partitions() {
        assert_eq!(locate(0x0102_0304, None), [0x2b, 0, 0, 1, 2, 3, 4, 0, 0, 0]);
        assert_eq!(locate(5, Some(1)), [0x2b, 2, 0, 0, 0, 0, 5, 0, 1, 0]);
        assert_eq!(locate_far(Place::Object(0x0102), Some(1)), [0x92, 2, 0, 1, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0]);
        assert_eq!(locate_far(Place::File(1), None)[..4], [0x92, 0x08, 0, 0]);
        assert_eq!(locate_far(Place::EndOfData, None)[1], 0x18);
        assert_eq!(read_position(Form::Long), [0x34, 6, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(read_position(Form::Extended), [0x34, 8, 0, 0, 0, 0, 0, 0, 32, 0]);
    }

    #[test]
    fn media_are_loaded_formatted_and_erased() {
        assert_eq!((load(true), load(false)), ([0x1b, 0, 0, 0, 1, 0], [0x1b, 0, 0, 0, 0, 0]));
        assert_eq!(format_medium(Format::DefaultThenPartitions), [0x04, 0, 2, 0, 0, 0]);
        assert_eq!(allow_overwrite(1, 0x0203), [0x82, 0, 1, 1, 0, 0, 0, 0, 0, 0, 2, 3, 0, 0, 0, 0]);
        assert_eq!((erase(true)[1], report_densities(true)), (1, [0x44, 1, 0, 0, 0, 0, 0, 16, 0, 0]));
    }

    #[test]
    fn what_moves_the_place_is_not_repeated() {
        assert!(is_repeatable(&rewind()) && is_repeatable(&read_position(Form::Short)) && is_repeatable(&locate(1, None)));
        let moving =
            [write(1), read(1, true), space(Space::Blocks(1)), write_filemarks(1, false), Some(format_medium(Format::Default))];
        assert!(moving.into_iter().flatten().all(|cdb| !is_repeatable(&cdb)));
        assert!(!is_repeatable(&erase(false)) && !is_repeatable(&load(false)) && !is_repeatable(&[]));
    }
}
