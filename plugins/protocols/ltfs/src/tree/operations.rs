//! What is done to the tree. Paths are names with `/` between them; the empty one is the root. Whatever succeeds is part of the next
//! generation; whatever is refused has changed nothing.

use std::collections::btree_map;
use std::ops::Bound;

use super::{Directory, Entry, File, Index, Kind, Refused, Times, is_name};
use crate::bounds::{ATTRIBUTE_BYTES, DEPTH, LINK_BYTES, NAME_BYTES, Room};
use crate::{Extent, Time, extent, text};

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct NewFile {
    /// Bytes; what no extent has is zeros.
    pub length: u64,
    /// As the packer answers them.
    pub extents: Vec<Extent>,
    pub times: Times,
    /// Names and values, the hash among them ([`super::HASH`]).
    pub attributes: Vec<(String, Vec<u8>)>,
}

impl Index {
    pub fn lookup(&self, path: &str) -> Option<&Entry> {
        names(path).try_fold(&self.root, |entry, name| entry.directory()?.get(name))
    }

    /// Up to `limit` entries of a directory, by name, behind this one, which need not be there.
    pub fn list(&self, path: &str, after: Option<&str>, limit: usize) -> Result<Vec<(&str, &Entry)>, Refused> {
        let directory = self.lookup(path).ok_or(Refused::NotFound)?.directory().ok_or(Refused::NotADirectory)?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = directory.children.range::<str, _>((from, Bound::Unbounded)).take(limit);
        Ok(entries.map(|(name, entry)| (name.as_ref(), entry.as_ref())).collect())
    }

    /// Makes a directory in one that is there, and answers its uid.
    pub fn make_directory(&mut self, path: &str, now: Time) -> Result<u64, Refused> {
        let entry = Entry::new(0, Times::all(now), Kind::Directory(Directory::default()));
        self.add(path, entry, false, now)
    }

