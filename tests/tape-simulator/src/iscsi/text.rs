//! Text of login and text PDUs (RFC 7143, section 6.1): `key=value` pairs, each ended by a NUL.

use super::limits::KEYS;

/// None: it is not text as the standard has it.
pub(super) fn pairs(text: &[u8]) -> Option<Vec<(&str, &str)>> {
    let text = std::str::from_utf8(text).ok()?;
    let pairs: Option<Vec<_>> = text.split('\0').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=')).collect();
    pairs.filter(|pairs| pairs.len() <= KEYS)
}

pub(super) fn push(text: &mut Vec<u8>, key: &str, value: &str) {
    for part in [key, "=", value, "\0"] {
        text.extend_from_slice(part.as_bytes());
    }
}

/// A number in decimal or hexadecimal.
pub(super) fn number(value: &str) -> Option<u32> {
    match value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => value.parse().ok(),
    }
}
