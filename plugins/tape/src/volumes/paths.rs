//! Paths as the contract has them.

use capstan_sdk::Outcome;
use capstan_sdk::failure::invalid;

/// Bytes of a name: what both formats hold, in any writing.
const NAME: usize = 255;

/// Of anything; the empty path is the cartridge itself.
pub(crate) fn check(path: &str) -> Outcome<()> {
    let plain = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
    if !path.is_empty() && !path.split('/').all(plain) {
        return Err(invalid(format!("{path:?} is no path of names separated by slashes")));
    }
    match path.split('/').find(|name| name.len() > NAME) {
        Some(name) => Err(invalid(format!("a name of {} bytes; a tape holds {NAME}", name.len()))),
        None => Ok(()),
    }
}

/// Of something in the cartridge.
pub(crate) fn check_inner(path: &str) -> Outcome<()> {
    if path.is_empty() {
        return Err(invalid("this is the cartridge itself, and nothing in it"));
    }
    check(path)
}

/// Where it lies, and its own name.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_names_and_nothing_that_leads_elsewhere() {
        for good in ["", "a", "a b/ü/...", &"n".repeat(NAME)] {
            assert!(check(good).is_ok(), "{good:?}");
        }
        for wrong in ["/", "/a", "a/", "a//b", ".", "a/../b", "a\0", &"n".repeat(NAME + 1)] {
            assert!(check(wrong).is_err(), "{wrong:?}");
        }
        assert!(check_inner("").is_err() && check_inner("a").is_ok());
        assert_eq!((split("a/b/c"), split("a")), (("a/b", "c"), ("", "a")));
    }
}