    /// The same with all that are missing on the way.
    pub fn make_directories(&mut self, path: &str, now: Time) -> Result<(), Refused> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for part in ends.filter_map(|end| path.get(..end)).filter(|_| !path.is_empty()) {
            match self.make_directory(part, now) {
                Ok(_) | Err(Refused::Exists) => {}
                Err(refused) => return Err(refused),
            }
        }
        match self.lookup(path).ok_or(Refused::NotFound)?.kind {
            Kind::Directory(_) => Ok(()),
            Kind::File(_) | Kind::Link(_) => Err(Refused::NotADirectory),
        }
    }

    /// Instead of a file or link of that name; a replaced file's uid is not its successor's, which is answered.
    pub fn put_file(&mut self, path: &str, file: NewFile, now: Time) -> Result<u64, Refused> {
        let extents = extent::ordered(file.extents, file.length).ok_or(Refused::Extents)?;
        let kind = Kind::File(File { length: file.length, open_for_write: false, extents: extents.into() });
        let mut entry = Entry::new(0, file.times, kind);
        for (name, value) in &file.attributes {
            attach(&mut entry, name, value)?;
        }
        self.add(path, entry, true, now)
    }

    /// A symbolic link, instead of a file or link of that name.
    pub fn put_link(&mut self, path: &str, target: &str, now: Time) -> Result<u64, Refused> {
        if target.is_empty() || target.len() > LINK_BYTES || target.contains('\0') {
            return Err(Refused::Name);
        }
        self.add(path, Entry::new(0, Times::all(now), Kind::Link(target.into())), true, now)
    }

    /// A file, a link or an empty directory. Its content stays on the tape and is reached by older generations alone.
    pub fn remove(&mut self, path: &str, now: Time) -> Result<(), Refused> {
        let (directory, name) = self.parent(path)?;
        let found = directory.get(name).ok_or(Refused::NotFound)?;
        if found.directory().is_some_and(|directory| !directory.is_empty()) {
            return Err(Refused::NotEmpty);
        }
        directory.children.remove(name);
        self.entries -= 1;
        self.touch_parent(path, now);
        Ok(())
    }

    /// To another name, over a file or link that has it. It keeps its uid.
    pub fn rename(&mut self, from: &str, to: &str, now: Time) -> Result<(), Refused> {
        let moved = self.lookup(from).ok_or(Refused::NotFound)?;
        if from == to {
            return Ok(());
        }
        if to.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) {
            return Err(Refused::NotADirectory);
        }
        if names(to).count() + height(moved) > DEPTH + 1 {
            return Err(Refused::TooMuch("directories inside each other"));
        }
        let (directory, name) = self.parent(to)?;
        match directory.get(name).map(|entry| &entry.kind) {
            _ if !is_name(name) => return Err(Refused::Name),
            Some(Kind::Directory(_)) => return Err(Refused::Exists),
            _ => {}
        }
        let (directory, name) = self.parent(from)?;
        let mut entry = directory.children.remove(name).ok_or(Refused::NotFound)?;
        entry.times.change = now;
        let (directory, name) = self.parent(to)?;
        let replaced = directory.children.insert(name.into(), entry).is_some();
        self.entries -= u64::from(replaced);
        self.touch_parent(from, now);
        self.touch_parent(to, now);
        Ok(())
    }

    pub fn set_times(&mut self, path: &str, times: Times) -> Result<(), Refused> {
        self.change(path, |entry| {
            entry.times = times;
            Ok(())
        })
    }

    pub fn set_read_only(&mut self, path: &str, read_only: bool, now: Time) -> Result<(), Refused> {
        self.change(path, |entry| {
            (entry.read_only, entry.times.change) = (read_only, now);
            Ok(())
        })
    }

    /// An extended attribute, instead of the value that is there.
    pub fn set_attribute(&mut self, path: &str, name: &str, value: &[u8], now: Time) -> Result<(), Refused> {
        self.change(path, |entry| {
            attach(entry, name, value)?;
            entry.times.change = now;
            Ok(())
        })
    }

    pub fn remove_attribute(&mut self, path: &str, name: &str, now: Time) -> Result<(), Refused> {
        self.change(path, |entry| {
            entry.times.change = now;
            entry.attributes.remove(name).then_some(()).ok_or(Refused::NotFound)
        })
    }

    fn change(&mut self, path: &str, how: impl FnOnce(&mut Entry) -> Result<(), Refused>) -> Result<(), Refused> {
        how(self.entry_mut(path).ok_or(Refused::NotFound)?)?;
        self.changed = true;
        Ok(())
    }

    /// The path's entry is new and gets the next uid.
    fn add(&mut self, path: &str, mut entry: Entry, replace: bool, now: Time) -> Result<u64, Refused> {
        if self.entries >= u64::from(Room::default().entries) {
            return Err(Refused::TooMuch("files and directories"));
        }
        if names(path).count() > DEPTH {
            return Err(Refused::TooMuch("directories inside each other"));
        }
        let uid = self.highest_uid.checked_add(1).ok_or(Refused::TooMuch("uids"))?;
        let (directory, name) = self.parent(path)?;
        if !is_name(name) {
            return Err(Refused::Name);
        }
        entry.uid = uid;
        let replaced = match directory.children.entry(name.into()) {
            btree_map::Entry::Vacant(place) => {
                place.insert(Box::new(entry));
                false
            }
            btree_map::Entry::Occupied(_) if !replace => return Err(Refused::Exists),
            btree_map::Entry::Occupied(old) if old.get().directory().is_some() => return Err(Refused::IsADirectory),
            btree_map::Entry::Occupied(mut old) => {
                old.insert(Box::new(entry));
                true
            }
        };
        self.highest_uid = uid;
        self.entries += u64::from(!replaced);
        self.touch_parent(path, now);
        Ok(uid)
    }

    fn entry_mut(&mut self, path: &str) -> Option<&mut Entry> {
        names(path).try_fold(&mut self.root, |entry, name| match &mut entry.kind {
            Kind::Directory(directory) => directory.children.get_mut(name).map(Box::as_mut),
            Kind::File(_) | Kind::Link(_) => None,
        })
    }

    /// The directory that a path is in, and its name there.
    fn parent<'p>(&mut self, path: &'p str) -> Result<(&mut Directory, &'p str), Refused> {
        let (around, name) = split(path);
        if name.is_empty() {
            return Err(Refused::Name);
        }
        match &mut self.entry_mut(around).ok_or(Refused::NotFound)?.kind {
            Kind::Directory(directory) => Ok((directory, name)),
            Kind::File(_) | Kind::Link(_) => Err(Refused::NotADirectory),
        }
    }

    fn touch_parent(&mut self, path: &str, now: Time) {
        self.changed = true;
        if let Some(directory) = self.entry_mut(split(path).0) {
            (directory.times.modify, directory.times.change) = (now, now);
        }
    }
}

