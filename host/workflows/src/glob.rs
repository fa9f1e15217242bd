//! Globs over paths.
//!
//! `*` stands for any characters, "/" among them, so that `*.tmp` means every such file at any depth; `?` for one character; `[a-z]`
//! and `[!a-z]` for one of a set; `{a,b}` for either; `\` takes the next character as it is. A glob that begins with "/" is held
//! against the path as clients see it, under the mountpoint of its space; any other against the path within the space. Matching takes
//! time linear in the path.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::field_error::{FieldErrors, FieldPath};
use crate::limits::{LONGEST_GLOB, MOST_GLOBS};
use crate::members::Members;

/// A list of globs, compiled.
#[derive(Clone, Debug, Default)]
pub struct Globs {
    within: GlobSet,
    absolute: GlobSet,
}

impl Globs {
    /// # Errors
    /// Under `at` and its position: a glob that is none or is too long; under `at`: too many of them.
    pub fn compile(globs: &[String], at: &FieldPath) -> Result<Self, FieldErrors> {
        if globs.len() > MOST_GLOBS {
            let message = format!("Holds {} items; at most {MOST_GLOBS} are taken.", globs.len());
            return Err(FieldErrors::one(at.clone(), message));
        }
        let mut errors = FieldErrors::default();
        let (mut within, mut absolute) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for (index, text) in globs.iter().enumerate() {
            if text.is_empty() || text.chars().count() > LONGEST_GLOB {
                errors.add(&at.then(index), format!("A glob has 1 to {LONGEST_GLOB} characters."));
                continue;
            }
            match GlobBuilder::new(text).literal_separator(false).backslash_escape(true).build() {
                Ok(glob) => _ = if text.starts_with('/') { absolute.add(glob) } else { within.add(glob) },
                Err(cause) => errors.add(&at.then(index), format!("Not a glob: {}.", cause.kind())),
            }
        }
        match (within.build(), absolute.build()) {
            (Ok(within), Ok(absolute)) => errors.unless_any(Self { within, absolute }),
            (Err(cause), _) | (_, Err(cause)) => {
                errors.add(at, format!("These globs take too much together: {}.", cause.kind()));
                Err(errors)
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.within.is_empty() && self.absolute.is_empty()
    }

    /// `path` within its space, without a slash before; `mountpoint` of the space, without one behind.
    pub fn matches(&self, mountpoint: &str, path: &str) -> bool {
        self.within.is_match(path) || (!self.absolute.is_empty() && self.absolute.is_match(format!("{mountpoint}/{path}")))
    }
}

/// A member that is a list of globs, each of which compiles.
pub(crate) fn read(members: &Members<'_>, name: &str, errors: &mut FieldErrors) -> Vec<String> {
    let globs = members.texts(name, MOST_GLOBS, LONGEST_GLOB, errors);
    if let Err(wrong) = Globs::compile(&globs, &members.at(name)) {
        wrong.iter().for_each(|error| errors.add(&error.path, error.message.clone()));
    }
    globs
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn globs(globs: &[&str]) -> Result<Globs, FieldErrors> {
        let globs: Vec<_> = globs.iter().map(|&glob| glob.to_owned()).collect();
        Globs::compile(&globs, &FieldPath::root().then("include"))
    }

    #[test]
    fn a_star_means_any_depth() {
        let any = globs(&["*.tmp", "raw/?/[!x]*"]).unwrap();
        for path in ["a.tmp", "a/b/c.tmp", "raw/1/a/b"] {
            assert!(any.matches("/s", path), "{path}");
        }
        for path in ["a.tmp2", "raw/12/a", "raw/1/x"] {
            assert!(!any.matches("/s", path), "{path}");
        }
    }

    #[test]
    fn a_glob_with_a_slash_before_is_held_against_the_path_clients_see() {
        let absolute = globs(&["/mnt/space/projects/*"]).unwrap();
        assert!(absolute.matches("/mnt/space", "projects/a"));
        assert!(!absolute.matches("/mnt/other", "projects/a"));
        assert!(!globs(&["projects/*"]).unwrap().matches("/mnt/space", "old/projects/a"));
    }

    #[test]
    fn what_is_no_glob_is_refused_at_its_place() {
        let errors = globs(&["*", "[", "{a", ""]).unwrap_err();
        let paths: Vec<_> = errors.iter().map(|error| error.path.to_string()).collect();
        assert_eq!(paths, ["include.1", "include.2", "include.3"]);
        assert!(globs(&vec!["*"; MOST_GLOBS + 1]).is_err());
        assert!(globs(&[&"a".repeat(LONGEST_GLOB + 1)]).is_err());
    }

    #[test]
    fn no_glob_blows_up() {
        let glob = "a*".repeat(LONGEST_GLOB / 2 - 1) + "b";
        let hostile = globs(&[&glob]).unwrap();
        let path = "a".repeat(4096);
        let began = Instant::now();
        assert!(!hostile.matches("/s", &path));
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
