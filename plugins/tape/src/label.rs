//! The label at the beginning of a tape: VOL1 of ISO 1001 (ANSI X3.27), 80 characters, as LTFS has it too.

use capstan_sdk::Outcome;
use capstan_sdk::failure::invalid;

pub(crate) const BYTES: usize = 80;
/// Characters of a label that stand in it.
const IDENTIFIER: usize = 6;
/// Characters of a cartridge's label.
const LABEL: std::ops::RangeInclusive<usize> = 1..=32;

pub(crate) fn label(of: &str) -> Outcome<Vec<u8>> {
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    if !LABEL.contains(&of.len()) || !of.bytes().all(plain) {
        return Err(invalid(format!("{of:?} is no label: 1 to 32 of A-Z and 0-9")));
    }
    let identifier: String = of.chars().take(IDENTIFIER).collect();
    // Accessibility: everybody. Version 4 of the standard.
    let text = format!("VOL1{identifier:<6} {:13}{:<13}{:14}{:28}4", "", "CAPSTAN", "", "");
    Ok(text.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_its_fields_where_the_standard_has_them() {
        let bytes = label("CAP001L6").unwrap();
        assert_eq!((bytes.len(), &bytes[..11], &bytes[24..31], bytes[79]), (BYTES, &b"VOL1CAP001 "[..], &b"CAPSTAN"[..], b'4'));
        assert_eq!(&label("A").unwrap()[..11], b"VOL1A      ");
        for wrong in ["", "a", "A B", "Ä", &"A".repeat(33)] {
            assert!(label(wrong).is_err(), "{wrong:?}");
        }
    }
}
