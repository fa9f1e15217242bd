//! Who may use a unit: reservations that are kept by key (SPC-4, clauses 5.13 and 6: PERSISTENT RESERVE IN and OUT), and those of devices that
//! know only the older ones (SPC-2: RESERVE(6) and RELEASE(6)), which end with the session that made them.
//!
//! A key is registered first and reserves then. Whoever registers the same key over another session, as a host does that came back, may take
//! what the first one holds (`Action::Preempt` of its own key).

use crate::{Malformed, field};

/// Bytes of the answers that are asked for, and of the list that goes out.
pub const BYTES: u16 = 1024;
pub const LIST_BYTES: usize = 24;
/// Keys of one answer that are read.
pub const KEYS: usize = 127;

/// TYPE of a reservation, of the whole unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Others may read.
    WriteExclusive = 1,
    /// Others may only ask who the device is, and who holds it.
    ExclusiveAccess = 3,
}

/// What PERSISTENT RESERVE OUT does (SERVICE ACTION).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The other key in place of the own one; 0: none any more.
    Register = 0,
    Reserve = 1,
    Release = 2,
    /// Ends the reservation and all registrations.
    Clear = 3,
    /// Takes what the other key holds, and ends its registrations elsewhere.
    Preempt = 4,
    /// The other key, whatever was registered before.
    RegisterAnyway = 6,
}

/// PERSISTENT RESERVE OUT, and the list that goes out with it. Nothing outlives a loss of power (APTPL 0). `other`: SERVICE ACTION RESERVATION
/// KEY.
pub fn change(action: Action, kind: Kind, own: u64, other: u64) -> ([u8; 10], Vec<u8>) {
    let length = u8::try_from(LIST_BYTES).unwrap_or(u8::MAX);
    let cdb = [0x5f, action as u8, kind as u8, 0, 0, 0, 0, 0, length, 0];
    let mut list = own.to_be_bytes().to_vec();
    list.extend_from_slice(&other.to_be_bytes());
    list.resize(LIST_BYTES, 0);
    (cdb, list)
}

/// PERSISTENT RESERVE IN: all keys that are registered; `BYTES` in.
pub fn ask_keys() -> [u8; 10] {
    ask(0)
}

/// PERSISTENT RESERVE IN: who holds the reservation; `BYTES` in.
pub fn ask_holder() -> [u8; 10] {
    ask(1)
}

fn ask(action: u8) -> [u8; 10] {
    let [high, low] = BYTES.to_be_bytes();
    [0x5e, action, 0, 0, 0, 0, 0, high, low, 0]
}

/// The keys, one for each registration, so that one may come several times.
pub fn read_keys(bytes: &[u8]) -> Result<Vec<u64>, Malformed> {
    let rest = behind_header(bytes)?;
    Ok(rest.as_chunks::<8>().0.iter().take(KEYS).map(|key| u64::from_be_bytes(*key)).collect())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// 0 where all who are registered hold it.
    pub key: u64,
    /// As [`Kind`] has it, and others.
    pub kind: u8,
}

/// None: nobody holds one.
pub fn read_holder(bytes: &[u8]) -> Result<Option<Holder>, Malformed> {
    let rest = behind_header(bytes)?;
    if rest.is_empty() {
        return Ok(None);
    }
    const WHAT: &str = "who holds a reservation";
    let [scope_and_kind] = field(rest, 13, WHAT)?;
    Ok(Some(Holder { key: u64::from_be_bytes(field(rest, 0, WHAT)?), kind: scope_and_kind & 0x0f }))
}

/// Behind PRGENERATION and ADDITIONAL LENGTH.
fn behind_header(bytes: &[u8]) -> Result<&[u8], Malformed> {
    let length = u32::from_be_bytes(field(bytes, 4, "the reservations of a unit")?) as usize;
    let rest = bytes.get(8..).unwrap_or_default();
    Ok(rest.get(..length).unwrap_or(rest))
}

/// RESERVE(6) of the whole unit, until RELEASE(6), a reset or the end of the session; no data.
pub fn reserve_unit() -> [u8; 6] {
    [0x16, 0, 0, 0, 0, 0]
}

/// RELEASE(6); no data. Of what somebody else holds it does nothing.
pub fn release_unit() -> [u8; 6] {
    [0x17, 0, 0, 0, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_where_the_device_looks() {
        let (cdb, list) = change(Action::RegisterAnyway, Kind::ExclusiveAccess, 1, 0x0203);
        assert_eq!(cdb, [0x5f, 6, 3, 0, 0, 0, 0, 0, 24, 0]);
        assert_eq!((&list[..16], list.len()), (&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 3][..], LIST_BYTES));
        assert!(list[16..].iter().all(|byte| *byte == 0));
        assert_eq!((ask_keys(), ask_holder()[1]), ([0x5e, 0, 0, 0, 0, 0, 0, 4, 0, 0], 1));
    }

    #[test]
    fn who_holds_a_unit_is_read_and_nobody_is_nobody() {
        assert_eq!(read_holder(&[0, 0, 0, 9, 0, 0, 0, 0]), Ok(None));
        let mut held = vec![0, 0, 0, 9, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0x03, 0, 0];
        assert_eq!(read_holder(&held), Ok(Some(Holder { key: 7, kind: 3 })));
        held.truncate(20);
        assert!(read_holder(&held).is_err() && read_holder(&[0; 7]).is_err());
    }

    #[test]
    fn keys_are_read_as_far_as_they_came() {
        let mut bytes = vec![0, 0, 0, 2, 0, 0, 0, 24];
        for key in [7_u64, 7, 9] {
            bytes.extend(key.to_be_bytes());
        }
        assert_eq!(read_keys(&bytes).unwrap(), [7, 7, 9]);
        assert_eq!(read_keys(&bytes[..31]).unwrap(), [7, 7]);
        assert!(read_keys(&[0; 3]).is_err());
    }
}
