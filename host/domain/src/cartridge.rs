//! A cartridge: the location that a tape is, with what is known of the tape itself.

use serde::{Deserialize, Serialize};

use crate::ids::{LibraryId, LocationId, Number, PoolId, TargetId};
use crate::ports::ElementKind;
use crate::tape_statistics::Counters;
use crate::time::Timestamp;

/// What a cartridge is for, as the library tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Medium {
    #[default]
    Unknown,
    Data,
    /// Data that is written once.
    Worm,
    Cleaning,
    Diagnostic,
}

/// What is written on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Nobody looked.
    #[default]
    Unknown,
    /// A label, and nothing behind it.
    Blank,
    /// LTFS 2.4: an index partition and a data partition.
    Ltfs,
    /// The host's own, in one partition.
    Sequential,
    /// Something else.
    Foreign,
}

/// Why a cartridge is not written to: its own switch is set.
pub const SWITCH: &str = "switch";
/// Why a cartridge is not written to: it was found full, in a pool that keeps such cartridges as they are.
pub const FULL: &str = "full";

/// A cartridge with what its location tells.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cartridge {
    pub location: LocationId,
    /// Of the location.
    pub number: Number,
    pub target: TargetId,
    /// None: the library that held it is no longer registered.
    pub library: Option<LibraryId>,
    pub library_number: Option<Number>,
    pub library_name: Option<String>,
    pub library_serial: Option<String>,
    /// Unique within the target: the location's name.
    pub barcode: String,
    pub pool: Option<PoolId>,
    pub pool_number: Option<Number>,
    pub file_count: u64,
    pub file_bytes: u64,
    /// False once an inventory no longer found it.
    pub known: bool,
    /// Where it lies; none: outside.
    pub element: Option<u32>,
    pub element_kind: Option<ElementKind>,
    /// For people.
    pub place: Option<String>,
    /// Address of the slot that it goes back to.
    pub home: Option<u32>,
    pub medium: Medium,
    /// Of LTO.
    pub generation: Option<u32>,
    /// Reasons not to write to it.
    pub write_protect: Vec<String>,
    /// The robot cannot reach it.
    pub locked: bool,
    /// Formatted, with nothing on it, for whoever needs one.
    pub scratch: bool,
    /// Taken out, or lying in a mail slot to be taken out.
    pub ejected: bool,
    /// Something about it was odd.
    pub need_to_check: bool,
    pub format: Format,
    /// The volume's UUID, by its own label.
    pub volume: Option<String>,
    /// Bytes, of all partitions.
    pub capacity: Option<u64>,
    pub remaining: Option<u64>,
    /// Times it was in a drive.
    pub loads: u64,
    /// Into the library.
    pub came: Timestamp,
    pub moved: Timestamp,
    /// When capacity and remaining were read.
    pub measured: Option<Timestamp>,
    /// When work with it ended last.
    pub used: Option<Timestamp>,
    /// When it was formatted, or its index was read.
    pub maintained: Option<Timestamp>,
    pub updated: Timestamp,
}

impl Cartridge {
    pub fn is_mounted(&self) -> bool {
        self.element_kind == Some(ElementKind::Drive)
    }

    pub fn is_cleaning(&self) -> bool {
        self.medium == Medium::Cleaning
    }
}

/// What a drive told of a cartridge that is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub capacity: Option<u64>,
    pub remaining: Option<u64>,
    /// Over its life.
    pub loads: Option<u64>,
    pub write_protected: bool,
    /// Its statistics; empty: nothing was told.
    pub counters: Counters,
}

/// The last two characters of a label name the medium: `L6` is LTO 6 and `LW` its write-once kind, `CU` cleans any drive (LTO
/// Ultrium barcode label specification).
pub fn read_barcode(barcode: &str) -> (Medium, Option<u32>) {
    let Some((kind, digit)) = barcode.get(barcode.len().saturating_sub(2)..).and_then(split) else {
        return (Medium::Unknown, None);
    };
    match (kind, digit) {
        ('C', 'U') => (Medium::Cleaning, None),
        ('L', '1'..='9') => (Medium::Data, digit.to_digit(10)),
        // LTO 10 ran out of digits.
        ('L', 'A') => (Medium::Data, Some(10)),
        // Written once: letters, from LTO 3 on.
        ('L', 'T') => (Medium::Worm, Some(3)),
        ('L', 'U') => (Medium::Worm, Some(4)),
        ('L', 'V') => (Medium::Worm, Some(5)),
        ('L', 'W') => (Medium::Worm, Some(6)),
        ('L', 'X') => (Medium::Worm, Some(7)),
        ('L', 'Y') => (Medium::Worm, Some(8)),
        ('L', 'Z') => (Medium::Worm, Some(9)),
        // LTO 7 cartridges that were initialised for more.
        ('M', '8') => (Medium::Data, Some(8)),
        _ => (Medium::Unknown, None),
    }
}

fn split(two: &str) -> Option<(char, char)> {
    let mut letters = two.chars();
    match (letters.next(), letters.next(), letters.next()) {
        (Some(kind), Some(digit), None) => Some((kind, digit)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barcode_tells_medium_and_generation() {
        for (barcode, medium, generation) in [
            ("CAP001L6", Medium::Data, Some(6)),
            ("CAP001L9", Medium::Data, Some(9)),
            ("CAP001LA", Medium::Data, Some(10)),
            ("CAP001LZ", Medium::Worm, Some(9)),
            ("CAP001M8", Medium::Data, Some(8)),
            ("CLN001CU", Medium::Cleaning, None),
            ("CAP001", Medium::Unknown, None),
            ("6", Medium::Unknown, None),
            ("", Medium::Unknown, None),
            ("größe", Medium::Unknown, None),
        ] {
            assert_eq!(read_barcode(barcode), (medium, generation), "{barcode}");
        }
    }
}
