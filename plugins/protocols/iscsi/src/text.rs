//! `key=value` pairs, each with a zero behind it (RFC 7143, section 6.1), and how values are written.

use crate::bounds::{BINARY_BYTES, KEY_BYTES, KEYS, VALUE_BYTES};
use crate::error::Error;

/// Pairs to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(Vec<u8>);

impl Text {
    pub(crate) fn pair(&mut self, key: &str, value: &str) {
        for part in [key, "=", value, "\0"] {
            self.0.extend_from_slice(part.as_bytes());
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The pairs of a whole text. A last one without its zero counts too.
pub(crate) fn pairs(text: &[u8]) -> Result<Vec<(&str, &str)>, Error> {
    let mut pairs = Vec::new();
    for pair in text.split(|byte| *byte == 0).filter(|pair| !pair.is_empty()) {
        let pair = str::from_utf8(pair).map_err(|_| Error::Malformed("text in UTF-8"))?;
        let (key, value) = pair.split_once('=').ok_or(Error::Malformed("key=value"))?;
        if key.is_empty() || key.len() > KEY_BYTES || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Malformed("a key"));
        }
        if value.len() > VALUE_BYTES {
            return Err(Error::TooMuch("a value"));
        }
        if pairs.len() == KEYS {
            return Err(Error::TooMuch("keys"));
        }
        pairs.push((key, value));
    }
    Ok(pairs)
}

/// A number in decimal or hexadecimal digits.
pub(crate) fn number(value: &str) -> Option<u32> {
    let digits = |digits: &str, radix| {
        // `from_str_radix` would take a sign.
        if digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) { u32::from_str_radix(digits, radix).ok() } else { None }
    };
    match value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")) {
        Some(hex) => digits(hex, 16),
        None => digits(value, 10),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("0x");
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A binary value: hexadecimal behind `0x`, base64 (RFC 4648) behind `0b`.
pub(crate) fn binary(value: &str) -> Result<Vec<u8>, Error> {
    const WRONG: Error = Error::Malformed("a binary value");
    let Some((form, digits)) = value.split_at_checked(2) else { return Err(WRONG) };
    let bytes = match form {
        "0x" | "0X" => from_hex(digits),
        "0b" | "0B" => from_base64(digits),
        _ => None,
    };
    match bytes {
        Some(bytes) if bytes.is_empty() => Err(WRONG),
        Some(bytes) if bytes.len() > BINARY_BYTES => Err(Error::TooMuch("a binary value")),
        bytes => bytes.ok_or(WRONG),
    }
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let nibbles: Vec<u8> =
        digits.chars().map(|digit| digit.to_digit(16).and_then(|nibble| u8::try_from(nibble).ok())).collect::<Option<_>>()?;
    // An odd number of digits lacks a zero at the front.
    let (first, rest) = nibbles.split_at(nibbles.len() % 2);
    let (couples, _) = rest.as_chunks::<2>();
    Some(first.iter().copied().chain(couples.iter().map(|[high, low]| high << 4 | low)).collect())
}

fn from_base64(digits: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    let bare = digits.trim_end_matches('=');
    if !digits.len().is_multiple_of(4) || digits.len() - bare.len() > 2 {
        return None;
    }
    for digit in bare.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = held << 6 & 0xffff | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).unwrap_or(0));
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_as_they_are_written() {
        let mut text = Text::default();
        text.pair("SessionType", "Normal");
        text.pair("TargetAlias", "a=b");
        assert_eq!(text.bytes(), b"SessionType=Normal\0TargetAlias=a=b\0");
        assert_eq!(pairs(text.bytes()).unwrap(), [("SessionType", "Normal"), ("TargetAlias", "a=b")]);
        assert_eq!(pairs(b"\0\0A=\0B=1").unwrap(), [("A", ""), ("B", "1")]);
    }

    #[test]
    fn what_is_no_text_is_malformed_and_long_ones_are_too_much() {
        for wrong in [&b"NoSign\0"[..], b"=x\0", b"a b=x\0", b"A=\xff\0"] {
            assert!(matches!(pairs(wrong), Err(Error::Malformed(_))), "{wrong:?}");
        }
        assert!(pairs(format!("{}=1", "K".repeat(64)).as_bytes()).is_err());
        assert_eq!(pairs(format!("K={}", "1".repeat(VALUE_BYTES + 1)).as_bytes()), Err(Error::TooMuch("a value")));
        assert_eq!(pairs("K=\0".repeat(KEYS + 1).as_bytes()), Err(Error::TooMuch("keys")));
    }

    #[test]
    fn numbers_have_digits_and_nothing_else() {
        assert_eq!((number("8192"), number("0x2000"), number("0")), (Some(8192), Some(8192), Some(0)));
        for wrong in ["", "-1", "+1", "0x", "4294967296", "8k", " 1", "0x+1"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn binary_values_are_read_in_both_forms() {
        assert_eq!(hex(&[0, 0xab]), "0x00ab");
        assert_eq!(binary("0x00aB").unwrap(), [0, 0xab]);
        assert_eq!(binary("0xabc").unwrap(), [0x0a, 0xbc]);
        for (text, bytes) in [("0bTQ==", &b"M"[..]), ("0bTWE=", b"Ma"), ("0bTWFu", b"Man"), ("0B/+8A", &[0xff, 0xef, 0x00])] {
            assert_eq!(binary(text).unwrap(), bytes, "{text}");
        }
        for wrong in ["", "0", "0x", "0xzz", "12", "0bA===", "0bTQ=", "0b?a==", "é"] {
            assert!(binary(wrong).is_err(), "{wrong}");
        }
        assert_eq!(binary(&hex(&[1; 1025])), Err(Error::TooMuch("a binary value")));
    }
}
