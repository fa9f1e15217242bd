//! What the robot of a library takes (SMC-3, clause 6). Everything a library has is an element with an address of 16 bits: arms, slots, mail
//! slots and drives. A robot moves what lies in one to another.

mod addresses;
mod elements;

pub use addresses::{Addresses, Range};
pub use elements::{Element, Elements, Identity, Kind, Report, VOLUME_TAG_BYTES};

/// Elements that one READ ELEMENT STATUS asks for.
pub const ELEMENTS: u16 = 256;
/// Bytes of the answer that is asked for: room for that many with all that is told of each, where identities are short.
pub const BYTES: u32 = 128 << 10;

/// INITIALIZE ELEMENT STATUS: look at every element anew, which takes minutes in a large library; no data.
pub fn initialize() -> [u8; 6] {
    [0x07, 0, 0, 0, 0, 0]
}

/// READ ELEMENT STATUS: elements of a kind (none: of all) from this address on, with their volume tags (VOLTAG); `BYTES` in.
/// `identities`: with the names of drives (DVCID), which not every library has.
pub fn read_elements(kind: Option<Kind>, first: u16, identities: bool) -> [u8; 12] {
    const VOLTAG: u8 = 0x10;
    let [from_high, from_low] = first.to_be_bytes();
    let [many_high, many_low] = ELEMENTS.to_be_bytes();
    let [_, a, b, c] = BYTES.to_be_bytes();
    let kind = kind.map_or(0, Kind::code);
    [0xb8, VOLTAG | kind, from_high, from_low, many_high, many_low, u8::from(identities), a, b, c, 0, 0]
}

/// MOVE MEDIUM: what lies in one element to another, by this arm (0: whichever the library takes); no data.
pub fn move_medium(arm: u16, from: u16, to: u16) -> [u8; 12] {
    let ([a, b], [c, d], [e, f]) = (arm.to_be_bytes(), from.to_be_bytes(), to.to_be_bytes());
    [0xa5, 0, a, b, c, d, e, f, 0, 0, 0, 0]
}

/// EXCHANGE MEDIUM: what lies in one element to another, and what lay there to a third, which may be the first; no data.
pub fn exchange_medium(arm: u16, from: u16, to: u16, third: u16) -> [u8; 12] {
    let ([a, b], [c, d]) = (arm.to_be_bytes(), from.to_be_bytes());
    let ([e, f], [g, h]) = (to.to_be_bytes(), third.to_be_bytes());
    [0xa6, 0, a, b, c, d, e, f, g, h, 0, 0]
}

/// POSITION TO ELEMENT: the arm goes there and takes nothing; no data.
pub fn position_to(arm: u16, to: u16) -> [u8; 10] {
    let ([a, b], [c, d]) = (arm.to_be_bytes(), to.to_be_bytes());
    [0x2b, 0, a, b, c, d, 0, 0, 0, 0]
}

/// OPEN/CLOSE IMPORT/EXPORT ELEMENT: gives the mail slot to the operator, or takes it back; no data.
pub fn open_mail_slot(element: u16, open: bool) -> [u8; 6] {
    let [high, low] = element.to_be_bytes();
    [0x1b, 0, high, low, if open { 0 } else { 1 }, 0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::three;

    #[test]
    fn elements_stand_where_the_robot_looks() {
        assert_eq!(move_medium(0x0102, 0x0304, 0x0506), [0xa5, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0]);
        assert_eq!(exchange_medium(0x0102, 0x0304, 0x0506, 0x0708), [0xa6, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0]);
        assert_eq!(position_to(0x0102, 0x0304), [0x2b, 0, 1, 2, 3, 4, 0, 0, 0, 0]);
        assert_eq!(open_mail_slot(0x0102, true), [0x1b, 0, 1, 2, 0, 0]);
        assert_eq!(initialize(), [7, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn elements_are_asked_for_with_their_tags() {
        assert_eq!(read_elements(Some(Kind::Drive), 256, true), [0xb8, 0x14, 1, 0, 1, 0, 0x01, 2, 0, 0, 0, 0]);
        assert_eq!(read_elements(None, 0, false)[..2], [0xb8, 0x10]);
        assert_eq!(read_elements(None, 0, false)[6], 0);
        assert!(three(BYTES).is_some());
    }
}
