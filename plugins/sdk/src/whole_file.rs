//! What plugins for file trees share: whole files are written under a temporary name and renamed, ranges go in place.

use crate::crypto;
use crate::failure::{Outcome, invalid};
use crate::types::PutOptions;

const TEMPORARY: &str = ".capstan-part-";
/// Hexadecimal digits behind it.
const DIGITS: usize = 32;

/// Is it the name of a file that is still being written? None of these shows in a listing, and no caller may write one.
pub fn is_temporary(name: &str) -> bool {
    name.strip_prefix(TEMPORARY).is_some_and(|rest| rest.len() == DIGITS && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// One name an attempt at a path, so that a second try finds what the first left.
pub fn temporary_name(attempt: &str, path: &str) -> Outcome<String> {
    Ok(named_by(&crypto::digest("blake3", format!("{attempt}\0{path}").as_bytes())?))
}

fn named_by(digest: &[u8]) -> String {
    digest.iter().take(DIGITS / 2).fold(TEMPORARY.to_owned(), |name, byte| format!("{name}{byte:02x}"))
}

/// Where in the file the content goes, if it is a range of one (capability `ranged-write`).
pub fn offset(options: &PutOptions) -> Outcome<Option<u64>> {
    let said = crate::find(&options.extras, "offset");
    said.map(|said| said.parse().map_err(|_| invalid(format!("{said:?} is no offset in a file")))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_says_where_it_goes() {
        let with = |value: Option<&str>| PutOptions {
            content_type: None,
            if_match: None,
            if_absent: false,
            metadata: Vec::new(),
            checksums: Vec::new(),
            extras: value.map(|value| crate::named("offset", value)).into_iter().collect(),
        };
        assert_eq!(offset(&with(None)).unwrap(), None);
        assert_eq!(offset(&with(Some("16777216"))).unwrap(), Some(16_777_216));
        assert!(offset(&with(Some("-1"))).is_err());
    }

    #[test]
    fn a_temporary_name_is_known_again_and_nobody_elses_is_taken_for_one() {
        let name = named_by(&[0xab; 32]);
        assert!(is_temporary(&name) && name.len() == 46);
        for other in [".capstan-part-", ".capstan-part-x", "a", &name[1..]] {
            assert!(!is_temporary(other), "{other}");
        }
    }
}
