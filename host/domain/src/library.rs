//! A tape library that was registered: a robot of a target, with its slots, as it was last seen.
//!
//! Most targets have one; a target that leads to several robots has a library for each that was registered.

use serde::{Deserialize, Serialize};

use crate::cartridge::Medium;
use crate::failure::Failure;
use crate::ids::{LibraryId, Number, TargetId};
use crate::ports::ElementKind;
use crate::time::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Library {
    pub id: LibraryId,
    pub number: Number,
    pub target: TargetId,
    pub target_number: Number,
    /// Unique among libraries.
    pub name: String,
    /// As the target calls it for ever; unique within the target.
    pub serial: String,
    pub vendor: String,
    pub product: String,
    /// Of its firmware.
    pub revision: Option<String>,
    pub slots: Shelf,
    pub mail_slots: Shelf,
    /// Why its last inventory failed; none: it did not.
    pub failure: Option<Failure>,
    /// The last inventory that did not fail.
    pub seen: Option<Timestamp>,
    /// When it is looked at next by itself; kept, so that of several hosts one does.
    pub due: Option<Timestamp>,
    /// What a dialect keeps beside it and only that dialect reads.
    pub attributes: serde_json::Value,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl Library {
    /// It was seen, and the last look did not fail.
    pub fn is_online(&self) -> bool {
        self.seen.is_some() && self.failure.is_none()
    }
}

/// The elements of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelf {
    pub count: u32,
    /// Address of the first one.
    pub first: Option<u32>,
}

impl Shelf {
    /// One more, at this address.
    pub fn add(&mut self, address: u32) {
        self.count = self.count.saturating_add(1);
        self.first = Some(self.first.map_or(address, |first| first.min(address)));
    }
}

#[derive(Clone, Debug)]
pub struct NewLibrary {
    pub target: TargetId,
    pub name: String,
    pub serial: String,
    pub vendor: String,
    pub product: String,
    pub attributes: serde_json::Value,
}

/// A library that a target leads to, registered or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundLibrary {
    pub target: TargetId,
    pub target_name: String,
    pub serial: String,
    pub vendor: String,
    pub product: String,
    pub revision: Option<String>,
    pub slots: Shelf,
    pub mail_slots: Shelf,
}

/// What a library was seen to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    pub vendor: String,
    pub product: String,
    pub revision: Option<String>,
    pub slots: Shelf,
    pub mail_slots: Shelf,
    /// Each label once.
    pub cartridges: Vec<SeenCartridge>,
    /// Those that stand in this library.
    pub drives: Vec<SeenDrive>,
}

/// A cartridge where it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenCartridge {
    pub barcode: String,
    pub address: u32,
    pub kind: ElementKind,
    /// For people: see `place_name`.
    pub place: String,
    /// The slot that it came from, where the library knows.
    pub home: Option<u32>,
    pub medium: Medium,
    /// The robot cannot reach it.
    pub locked: bool,
    /// The library says that something is wrong there, or that a second one has the same label.
    pub doubtful: bool,
}

/// A drive as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenDrive {
    pub serial: String,
    pub vendor: String,
    pub product: String,
    pub revision: Option<String>,
    pub element: Option<u32>,
    pub state: crate::tape_drive::DriveState,
    pub ready: bool,
    /// The label of what is in.
    pub cartridge: Option<String>,
}

/// What an inventory came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryTally {
    pub cartridges: u64,
    pub came: u64,
    pub moved: u64,
    pub gone: u64,
}

/// The n-th element of its kind, counted from 1, as people call it: `Slot 2`.
pub fn place_name(kind: ElementKind, nth: u32) -> String {
    let kind = match kind {
        ElementKind::Arm => "Arm",
        ElementKind::Slot => "Slot",
        ElementKind::MailSlot => "Mail slot",
        ElementKind::Drive => "Drive",
    };
    format!("{kind} {nth}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shelf_begins_at_its_lowest_address() {
        let mut shelf = Shelf::default();
        for address in [258, 256, 257] {
            shelf.add(address);
        }
        assert_eq!(shelf, Shelf { count: 3, first: Some(256) });
    }

    #[test]
    fn places_are_counted_from_one_for_people() {
        assert_eq!(place_name(ElementKind::Slot, 2), "Slot 2");
        assert_eq!(place_name(ElementKind::MailSlot, 1), "Mail slot 1");
    }
}
