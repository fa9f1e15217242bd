//! The folders around the path that a walk in ascending order is at, as far as they matter.
//!
//! Byte by byte, `a` comes before `a-b`, and that before `a/c`. So a folder stays open as long as paths begin with its path, be it
//! followed by a slash or not; after that none of its own can come. All open ones begin each other, hence there are at most as many as
//! a path has bytes.

use super::parent::parent_and_name;

#[derive(Debug)]
pub(super) struct OpenFolders<T>(Vec<(String, T)>);

impl<T> Default for OpenFolders<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> OpenFolders<T> {
    /// Closes what cannot hold `path` nor any after it.
    pub(super) fn advance(&mut self, path: &str) {
        while self.0.last().is_some_and(|(folder, _)| !path.starts_with(folder.as_str())) {
            self.0.pop();
        }
    }

    pub(super) fn open(&mut self, folder: &str, what: T) {
        self.0.push((folder.to_owned(), what));
    }

    /// What was noted of the folder that `path` stands in.
    pub(super) fn around(&self, path: &str) -> Option<&T> {
        let (parent, _) = parent_and_name(path);
        self.0.iter().rev().find(|(folder, _)| folder == parent).map(|(_, what)| what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_open_until_no_path_of_it_can_come() {
        let mut open = OpenFolders::default();
        open.open("a", 1);
        open.advance("a-b");
        open.open("a-b", 2);
        for (path, around) in [("a-b/x", Some(2)), ("a-b/x/y", None), ("a/c", Some(1)), ("ab", None), ("b/c", None)] {
            open.advance(path);
            assert_eq!(open.around(path).copied(), around, "{path}");
        }
        assert!(open.0.is_empty());
    }
}