fn attach(entry: &mut Entry, name: &str, value: &[u8]) -> Result<(), Refused> {
    if name.is_empty() || name.len() > NAME_BYTES || !text::is_writable(name) {
        return Err(Refused::Name);
    }
    if value.len() > ATTRIBUTE_BYTES || entry.attributes.bytes() + value.len() > 4 * ATTRIBUTE_BYTES {
        return Err(Refused::TooMuch("bytes of attributes"));
    }
    entry.attributes.set(name, value).then_some(()).ok_or(Refused::TooMuch("bytes of attributes"))
}

/// Directories inside each other, with the entry itself.
fn height(entry: &Entry) -> usize {
    1 + entry.directory().into_iter().flat_map(Directory::iter).map(|(_, child)| height(child)).max().unwrap_or(0)
}

fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(move |_| !path.is_empty())
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Partition, Uuid};

    const NOW: Time = Time::EPOCH;

    fn index() -> Index {
        Index::new("test", Uuid([1; 16]), "volume", Partition::B, NOW)
    }

    fn file(length: u64) -> NewFile {
        NewFile { length, ..NewFile::default() }
    }

    #[test]
    fn a_uid_is_never_given_twice() {
        let mut index = index();
        assert_eq!(index.make_directory("a", NOW), Ok(2));
        assert_eq!(index.put_file("a/f", file(1), NOW), Ok(3));
        assert_eq!(index.put_file("a/f", file(2), NOW), Ok(4));
        index.remove("a/f", NOW).unwrap();
        assert_eq!(index.put_link("a/f", "../x", NOW), Ok(5));
        assert_eq!((index.highest_uid, index.entries()), (5, 3));
        assert_eq!(index.put_file("a/b/c", file(0), NOW), Err(Refused::NotFound));
        assert_eq!(index.highest_uid, 5);
    }

    #[test]
    fn what_stands_in_the_way_is_told_and_nothing_changes() {
        let mut index = index();
        index.make_directories("a/b/c", NOW).unwrap();
        index.make_directories("a/b/c", NOW).unwrap();
        index.make_directories("", NOW).unwrap();
        index.put_file("a/f", file(0), NOW).unwrap();
        index.next_generation("test", NOW);
        assert_eq!(index.make_directory("a/b", NOW), Err(Refused::Exists));
        assert_eq!(index.make_directories("a/f", NOW), Err(Refused::NotADirectory));
        assert_eq!(index.make_directories("a/f/g", NOW), Err(Refused::NotADirectory));
        assert_eq!(index.put_file("a/b", file(0), NOW), Err(Refused::IsADirectory));
        assert_eq!(index.put_file("a/f/g", file(0), NOW), Err(Refused::NotADirectory));
        assert_eq!(index.remove("a/b", NOW), Err(Refused::NotEmpty));
        assert_eq!(index.remove("", NOW), Err(Refused::Name));
        for path in ["", "a/", "a/..", "a/b\0", &format!("a/{}", "x".repeat(256))] {
            assert_eq!(index.put_file(path, file(0), NOW), Err(Refused::Name), "{path}");
        }
        assert_eq!(index.put_link("l", "", NOW), Err(Refused::Name));
        assert!(!index.is_changed() && index.entries() == 5);
    }

    #[test]
    fn a_listing_goes_on_behind_any_name() {
        let mut index = index();
        for name in ["b", "d", "a", "c"] {
            index.put_file(name, file(0), NOW).unwrap();
        }
        let names = |after, limit| index.list("", after, limit).unwrap().iter().map(|(name, _)| *name).collect::<Vec<_>>();
        assert_eq!(names(None, 3), ["a", "b", "c"]);
        assert_eq!(names(Some("c"), 3), ["d"]);
        assert_eq!(names(Some("bb"), 1), ["c"]);
        assert_eq!(index.list("a", None, 1), Err(Refused::NotADirectory));
        assert_eq!(index.list("x", None, 1), Err(Refused::NotFound));
    }

    #[test]
    fn a_rename_keeps_the_uid_and_goes_over_a_file_but_never_over_a_directory_or_into_itself() {
        let mut index = index();
        index.make_directories("a/b", NOW).unwrap();
        let uid = index.put_file("a/f", file(1), NOW).unwrap();
        index.put_file("g", file(2), NOW).unwrap();
        index.rename("a/f", "g", NOW).unwrap();
        assert_eq!((index.lookup("g").unwrap().uid, index.lookup("a/f"), index.entries()), (uid, None, 4));
        assert_eq!(index.rename("a", "a/b/c", NOW), Err(Refused::NotADirectory));
        assert_eq!(index.rename("g", "a", NOW), Err(Refused::Exists));
        assert_eq!(index.rename("x", "y", NOW), Err(Refused::NotFound));
        assert_eq!(index.rename("g", "x/y", NOW), Err(Refused::NotFound));
        index.rename("a", "z", NOW).unwrap();
        assert!(index.lookup("z/b").is_some() && index.lookup("a").is_none());
        assert_eq!(index.walk().map(|(path, _)| path).collect::<Vec<_>>(), ["g", "z", "z/b"]);
    }

    #[test]
    fn depth_has_a_bound_by_making_and_by_renaming() {
        let mut index = index();
        let deep = vec!["d"; DEPTH].join("/");
        index.make_directories(&deep, NOW).unwrap();
        assert_eq!(index.make_directory(&format!("{deep}/d"), NOW), Err(Refused::TooMuch("directories inside each other")));
        index.make_directory("x", NOW).unwrap();
        assert_eq!(index.rename("d", "x/d", NOW), Err(Refused::TooMuch("directories inside each other")));
    }

    #[test]
    fn attributes_and_times_are_set() {
        let mut index = index();
        index.put_file("f", NewFile { attributes: vec![(crate::HASH.to_owned(), b"ab".to_vec())], ..file(0) }, NOW).unwrap();
        assert_eq!(index.lookup("f").unwrap().hash(), Some("ab"));
        index.set_attribute("f", "k", &[0xff], NOW).unwrap();
        index.remove_attribute("f", crate::HASH, NOW).unwrap();
        assert_eq!(index.remove_attribute("f", "none", NOW), Err(Refused::NotFound));
        assert_eq!(index.set_attribute("f", "", b"", NOW), Err(Refused::Name));
        assert!(index.set_attribute("f", "k", &vec![0; ATTRIBUTE_BYTES + 1], NOW).is_err());
        index.set_read_only("f", true, Time::new(9, 0)).unwrap();
        let entry = index.lookup("f").unwrap();
        assert!(entry.read_only && entry.times.change == Time::new(9, 0) && entry.hash().is_none());
        index.set_times("f", Times::all(Time::new(5, 5))).unwrap();
        assert_eq!(index.lookup("f").unwrap().times.access, Time::new(5, 5));
    }
}
