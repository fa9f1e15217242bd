//! What plugins for file trees share: whole files are written under a temporary name and renamed, ranges go in place.
//!
//! A writer that dies leaves its temporary file, which no listing shows. The same attempt, made again, cuts and fills it; where
//! nobody makes it again, whoever lists the directory comes by and removes it, once it is surely dead: a week after its last
//! write, by the clock of the server that keeps it. Touching the file first has the server tell that clock, as the moment of the
//! file's last change; where it tells no such moment, a file that is made for the question does.
//!
//! | dies, or the answer is lost, after | what is there | the next listing |
//! |---|---|---|
//! | the file is touched | the file, written to as long ago as before | removes it |
//! | the file is removed | nothing | finds nothing |
//!
//! The file of a writer that lives is never a week old. A server that does not answer is given up after seconds, a call has a
//! deadline, and no source is waited for so long in the middle of a file. A writer that comes back to an old file of its attempt
//! cuts it, which is a write; one that does so in the very moment between the touch and the removal fails and is tried again, and
//! nothing is lost by it.

use crate::failure::{Outcome, invalid};
use crate::types::PutOptions;
use crate::{crypto, time};

const TEMPORARY: &str = ".capstan-part-";
/// Hexadecimal digits behind it.
const DIGITS: usize = 32;
const SECOND: i64 = 1_000_000_000;
/// How long nobody has written to a temporary file whose writer is surely dead. Nanoseconds.
const ABANDONED: i64 = 7 * 86_400 * SECOND;
/// Temporary files that one page of a listing removes at most.
pub const SWEPT: usize = 16;

/// Is it the name of a file that is still being written? None of these shows in a listing, and no caller may write one.
pub fn is_temporary(name: &str) -> bool {
    name.strip_prefix(TEMPORARY).is_some_and(|rest| rest.len() == DIGITS && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Is the writer of a temporary file dead? Both moments by the clock of the server that keeps the file, in nanoseconds.
pub fn is_abandoned(written: i64, now: i64) -> bool {
    now.saturating_sub(written) > ABANDONED
}

/// Does it look so by the host's clock, which may be another one? Then it is worth asking the server.
pub fn may_be_abandoned(written: i64) -> bool {
    is_abandoned(written, time::now().saturating_mul(SECOND))
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

/// The moment a whole file is to have, in nanoseconds since 1970, if one is told. What cannot be read counts as left out.
pub fn modified(options: &PutOptions) -> Option<i64> {
    crate::find(&options.extras, "modified")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(extra: Option<(&str, &str)>) -> PutOptions {
        PutOptions {
            content_type: None,
            if_match: None,
            if_absent: false,
            metadata: Vec::new(),
            checksums: Vec::new(),
            extras: extra.map(|(name, value)| crate::named(name, value)).into_iter().collect(),
        }
    }

    #[test]
    fn a_range_says_where_it_goes() {
        assert_eq!(offset(&with(None)).unwrap(), None);
        assert_eq!(offset(&with(Some(("offset", "16777216")))).unwrap(), Some(16_777_216));
        assert!(offset(&with(Some(("offset", "-1")))).is_err());
    }

    #[test]
    fn a_moment_before_1970_is_one_and_a_word_is_none() {
        assert_eq!(modified(&with(None)), None);
        assert_eq!(modified(&with(Some(("modified", "-86400000000000")))), Some(-86_400_000_000_000));
        assert_eq!(modified(&with(Some(("modified", "yesterday")))), None);
    }

    #[test]
    fn a_file_is_abandoned_a_week_after_its_last_write_and_never_by_a_clock_that_is_behind() {
        let written = 1_700_000_000 * SECOND;
        assert!(!is_abandoned(written, written + ABANDONED));
        assert!(is_abandoned(written, written + ABANDONED + 1));
        assert!(!is_abandoned(written, 0) && !is_abandoned(i64::MAX, i64::MIN));
        let now = time::now() * SECOND;
        assert!(may_be_abandoned(now - ABANDONED - 60 * SECOND) && !may_be_abandoned(now - ABANDONED + 60 * SECOND));
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
