//! What the cluster and the storage daemon call a drive and a snapshot.
//!
//! | what | its name |
//! |---|---|
//! | a drive | image `capstan.NAME` |
//! | a drive that was deleted and has clones | image `capstan.gone.ID`, by the cluster's id of the image |
//! | a snapshot | `NAME.MARK`: the mark of the attempt that took it |
//! | a snapshot that was deleted and has clones | `capstan.gone.ID`, by its number |
//! | what a clone of a drive hangs on | snapshot `capstan.clone.MARK` |
//! | a drive in the storage daemon | node `cap-` and 26 digits of a hash: the daemon takes 31 bytes; exports with an end to that |
//!
//! Names that callers choose have no dot, so none of these is ever taken for another.

use capstan_sdk::drive::is_name;
use capstan_sdk::{Outcome, crypto, text};

const PREFIX: &str = "capstan.";
const GONE: &str = "capstan.gone.";
const CLONE: &str = "capstan.clone.";
/// Hexadecimal digits of a mark, and of a node's name.
const MARK_DIGITS: usize = 16;
const NODE_DIGITS: usize = 26;

/// What stands for an attempt where there is little room.
pub(crate) fn mark(attempt: &str) -> Outcome<String> {
    digits(attempt, MARK_DIGITS)
}

pub(crate) fn image(drive: &str) -> String {
    format!("{PREFIX}{drive}")
}

pub(crate) fn gone_image(id: &str) -> String {
    format!("{GONE}{id}")
}

/// Whether an image was made through this contract: of another one nothing is ever removed.
pub(crate) fn is_ours(image: &str) -> bool {
    image.starts_with(PREFIX)
}

pub(crate) fn is_gone(image: &str) -> bool {
    image.starts_with(GONE)
}

pub(crate) fn snapshot(name: &str, mark: &str) -> String {
    format!("{name}.{mark}")
}

pub(crate) fn clone_snapshot(mark: &str) -> String {
    format!("{CLONE}{mark}")
}

pub(crate) fn gone_snapshot(number: u64) -> String {
    format!("{GONE}{number}")
}

/// Name and mark of a caller's snapshot; none: it is not one, or somebody else's.
pub(crate) fn of_snapshot(engine: &str) -> Option<(&str, &str)> {
    let (name, mark) = engine.split_once('.')?;
    let marked = mark.len() == MARK_DIGITS && mark.bytes().all(|byte| byte.is_ascii_hexdigit());
    (marked && is_name(name)).then_some((name, mark))
}

/// A snapshot that no caller sees, and that is removed when nothing hangs on it any more.
pub(crate) fn is_hidden(engine: &str) -> bool {
    engine.starts_with(GONE) || engine.starts_with(CLONE)
}

pub(crate) fn node(pool: &str, image: &str) -> Outcome<String> {
    Ok(format!("cap-{}", digits(&format!("{pool}/{image}"), NODE_DIGITS)?))
}

fn digits(text: &str, count: usize) -> Outcome<String> {
    let mut digits = text::hex(&crypto::digest("blake3", text.as_bytes())?);
    digits.truncate(count);
    Ok(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_the_engine_is_taken_for_another() {
        let mark = "0123456789abcdef";
        assert_eq!(of_snapshot(&snapshot("capstan", mark)), Some(("capstan", mark)));
        for other in [&clone_snapshot(mark), &gone_snapshot(7), "by-hand", "a.b", ".0123456789abcdef", "a.0123456789abcdeg"] {
            assert_eq!(of_snapshot(other), None, "{other}");
        }
        assert!(is_hidden(&clone_snapshot(mark)) && is_hidden(&gone_snapshot(7)) && !is_hidden(&snapshot("gone", mark)));
        assert!(is_gone(&gone_image("1a")) && !is_gone(&image("gone")) && !is_gone(&image("gone-1a")));
        assert!(is_ours(&image("a")) && is_ours(&gone_image("1")) && !is_ours("vm-disk"));
    }
}
