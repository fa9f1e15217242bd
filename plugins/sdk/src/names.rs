//! Names of a target that are bytes, in a contract whose names are text.
//!
//! What is not UTF-8 is escaped as `%!XX`, a byte each, and the escape's own `%` before a `!` likewise; so every name has one text, and every
//! text leads back to one name. The host escapes the same way what a target cannot hold.

use std::fmt::Write;

/// The text of a name.
pub fn escape(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        let mut rest = chunk.valid().chars().peekable();
        while let Some(character) = rest.next() {
            if character == '%' && rest.peek() == Some(&'!') {
                text.push_str("%!25");
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(text, "%!{byte:02X}");
        }
    }
    text
}

/// The name of a text.
pub fn unescape(text: &str) -> Vec<u8> {
    let mut name = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        match rest {
            [b'%', b'!', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                name.push(digit(*high) << 4 | digit(*low));
                rest = after;
            }
            _ => {
                name.push(first);
                rest = tail;
            }
        }
    }
    name
}

fn digit(hex: u8) -> u8 {
    char::from(hex).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_text_that_leads_back_to_it() {
        for name in [&b"plain"[..], "ü".as_bytes(), b"\xff\xfe", b"a\xffb", b"%!41", b"%%!", b"100%", b"%!"] {
            assert_eq!(unescape(&escape(name)), name, "{name:?}");
        }
        assert_eq!(escape(b"a\xff%!"), "a%!FF%!25!");
        assert_eq!(unescape("%!ff%!4"), b"\xff%!4");
    }
}
