//! Text forms: percent, base64, hex, and words in headers.
//!
//! A signature covers the path exactly as it is sent, so every key is encoded one way only: each byte but the unreserved ones
//! (RFC 3986, section 2.3) and the slash becomes %XX. That keeps keys with "..", "//", spaces or control characters what they are.

use crate::failure::{Outcome, malformed};

const HEX_UPPER: &[u8; 16] = b"0123456789ABCDEF";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn digit(alphabet: &[u8], value: usize) -> char {
    alphabet.get(value).map_or('0', |byte| char::from(*byte))
}

/// Appends the text percent-encoded to `out`.
pub fn percent(text: &str, keep_slash: bool, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') || (keep_slash && byte == b'/') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(digit(HEX_UPPER, usize::from(byte >> 4)));
            out.push(digit(HEX_UPPER, usize::from(byte & 15)));
        }
    }
}

/// Undoes percent encoding in a listing, where some servers write a space as a plus. What is no UTF-8 stays readable and distinct
/// as %!XX.
pub fn unpercent(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let pair = (ahead.next().and_then(nibble), ahead.next().and_then(nibble));
        match (byte, pair) {
            (b'+', _) => bytes.push(b' '),
            (b'%', (Some(high), Some(low))) => {
                bytes.push(high << 4 | low);
                rest = ahead;
            }
            _ => bytes.push(byte),
        }
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str("%!");
            text.push(digit(HEX_UPPER, usize::from(byte >> 4)));
            text.push(digit(HEX_UPPER, usize::from(byte & 15)));
        }
    }
    text
}

fn nibble(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Lower case.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(b"0123456789abcdef", usize::from(byte >> 4)));
        text.push(digit(b"0123456789abcdef", usize::from(byte & 15)));
    }
    text
}

pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let nibbles = text.bytes().map(nibble).collect::<Option<Vec<_>>>()?;
    nibbles
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(high << 4 | low),
            _ => None,
        })
        .collect()
}

/// RFC 4648, section 4, padded.
pub fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| usize::from(group.get(at).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            text.push(if at <= group.len() { digit(BASE64, word >> shift & 63) } else { '=' });
        }
    }
    text
}

pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut word, mut bits) = (Vec::new(), 0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = BASE64.iter().position(|known| *known == byte)?;
        word = (word << 6 | u32::try_from(value).ok()?) & 0xff_ffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(word >> bits & 255).ok()?);
        }
    }
    Some(bytes)
}

/// User metadata travels in headers, which hold printable ASCII; other text goes as an RFC 2047 word, as S3 itself answers it.
pub fn header_text(text: &str) -> String {
    let plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && text.trim() == text && !text.starts_with("=?");
    // Services make one space of several, in what they store or in what they sign.
    let plain = plain && !text.contains("  ");
    if plain { text.to_owned() } else { format!("=?UTF-8?B?{}?=", base64(text.as_bytes())) }
}

pub fn unheader_text(text: &str) -> String {
    let word = |word: &str| -> Option<Vec<u8>> {
        let inner = word.strip_prefix("=?")?.strip_suffix("?=")?;
        let mut pieces = inner.splitn(3, '?');
        let (charset, encoding, data) = (pieces.next()?, pieces.next()?, pieces.next()?);
        if !charset.eq_ignore_ascii_case("utf-8") {
            return None;
        }
        match encoding {
            "B" | "b" => unbase64(data),
            "Q" | "q" => Some(unquote(data)),
            _ => None,
        }
    };
    let decoded: Option<Vec<Vec<u8>>> = text.split(' ').map(word).collect();
    decoded.and_then(|words| String::from_utf8(words.concat()).ok()).unwrap_or_else(|| text.to_owned())
}

fn unquote(data: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = data.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        match (byte, ahead.next().and_then(nibble), ahead.next().and_then(nibble)) {
            (b'=', Some(high), Some(low)) => {
                bytes.push(high << 4 | low);
                rest = ahead;
            }
            (b'_', ..) => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    bytes
}

/// A number in a header or a document.
pub fn number(text: &str, what: &str) -> Outcome<u64> {
    text.trim().parse().map_err(|_| malformed(format!("the target answered a {what} that is no number"), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_encoded_byte_by_byte_and_keeps_its_slashes() {
        let mut path = String::new();
        percent("a b/../ü+%/\u{1}~", true, &mut path);
        assert_eq!(path, "a%20b/../%C3%BC%2B%25/%01~");
    }

    #[test]
    fn a_listed_key_comes_back_as_it_was_put() {
        assert_eq!(unpercent("a%20b+c%2B%C3%BC%01/%"), "a b c+ü\u{1}/%");
        assert_eq!(unpercent("x%FFy"), "x%!FFy");
    }

    #[test]
    fn base64_and_hex_come_back() {
        for length in 0..20_u8 {
            let bytes: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(37)).collect();
            assert_eq!(unbase64(&base64(&bytes)).unwrap(), bytes);
            assert_eq!(unhex(&hex(&bytes)).unwrap(), bytes);
        }
        assert_eq!(base64(b"any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
        assert_eq!(unhex("abc"), None);
    }

    #[test]
    fn metadata_that_is_no_ascii_survives_a_header() {
        for text in ["plain", "grün", "tab\there", " padded ", "=?UTF-8?Q?x?=", ""] {
            let header = header_text(text);
            assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{header}");
            assert_eq!(unheader_text(&header), text);
        }
        assert_eq!(unheader_text("=?UTF-8?Q?gr=C3=BCn_ja?="), "grün ja");
    }
}
