//! What a cartridge says of itself: the attributes in its memory (SPC-4, READ ATTRIBUTE, WRITE ATTRIBUTE and clause 7.4).

use crate::{Malformed, field, text};

/// Bytes of the answer that is asked for.
pub const BYTES: u32 = 64 << 10;
/// Attributes that are read from one answer, or go out in one list.
pub const ATTRIBUTES: usize = 512;

/// Numbers of attributes (SPC-4, tables of the device, medium and host type attributes).
pub mod id {
    /// Mebibytes of the partition, as the drive counts them.
    pub const REMAINING_CAPACITY: u16 = 0x0000;
    pub const MAXIMUM_CAPACITY: u16 = 0x0001;
    pub const TAPE_ALERT_FLAGS: u16 = 0x0002;
    pub const LOAD_COUNT: u16 = 0x0003;
    pub const FORMATTED_DENSITY: u16 = 0x0006;
    pub const INITIALIZATION_COUNT: u16 = 0x0007;
    /// Mebibytes over the medium's life.
    pub const TOTAL_WRITTEN: u16 = 0x0220;
    pub const TOTAL_READ: u16 = 0x0221;
    /// Mebibytes since the last load.
    pub const LAST_WRITTEN_MEBIBYTES: u16 = 0x0222;
    pub const LAST_READ_MEBIBYTES: u16 = 0x0223;
    pub const MEDIUM_MANUFACTURER: u16 = 0x0400;
    pub const MEDIUM_SERIAL: u16 = 0x0401;
    pub const MEDIUM_MANUFACTURED: u16 = 0x0406;
    /// 0x00: data, 0x01: cleaning, 0x80: to be written once.
    pub const MEDIUM_TYPE: u16 = 0x0408;
    pub const APPLICATION_VENDOR: u16 = 0x0800;
    pub const APPLICATION_NAME: u16 = 0x0801;
    pub const APPLICATION_VERSION: u16 = 0x0802;
    /// 160 bytes of text.
    pub const USER_LABEL: u16 = 0x0803;
    pub const LAST_WRITTEN: u16 = 0x0804;
    /// 32 bytes.
    pub const BARCODE: u16 = 0x0806;
    /// What ties the copies of an index to the state of the volume.
    pub const COHERENCY: u16 = 0x080c;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Binary,
    Ascii,
    Text,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    pub id: u16,
    pub read_only: bool,
    pub format: Format,
    pub value: Vec<u8>,
}

impl Attribute {
    /// A binary one as a number of up to eight bytes. All ones mean that nobody knows.
    pub fn number(&self) -> Option<u64> {
        let unknown = self.value.is_empty() || self.value.len() > 8 || self.value.iter().all(|byte| *byte == 0xff);
        if self.format != Format::Binary || unknown {
            return None;
        }
        Some(self.value.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    }

    pub fn text(&self) -> Option<String> {
        (self.format != Format::Binary).then(|| text(&self.value))
    }
}

/// READ ATTRIBUTE, the values from this attribute on; `BYTES` in.
pub fn read(partition: u8, first: u16) -> [u8; 16] {
    let [high, low] = first.to_be_bytes();
    let [a, b, c, d] = BYTES.to_be_bytes();
    [0x8c, 0, 0, 0, 0, 0, 0, partition, high, low, a, b, c, d, 0, 0]
}

/// What it answers, in the order in which it came.
pub fn read_values(bytes: &[u8]) -> Result<Vec<Attribute>, Malformed> {
    let length = u32::from_be_bytes(field(bytes, 0, "attributes of a medium")?) as usize;
    let rest = bytes.get(4..).unwrap_or_default();
    let mut rest = rest.get(..length).unwrap_or(rest);
    let mut values = Vec::new();
    while let [a, b, flags, high, low, behind @ ..] = rest {
        let Some((value, next)) = behind.split_at_checked(usize::from(u16::from_be_bytes([*high, *low]))) else { break };
        let format = match flags & 0x3 {
            0 => Format::Binary,
            1 => Format::Ascii,
            _ => Format::Text,
        };
        let id = u16::from_be_bytes([*a, *b]);
        values.push(Attribute { id, read_only: flags & 0x80 != 0, format, value: value.to_vec() });
        if values.len() == ATTRIBUTES {
            break;
        }
        rest = next;
    }
    Ok(values)
}

/// WRITE ATTRIBUTE, and the list that goes out with it, ordered by number as it has to be. `through`: answered when the memory has them. None:
/// more than `ATTRIBUTES`, or a longer value than can be written.
pub fn write(partition: u8, through: bool, values: &[Attribute]) -> Option<([u8; 16], Vec<u8>)> {
    if values.len() > ATTRIBUTES {
        return None;
    }
    let mut values: Vec<&Attribute> = values.iter().collect();
    values.sort_by_key(|attribute| attribute.id);
    let mut list = vec![0; 4];
    for attribute in values {
        let format = match attribute.format {
            Format::Binary => 0,
            Format::Ascii => 1,
            Format::Text => 2,
        };
        list.extend_from_slice(&attribute.id.to_be_bytes());
        list.push(format);
        list.extend_from_slice(&u16::try_from(attribute.value.len()).ok()?.to_be_bytes());
        list.extend_from_slice(&attribute.value);
    }
    let length = u32::try_from(list.len()).ok()?;
    list.get_mut(..4)?.copy_from_slice(&(length - 4).to_be_bytes());
    let [a, b, c, d] = length.to_be_bytes();
    Some(([0x8d, u8::from(through), 0, 0, 0, 0, 0, partition, 0, 0, a, b, c, d, 0, 0], list))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(value: &[u8]) -> Attribute {
        Attribute { id: id::USER_LABEL, read_only: false, format: Format::Text, value: value.to_vec() }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let loads = Attribute { id: id::LOAD_COUNT, read_only: false, format: Format::Binary, value: vec![0, 0, 1, 2] };
        let barcode = Attribute { id: id::BARCODE, format: Format::Ascii, ..label(b"TST001L6  ") };
        let (cdb, list) = write(1, true, &[barcode.clone(), loads.clone(), label(b"a")]).unwrap();
        assert_eq!((cdb[..2].to_vec(), cdb[7], cdb[13]), (vec![0x8d, 1], 1, u8::try_from(list.len()).unwrap()));
        let values = read_values(&list).unwrap();
        assert_eq!(values, [loads, label(b"a"), barcode]);
        assert_eq!((values[0].number(), values[0].text()), (Some(258), None));
        assert_eq!((values[2].number(), values[2].text().as_deref()), (None, Some("TST001L6")));
    }

    #[test]
    fn a_list_ends_where_it_says_or_where_the_bytes_do() {
        let (_, list) = write(0, false, &[label(b"abc"), label(b"d")]).unwrap();
        assert_eq!(read_values(&list[..list.len() - 1]).unwrap(), [label(b"abc")]);
        assert!(read_values(&list[..3]).is_err());
        let unknown = Attribute { id: 0, read_only: true, format: Format::Binary, value: vec![0xff; 8] };
        assert_eq!(unknown.number(), None);
        assert!(
            write(0, false, &[label(&[0; 65_536])]).is_none() && write(0, false, &vec![label(b""); ATTRIBUTES + 1]).is_none()
        );
        assert_eq!(read(2, id::BARCODE), [0x8c, 0, 0, 0, 0, 0, 0, 2, 8, 6, 0, 1, 0, 0, 0, 0]);
    }
}
