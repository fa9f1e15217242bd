//! Names as the service has them: of containers, of blobs, of metadata.

use capstan_sdk::Outcome;
use capstan_sdk::failure::invalid;

use crate::endpoint::Endpoint;

/// Whether a container may be asked for under this name: it is one part of a path. What the service allows beyond that it says.
pub(crate) fn is_container(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.contains(['/', '\\', '?', '#'])
        && !name.chars().any(char::is_control)
        && name != "."
        && name != ".."
}

pub(crate) fn check_container(name: &str) -> Outcome<()> {
    if is_container(name) { Ok(()) } else { Err(invalid("a container has a name of 1 to 255 characters without slashes")) }
}

/// Characters of a blob's name, in UTF-16 as the service counts them, and the parts between its slashes ("Naming and Referencing
/// Containers, Blobs, and Metadata" of the reference). Emulators take more.
const MAX_KEY_UNITS: usize = 1_024;
const MAX_KEY_PARTS: usize = 254;

/// Control characters that XML 1.0 has no way to write (section 2.2). The service does not allow them in names; an emulator takes
/// them, and cannot list the container any more.
fn is_unwritten(character: char) -> bool {
    matches!(character, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f')
}

/// A name the service would change into another, or does not have: whoever writes, reads or deletes under it would meet somebody
/// else's blob, or none. A backslash is a slash to it; Azure itself drops dots at the end of a part of a name, which emulators keep,
/// and lists the two code points that XML does not have in another form, which emulators do not.
pub(crate) fn check_key(endpoint: &Endpoint, key: &str) -> Outcome<()> {
    let azure = endpoint.is_azure();
    let why = if key.encode_utf16().count() > MAX_KEY_UNITS {
        "it has more than 1,024 characters"
    } else if key.split('/').count() > MAX_KEY_PARTS {
        "it has more than 254 parts"
    } else if key.contains('\\') {
        "it holds a backslash"
    } else if key.contains(is_unwritten) {
        "it holds a control character"
    } else if !azure && key.contains(['\u{fffe}', '\u{ffff}']) {
        "it holds a code point that is no character"
    } else if azure && key.split('/').any(|part| part.ends_with('.')) {
        "a part of it ends in a dot"
    } else {
        return Ok(());
    };
    Err(invalid(format!("the target does not keep the name {key:?}: {why}")).code("name-not-kept").next_step("Use another name."))
}

/// Metadata names are C# identifiers to the service, so every byte but letters, digits and underscores travels as `_xHH_`; so
/// do a digit at the beginning, and an underscore that something would take for such an escape.
pub(crate) fn metadata_name(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let mut out = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        let plain = match byte {
            b'a'..=b'z' => true,
            b'0'..=b'9' => at > 0,
            b'_' => escape_at(name.get(at..).unwrap_or_default()).is_none(),
            _ => false,
        };
        if plain { out.push(char::from(byte)) } else { out.push_str(&format!("_x{byte:02x}_")) }
    }
    out
}

/// The way back; a name of somebody else's that holds no escape is what it is.
pub(crate) fn from_metadata_name(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_str();
    while let Some(first) = rest.bytes().next() {
        match escape_at(rest) {
            Some((byte, after)) => {
                bytes.push(byte);
                rest = after;
            }
            None => {
                bytes.push(first);
                rest = rest.get(1..).unwrap_or_default();
            }
        }
    }
    String::from_utf8(bytes).unwrap_or(name)
}

/// `_xHH_` at the beginning, and what follows it.
fn escape_at(text: &str) -> Option<(u8, &str)> {
    let (digits, rest) = text.strip_prefix("_x")?.split_at_checked(2)?;
    let byte = u8::from_str_radix(digits, 16).ok().filter(|_| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    Some((byte, rest.strip_prefix('_')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_leave_its_place_in_the_path_is_refused() {
        for name in ["", ".", "..", "a/b", "a\\b", "a\nb", "a?b"] {
            assert!(check_container(name).is_err(), "{name:?}");
        }
        assert!(check_container("$root").is_ok() && check_container("a-1").is_ok());
    }

    #[test]
    fn a_name_azure_would_change_is_refused_before_it_is_sent() {
        let (azure, emulator) = (Endpoint::parse(None, "a").unwrap(), Endpoint::parse(Some("http://127.0.0.1:1"), "a").unwrap());
        for key in ["a.", "dir./x", "a/..", "./b"] {
            assert!(check_key(&azure, key).is_err() && check_key(&emulator, key).is_ok(), "{key}");
        }
        assert!(check_key(&azure, "a.b/.c/d").is_ok());
        for key in ["a\\b", "bell\u{7}", "\u{1b}[0m", "a\0", &"a".repeat(1_025), &"🗄".repeat(513), &"a/".repeat(254)] {
            assert!(check_key(&azure, key).is_err() && check_key(&emulator, key).is_err(), "{key:?}");
        }
        for key in ["tab\there", "line\r\n", "\u{7f}", "next\u{85}", &"ü".repeat(1_024), &"🗄".repeat(512), &"a/".repeat(253)]
        {
            assert!(check_key(&azure, key).is_ok() && check_key(&emulator, key).is_ok(), "{key:?}");
        }
        assert!(check_key(&azure, "\u{fffe}").is_ok() && check_key(&emulator, "\u{fffe}").is_err());
    }

    #[test]
    fn every_metadata_name_is_an_identifier_and_comes_back() {
        for name in ["mtime", "capstan-mtime", "a.b", "1st", "a_b", "a_x2d_b", "_x", "x-amz-meta", "a1", "_", "__x2d__"] {
            let sent = metadata_name(name);
            let identifier = sent.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && !sent.starts_with(|first: char| first.is_ascii_digit());
            assert!(identifier, "{sent}");
            assert_eq!(from_metadata_name(&sent), name, "{sent}");
        }
        assert_eq!(metadata_name("capstan-mtime"), "capstan_x2d_mtime");
        assert_eq!(from_metadata_name("Hdi_IsFolder"), "hdi_isfolder");
    }
}
