//! Paths: names with `/` between them, from the root of a volume; the empty path is the root.

use crate::{RESERVED, Refused};

/// Bytes of a name.
pub(crate) const NAME: usize = 1_024;
/// Bytes of a path, and of a link's target.
pub(crate) const PATH: usize = 4_096;

/// The names of a path.
pub(crate) fn names(path: &str) -> Result<Vec<&str>, Refused> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    if path.len() > PATH {
        return Err(Refused::Name("the path is too long"));
    }
    let names: Vec<&str> = path.split('/').collect();
    for name in &names {
        check(name)?;
    }
    if names.first() == Some(&RESERVED) {
        return Err(Refused::Name("the name belongs to the format of the tape"));
    }
    Ok(names)
}

fn check(name: &str) -> Result<(), Refused> {
    match name {
        "" | "." | ".." => Err(Refused::Name("a path is names with / between them, and . and .. are none")),
        _ if name.len() > NAME => Err(Refused::Name("the name is too long")),
        _ if name.contains('\0') => Err(Refused::Name("a name has no zero in it")),
        _ => Ok(()),
    }
}

pub(crate) fn check_target(target: &str) -> Result<(), Refused> {
    if target.is_empty() || target.len() > PATH || target.contains('\0') {
        return Err(Refused::Name("a link points to 1 to 4,096 bytes without zeros"));
    }
    Ok(())
}

/// Where it lies, and its own name; none: the root.
pub(crate) fn split(path: &str) -> Option<(&str, &str)> {
    match path.rsplit_once('/') {
        Some(parts) => Some(parts),
        None => (!path.is_empty()).then_some(("", path)),
    }
}

pub(crate) fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_names_and_nothing_that_leads_elsewhere() {
        assert_eq!(names("a/ b/ä"), Ok(vec!["a", " b", "ä"]));
        assert_eq!(names(""), Ok(Vec::new()));
        assert!(names("a/.capstan").is_ok());
        for wrong in
            ["/", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\0", ".capstan", ".capstan/label.json", &"a".repeat(NAME + 1)]
        {
            assert!(names(wrong).is_err(), "{wrong:?}");
        }
        assert!(names(&"ab/".repeat(2_000)).is_err());
    }
}
