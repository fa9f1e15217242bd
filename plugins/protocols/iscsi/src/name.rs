//! What initiators and targets are called (RFC 7143, section 4.2.7), and where targets are found.

use crate::bounds::NAME_BYTES;

/// Where a target listens unless somebody chose another port (section 4.1).
pub const PORT: u16 = 3260;

/// Section 4.2.7.1, as far as it keeps texts whole: a name goes into `key=value`.
pub fn is_name(name: &str) -> bool {
    let form = ["iqn.", "eui.", "naa."].iter().any(|form| name.starts_with(form));
    form && name.len() <= NAME_BYTES && !name.chars().any(|letter| letter.is_control() || letter.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_of_three_forms_and_no_spaces() {
        for good in ["iqn.2026-11.capstan:host", "eui.02004567A425678D", "naa.52004567BA64678D"] {
            assert!(is_name(good), "{good}");
        }
        let long = format!("iqn.{}", "x".repeat(NAME_BYTES));
        for bad in ["", "library", "IQN.a", "iqn.a b", "iqn.a\n", long.as_str()] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }
}
