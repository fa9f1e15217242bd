//! Names as the wire has them.
//!
//! Characters that no name on the wire may have are replaced by the private ones that stand for them with every client (`smb2::name`).
//! Beside those, a Windows server keeps the names of devices for itself, whatever their case and behind whatever dot; Samba shows such a
//! file under a short name nobody gave it. Their first character goes as `%!XX`, the escape of the host, which escapes itself, so that no
//! other name of the host's looks like that.

const DEVICES: [&str; 8] = ["CON", "PRN", "AUX", "NUL", "CLOCK$", "LOCK$", "CONIN$", "CONOUT$"];
/// With a digit behind.
const NUMBERED: [&str; 2] = ["COM", "LPT"];
const ESCAPE: &str = "%!";

fn is_device(name: &str) -> bool {
    let base = name.split('.').next().unwrap_or_default().trim_end_matches(' ');
    let numbered = |device: &&str| {
        let (Some(front), Some(digit)) = (base.get(..device.len()), base.get(device.len()..)) else { return false };
        front.eq_ignore_ascii_case(device)
            && matches!(digit, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
    };
    DEVICES.iter().any(|device| base.eq_ignore_ascii_case(device)) || NUMBERED.iter().any(numbered)
}

/// One name, as the server gets it.
pub(crate) fn wire(name: &str) -> String {
    let mapped = smb2::encode_name(name);
    match mapped.as_bytes().first() {
        Some(first) if is_device(name) => format!("{ESCAPE}{first:02X}{}", mapped.get(1..).unwrap_or_default()),
        _ => mapped.into_owned(),
    }
}

/// One name, as the host gave it.
pub(crate) fn native(wire: &str) -> String {
    let name = smb2::decode_name(wire);
    device(&name).unwrap_or_else(|| name.into_owned())
}

/// The device's name behind an escape of its first character.
fn device(name: &str) -> Option<String> {
    let rest = name.strip_prefix(ESCAPE)?;
    let first = u8::from_str_radix(rest.get(..2)?, 16).ok()?;
    let name = format!("{}{}", char::from(first), rest.get(2..)?);
    is_device(&name).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_escaped_and_come_back() {
        for (name, there) in [("CON", "%!43ON"), ("aux.txt", "%!61ux.txt"), ("Com1", "%!43om1"), ("nul.tar.gz", "%!6Eul.tar.gz")]
        {
            assert_eq!(wire(name), there);
            assert_eq!(native(there), name);
        }
    }

    #[test]
    fn what_only_looks_like_a_device_goes_as_it_is() {
        for name in ["CONSOLE", "COM", "COM10", "null", "xCON", "a.CON", "%!41", "%!zz", ".con"] {
            assert_eq!(wire(name), name);
            assert_eq!(native(name), name);
        }
    }

    #[test]
    fn reserved_characters_are_replaced_both_ways() {
        assert_eq!(wire("what?"), "what\u{f025}");
        assert_eq!(native("what\u{f025}"), "what?");
        assert_eq!(native(&wire("con: ?")), "con: ?");
    }
}
