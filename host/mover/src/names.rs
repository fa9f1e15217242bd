//! Paths inside trees and the names that targets give them.
//!
//! A path is UTF-8 with "/" between names; bytes of a name that are not UTF-8 are escaped (`capstan_domain::names`). A target
//! that cannot hold a name gets it escaped further, and the way back is exact: a native name is taken as escaped only if
//! escaping it again gives the same text.

use capstan_domain::names::{escape, unescape};
use capstan_domain::{Failure, Outcome};

/// Bytes of a path.
pub const LONGEST_PATH: usize = 4096;

/// The text of a native name that may be any bytes. `.` and `..` are names here, so they are escaped, never resolved.
pub fn from_bytes(name: &[u8]) -> String {
    // Nearly every name: nothing to escape.
    if let Ok(plain) = str::from_utf8(name)
        && !plain.contains("%!")
        && !plain.contains('\0')
        && !matches!(plain, "." | "..")
    {
        return plain.to_owned();
    }
    let all = name == b"." || name == b"..";
    escape(name, |c| all || c == '\0')
}

/// `parent/name`, or just `name` at the root.
pub fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else if name.is_empty() {
        parent.to_owned()
    } else {
        format!("{parent}/{name}")
    }
}

pub fn parent_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// What is left of `path` below `start`; none if it is not below.
pub fn below<'p>(path: &'p str, start: &str) -> Option<&'p str> {
    if start.is_empty() {
        return Some(path);
    }
    let rest = path.strip_prefix(start)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// A path as a caller gave it, without slashes at its ends; `..` and empty names are refused, never resolved.
pub fn checked(path: &str) -> Outcome<&str> {
    let path = path.trim_matches('/');
    if path.is_empty() {
        return Ok(path);
    }
    if path.split('/').any(|name| matches!(name, "" | "." | "..")) {
        return Err(
            Failure::invalid(format!("{path:?} is not a path: it holds an empty name, \".\" or \"..\"")).with_code("bad-path")
        );
    }
    Ok(path)
}

/// A name as a tree with rules of its own writes it. `bad`: characters it cannot hold.
pub fn to_native(name: &str, bad: impl Fn(char) -> bool) -> String {
    let raw = unescape(name);
    let whole_name_is_bad = raw == b"." || raw == b"..";
    escape(&raw, |c| whole_name_is_bad || bad(c))
}

/// The way back of `to_native`. False: the native name is not what `to_native` would write, and is to be kept beside the path.
pub fn from_native(native: &str, bad: impl Fn(char) -> bool) -> (String, bool) {
    let name = from_bytes(&unescape(native));
    if to_native(&name, bad) == native {
        (name, true)
    } else {
        // Somebody else's name that merely looks escaped: taken literally.
        (from_bytes(native.as_bytes()), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_a_target_cannot_hold_come_back_exactly() {
        let bad = |c: char| c.is_control() || c == ':';
        for raw in [&b"plain"[..], b"a:b", b"\x01", b"\xff:", b"..", b".", b"%!41", b"100%", b"%!"] {
            let path = from_bytes(raw);
            let native = to_native(&path, bad);
            assert!(!native.contains(|c: char| c.is_control() || c == ':') && native != "..", "{native}");
            assert_eq!(from_native(&native, bad), (path.clone(), true), "{native}");
            assert_eq!(unescape(&path), raw);
        }
    }

    #[test]
    fn a_foreign_name_that_looks_escaped_is_taken_literally() {
        let (path, exact) = from_native("%!41bc", |_| false);
        assert!(!exact);
        assert_eq!(unescape(&path), b"%!41bc");
    }

    #[test]
    fn a_path_that_leaves_its_tree_is_refused() {
        for path in ["..", "a/../b", "a//b", "./a", "a/.."] {
            assert!(checked(path).is_err(), "{path}");
        }
        assert_eq!(checked("/a/b/").ok(), Some("a/b"));
    }

    #[test]
    fn below_is_by_whole_names() {
        assert_eq!(below("a/b/c", "a/b"), Some("c"));
        assert_eq!(below("a/bc", "a/b"), None);
        assert_eq!(below("a/b", "a/b"), Some(""));
    }
}
