//! Text in the two ways in which it stands in a document: as XML has it, and percent-encoded where XML has no way to write a character, or
//! where `:` is in it (section 7.4). Values of attributes that are no text are base64 (section 7.3).

/// Puts text into a document. What XML 1.0 cannot hold is left out; callers encode it before ([`needs_encoding`]).
pub(crate) fn escape(text: &str, out: &mut Vec<u8>) {
    // Nearly all text is as it stands.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'<' | b'>' | b'&' | b'"')) {
        return out.extend_from_slice(text.as_bytes());
    }
    let mut buffer = [0; 4];
    for character in text.chars() {
        match character {
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '&' => out.extend_from_slice(b"&amp;"),
            '"' => out.extend_from_slice(b"&quot;"),
            // A reader may make one space, or one line's end, of these.
            '\t' => out.extend_from_slice(b"&#9;"),
            '\n' => out.extend_from_slice(b"&#10;"),
            '\r' => out.extend_from_slice(b"&#13;"),
            other if is_xml(other) => out.extend_from_slice(other.encode_utf8(&mut buffer).as_bytes()),
            _ => {}
        }
    }
}

/// Whether XML 1.0 has a way to write it.
fn is_xml(character: char) -> bool {
    !matches!(character, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}')
}

/// Whether all of it can stand in a document.
pub(crate) fn is_writable(text: &str) -> bool {
    text.chars().all(is_xml)
}

fn is_encoded(character: char) -> bool {
    matches!(character, ':' | '%' | '\t' | '\n' | '\r' | '\x7f'..='\u{9f}') || !is_xml(character)
}

/// Whether a name is written percent-encoded: not for `%` alone, which means itself in a name that is not.
pub(crate) fn needs_encoding(name: &str) -> bool {
    name.chars().any(|character| character != '%' && is_encoded(character))
}

pub(crate) fn percent_encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    let mut buffer = [0; 4];
    for character in name.chars() {
        if is_encoded(character) {
            for byte in character.encode_utf8(&mut buffer).bytes() {
                out.push('%');
                out.extend(
                    [byte >> 4, byte & 0xf]
                        .into_iter()
                        .filter_map(|digit| char::from_digit(digit.into(), 16))
                        .map(|digit| digit.to_ascii_uppercase()),
                );
            }
        } else {
            out.push(character);
        }
    }
    out
}

/// What was encoded; a `%` without two digits behind it is itself. None: not UTF-8.
pub(crate) fn percent_decode(name: &str) -> Option<String> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        let digit = |at: usize| behind.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from((high << 4) | low).ok()?);
                rest = behind.get(2..).unwrap_or_default();
            }
            _ => out.push(*first),
        }
    }
    String::from_utf8(out).ok()
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648, section 4.
pub(crate) fn base64_encode(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0, |group: u32, byte| (group << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let digit = DIGITS.get((group >> (18 - 6 * at)) as usize & 0x3f).copied();
            out.push(digit.filter(|_| at <= chunk.len()).unwrap_or(b'='));
        }
    }
}

/// White space anywhere is passed over. None: not base64.
pub(crate) fn base64_decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut digits, mut padding) = (0_u32, 0, 0);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        group = (group << 6) | u32::from(digit);
        digits += 1;
        if digits == 4 {
            let [_, bytes @ ..] = group.to_be_bytes();
            out.extend_from_slice(&bytes);
            (group, digits) = (0, 0);
        }
    }
    let [_, first, second, _] = (group << (6 * (4 - digits))).to_be_bytes();
    match (digits, padding) {
        (0, 0) => {}
        (2, 2) => out.push(first),
        (3, 1) => out.extend_from_slice(&[first, second]),
        _ => return None,
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_xml_cannot_hold_are_percent_encoded_and_come_back() {
        for name in ["plain", "100%", "ü &<>", "日本"] {
            assert!(!needs_encoding(name), "{name}");
        }
        for (name, encoded) in
            [("a:b", "a%3Ab"), ("50% \u{1}", "50%25 %01"), ("line\nend", "line%0Aend"), ("\u{ffff}", "%EF%BF%BF")]
        {
            assert!(needs_encoding(name), "{name}");
            assert_eq!(percent_encode(name), encoded);
            assert_eq!(percent_decode(encoded).as_deref(), Some(name));
        }
        assert_eq!(percent_decode("%zz%4").as_deref(), Some("%zz%4"));
        assert_eq!(percent_decode("%ff"), None);
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut out = Vec::new();
            base64_encode(bytes.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
            assert_eq!(base64_decode(text).as_deref(), Some(bytes.as_bytes()));
        }
        let all: Vec<u8> = (0..=255).collect();
        let mut out = Vec::new();
        base64_encode(&all, &mut out);
        assert_eq!(base64_decode(&String::from_utf8(out).unwrap()), Some(all));
        assert_eq!(base64_decode("Zm9v\n Zg==").as_deref(), Some(&b"foof"[..]));
        for bad in ["Z", "Zg", "Zg=", "Zg==Zg==", "Z-==", "===="] {
            assert_eq!(base64_decode(bad), None, "{bad}");
        }
    }

    #[test]
    fn text_is_escaped() {
        let mut out = Vec::new();
        escape("a<b>&\"\t\n\r\u{1}ü", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "a&lt;b&gt;&amp;&quot;&#9;&#10;&#13;ü");
    }
}
