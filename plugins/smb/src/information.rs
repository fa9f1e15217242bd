//! Buffers of information classes as the wire has them (MS-FSCC sections 2.4 and 2.5).

use capstan_sdk::types::Consumption;

use crate::moment;

/// FileBasicInformation (section 2.4.7).
pub(crate) const BASIC: u8 = 4;
/// FileRenameInformation, as SMB 2 has it (section 2.4.42.2).
pub(crate) const RENAME: u8 = 10;
/// FileLinkInformation, as SMB 2 has it (section 2.4.28.2).
pub(crate) const LINK: u8 = 11;
/// FileDispositionInformation (section 2.4.11).
pub(crate) const DISPOSITION: u8 = 13;
/// FileFullEaInformation (section 2.4.16).
pub(crate) const EXTENDED_ATTRIBUTES: u8 = 15;
/// FileFsFullSizeInformation (section 2.5.4).
pub(crate) const FULL_SIZE: u8 = 7;
pub(crate) const FULL_SIZE_BYTES: u32 = 32;

/// Another moment of the last write; everything else stays.
pub(crate) fn written_at(nanoseconds: i64) -> Vec<u8> {
    let mut buffer = vec![0; 16];
    buffer.extend_from_slice(&moment::wire(nanoseconds).to_le_bytes());
    buffer.extend_from_slice(&[0; 16]);
    buffer
}

/// Another name, or one more, as the wire spells it from the share's root.
pub(crate) fn renamed(name: &str, replace: bool) -> Vec<u8> {
    let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut buffer = vec![u8::from(replace)];
    buffer.extend_from_slice(&[0; 15]);
    buffer.extend_from_slice(&u32::try_from(units.len()).unwrap_or(u32::MAX).to_le_bytes());
    buffer.extend_from_slice(&units);
    buffer
}

/// One extended attribute. None for a name or value that has no room in one.
pub(crate) fn attribute(name: &str, value: &[u8]) -> Option<Vec<u8>> {
    let mut buffer = vec![0; 5];
    buffer.push(u8::try_from(name.len()).ok()?);
    buffer.extend_from_slice(&u16::try_from(value.len()).ok()?.to_le_bytes());
    buffer.extend_from_slice(name.as_bytes());
    buffer.push(0);
    buffer.extend_from_slice(value);
    Some(buffer)
}

/// Has the file this extended attribute, with this value? Servers have their own mind of a name's case.
pub(crate) fn has_attribute(mut buffer: &[u8], name: &str, value: &[u8]) -> bool {
    loop {
        let word = |at: usize| buffer.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let (Some(next), Some(lengths)) = (word(0), word(4)) else { return false };
        let [_, name_length, low, high] = lengths.to_le_bytes();
        let (name_length, value_length) = (usize::from(name_length), usize::from(u16::from_le_bytes([low, high])));
        let this = buffer.get(8..8 + name_length).unwrap_or_default();
        let behind = 9 + name_length;
        if this.eq_ignore_ascii_case(name.as_bytes()) && buffer.get(behind..behind + value_length) == Some(value) {
            return true;
        }
        match buffer.get(next as usize..) {
            Some(rest) if next > 0 => buffer = rest,
            _ => return false,
        }
    }
}

/// What the share holds and could hold, for this user.
pub(crate) fn consumption(buffer: &[u8]) -> Option<Consumption> {
    let long = |at: usize| buffer.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    let word = |at: usize| buffer.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes).map(u64::from);
    let unit = word(24)?.saturating_mul(word(28)?);
    let capacity = long(0)?.saturating_mul(unit);
    let free = long(8)?.saturating_mul(unit);
    Some(Consumption { used: Some(capacity.saturating_sub(free)), capacity: Some(capacity), objects: None, extras: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rename_names_the_whole_path_and_says_whether_it_replaces() {
        let buffer = renamed("a\\b", true);
        assert_eq!(buffer.len(), 20 + 6);
        assert_eq!((buffer[0], &buffer[16..20], &buffer[20..22]), (1, &6_u32.to_le_bytes()[..], &[b'a', 0][..]));
    }

    #[test]
    fn an_attribute_is_found_among_others_whatever_the_case_of_its_name() {
        let (first, second) = (attribute("OTHER", b"x").unwrap(), attribute("CAPSTAN.ATTEMPT", b"job 1").unwrap());
        let mut both = first.clone();
        both.resize(16, 0);
        both[..4].copy_from_slice(&16_u32.to_le_bytes());
        both.extend_from_slice(&second);
        assert!(has_attribute(&both, "capstan.attempt", b"job 1"));
        assert!(!has_attribute(&both, "capstan.attempt", b"job 2"));
        assert!(!has_attribute(&first, "capstan.attempt", b"x"));
        assert!(!has_attribute(&[], "a", b""));
    }

    #[test]
    fn space_is_counted_in_units_of_the_server() {
        let mut buffer = Vec::new();
        for long in [100_u64, 40, 60] {
            buffer.extend_from_slice(&long.to_le_bytes());
        }
        for word in [2_u32, 512] {
            buffer.extend_from_slice(&word.to_le_bytes());
        }
        let consumption = consumption(&buffer).unwrap();
        assert_eq!((consumption.used, consumption.capacity), (Some(60 * 1024), Some(100 * 1024)));
    }
}
