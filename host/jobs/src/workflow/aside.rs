//! Names under which what is being moved waits in the root of its tree, where views and walks pass over it.
//!
//! The name is that of the old path, so that a run that takes up where another died finds what that one took aside.

use capstan_domain::workflow::TaskPath;
use capstan_stub::OWN_PREFIX;

use super::task_step::Half;

/// Hexadecimal digits of a name.
const DIGITS: usize = 32;

pub(super) fn name(path: &str) -> String {
    let hash = blake3::hash(path.as_bytes()).to_hex();
    format!("{OWN_PREFIX}moving-{}", hash.get(..DIGITS).unwrap_or_default())
}

/// The renaming that a half of a move is.
pub(super) fn renaming(path: &TaskPath, half: Half) -> TaskPath {
    let Some(from) = &path.from else { return path.clone() };
    let aside = name(from);
    match half {
        Half::Aside => TaskPath { path: aside, ..path.clone() },
        Half::Place => TaskPath { from: Some(aside), ..path.clone() },
    }
}

#[cfg(test)]
mod tests {
    use capstan_domain::entry::EntryKind;
    use capstan_stub::is_own;

    use super::*;

    #[test]
    fn both_halves_meet_at_a_name_that_nobody_sees() {
        let moved = TaskPath {
            path: "new/f".to_owned(),
            kind: EntryKind::File,
            size: 1,
            state: "moved".to_owned(),
            from: Some("old/f".to_owned()),
        };
        let (aside, place) = (renaming(&moved, Half::Aside), renaming(&moved, Half::Place));
        assert_eq!((aside.from.as_deref(), place.path.as_str()), (Some("old/f"), "new/f"));
        assert_eq!(place.from.as_deref(), Some(aside.path.as_str()));
        assert!(is_own(aside.path.as_ref()) && name("old/f") != name("old/g"));
    }
}
