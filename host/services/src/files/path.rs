//! Paths as plugins write them: relative, UTF-8, '/' between names, nothing that climbs.
//!
//! What leads out of the root is refused here by its spelling, and again by the kernel when links are resolved: the first gives a
//! clear message, the second is the one that counts.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use capstan_domain::failure::Blame;
use capstan_domain::{Failure, Kind, Outcome, names};

use crate::limits;

/// A path below a root. Without names it is the root itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RelativePath {
    names: Vec<OsString>,
}

impl RelativePath {
    /// Reads the plugin's spelling; names that were escaped because they are not UTF-8 get their bytes back.
    pub fn read(text: &str) -> Outcome<Self> {
        if text.len() > limits::PATH_BYTES {
            return Err(wrong(format!("a path may have {} bytes", limits::PATH_BYTES)));
        }
        if text.is_empty() {
            return Ok(Self { names: Vec::new() });
        }
        if text.starts_with('/') {
            return Err(escapes());
        }
        text.split('/').map(read_name).collect::<Outcome<_>>().map(|names| Self { names })
    }

    pub fn is_root(&self) -> bool {
        self.names.is_empty()
    }

    /// The directory above and the name in it; none for the root.
    pub fn split(&self) -> Option<(PathBuf, &OsString)> {
        let (last, above) = self.names.split_last()?;
        Some((join(above), last))
    }

    /// For calls that need a path; the root is ".".
    pub fn whole(&self) -> PathBuf {
        join(&self.names)
    }
}

fn join(names: &[OsString]) -> PathBuf {
    if names.is_empty() { PathBuf::from(".") } else { names.iter().collect() }
}

fn read_name(text: &str) -> Outcome<OsString> {
    let bytes = names::unescape(text);
    match bytes.as_slice() {
        b"" => Err(wrong("a path has no empty names")),
        b"." => Err(wrong("a path does not contain `.`")),
        b".." => Err(escapes()),
        name if name.contains(&b'/') => Err(escapes()),
        name if name.contains(&0) => Err(wrong("a name does not contain a zero byte")),
        name if name.len() > 255 => Err(wrong("a name may have 255 bytes")),
        _ => Ok(OsString::from_vec(bytes)),
    }
}

fn wrong(message: impl Into<String>) -> Failure {
    Failure::invalid(message).with_blame(Blame::Caller)
}

pub(super) fn escapes() -> Failure {
    Failure::new(Kind::Denied, "the path leads out of the directory that was granted")
        .with_next_step("grant the directory it leads to, or remove the link")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_that_climb_are_denied() {
        for path in ["..", "../x", "a/..", "a/../../x", "/", "/etc/passwd", "%!2E%!2E/x", "a%!2Fb", "%!2Fetc"] {
            assert_eq!(RelativePath::read(path).unwrap_err().kind, Kind::Denied, "{path}");
        }
    }

    #[test]
    fn malformed_paths_are_invalid() {
        for path in [".", "a/.", "a//b", "a/", "a%!00b", "a\0b"] {
            assert_eq!(RelativePath::read(path).unwrap_err().kind, Kind::Invalid, "{path}");
        }
        assert_eq!(RelativePath::read(&"x".repeat(256)).unwrap_err().kind, Kind::Invalid);
    }

    #[test]
    fn names_that_are_not_utf8_come_back_as_their_bytes() {
        let path = RelativePath::read("dir/a%!FF").unwrap();
        assert_eq!(path.split().unwrap().1.as_encoded_bytes(), b"a\xff");
        assert!(RelativePath::read("").unwrap().is_root());
    }
}
