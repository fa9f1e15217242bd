//! What a scan could not read of a tree: paths, each standing for itself and for all that lies below it.
//!
//! Nothing is inferred about these places, and the next scan reads them anew. There are few: a tree of which much cannot be read is
//! one that could not be read at all.

use serde::{Deserialize, Serialize};

/// Paths that are told apart. With more, the whole tree counts as unread.
pub const UNREAD_MAX: usize = 256;

/// No path lies at or below another. The empty path is the whole tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread(Vec<String>);

impl Unread {
    pub fn add(&mut self, path: impl Into<String>) {
        let path = path.into();
        if self.covers(&path) {
            return;
        }
        self.0.retain(|known| !is_at_or_below(known, &path));
        if self.0.len() < UNREAD_MAX {
            self.0.push(path);
        } else {
            self.0 = vec![String::new()];
        }
    }

    pub fn add_all(&mut self, other: &Self) {
        other.0.iter().for_each(|path| self.add(path.as_str()));
    }

    /// Whether this path, or one above it, could not be read.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        self.0.iter().any(|unread| is_at_or_below(path, unread))
    }

    /// Without what lies at or below `path`, which was read meanwhile. Of what lies above it, only this part was read.
    #[must_use]
    pub fn outside(&self, path: &str) -> Self {
        Self(self.0.iter().filter(|unread| !is_at_or_below(unread, path)).cloned().collect())
    }

    #[must_use]
    pub fn paths(&self) -> &[String] {
        &self.0
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn is_at_or_below(path: &str, above: &str) -> bool {
    above.is_empty() || path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unread(paths: &[&str]) -> Unread {
        let mut unread = Unread::default();
        paths.iter().for_each(|path| unread.add(*path));
        unread
    }

    #[test]
    fn a_path_stands_for_what_is_below_it_and_for_nothing_beside_it() {
        let unread = unread(&["a/b"]);
        assert!(unread.covers("a/b") && unread.covers("a/b/c/d"));
        assert!(!unread.covers("a") && !unread.covers("a/bc") && !unread.covers("a/b0") && !unread.covers(""));
    }

    #[test]
    fn of_two_paths_one_below_the_other_the_upper_one_is_kept() {
        assert_eq!(unread(&["a/b/c", "a/b/d", "a/bc", "a/b", "a/b/e"]).paths(), ["a/bc", "a/b"]);
    }

    #[test]
    fn what_was_read_is_taken_out_with_what_is_below_it() {
        assert_eq!(unread(&["a/b", "a/c", "d"]).outside("a").paths(), ["d"]);
        assert_eq!(unread(&["a"]).outside("a/b").paths(), ["a"]);
        assert!(unread(&["a", "b"]).outside("").is_empty());
    }

    #[test]
    fn too_many_paths_are_the_whole_tree() {
        let mut many = Unread::default();
        (0..UNREAD_MAX).for_each(|at| many.add(format!("d{at}")));
        assert_eq!(many.paths().len(), UNREAD_MAX);
        assert!(!many.covers("other"));
        many.add("one-more");
        assert_eq!(many.paths(), [""]);
        assert!(many.covers("other"));
    }
}
