//! Names that are not UTF-8, or that a target cannot hold, escaped reversibly: each offending byte as `%!XX`, and the escape's own
//! `%` before a `!` likewise.

/// Escapes bytes that are not UTF-8 and those that `bad` names.
pub fn escape(name: &[u8], bad: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        let mut rest = chunk.valid().chars().peekable();
        while let Some(c) = rest.next() {
            if bad(c) || (c == '%' && rest.peek() == Some(&'!')) {
                let mut buffer = [0; 4];
                push_escaped(&mut out, c.encode_utf8(&mut buffer).as_bytes());
            } else {
                out.push(c);
            }
        }
        push_escaped(&mut out, chunk.invalid());
    }
    out
}

/// The bytes that `escape` was given.
pub fn unescape(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        match rest {
            [b'%', b'!', high, low, after @ ..] if hex(*high).is_some() && hex(*low).is_some() => {
                out.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
                rest = after;
            }
            _ => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

fn push_escaped(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        out.push_str(&format!("%!{byte:02X}"));
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_is_reversible_and_leaves_plain_names_alone() {
        for name in [&b"plain.txt"[..], b"100%", b"%!41", b"\xff\xfe", b"a\xc3", "é%!".as_bytes(), b"%%!", b"\x01\x7f"] {
            let escaped = escape(name, |c| c.is_control());
            assert_eq!(unescape(&escaped), name, "{escaped}");
        }
        assert_eq!(escape(b"plain 100%.txt", |_| false), "plain 100%.txt");
        assert_eq!(escape(b"a\xff", |_| false), "a%!FF");
    }
}
