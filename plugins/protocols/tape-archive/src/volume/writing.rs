//! Files, directories and links as members of the data section.

use std::collections::BTreeMap;

use super::{Metadata, State, Volume};
use crate::tar::{self, Member, Type};
use crate::tree::check_xattr;
use crate::{Attributes, DIRECTORY_MODE, File, Kind, Place, Refused};

/// Longer files do not fit onto any tape: 2^50 bytes.
const LONGEST: u64 = 1 << 50;

#[derive(Debug)]
pub(super) struct OpenFile {
    path: String,
    id: u64,
    metadata: Metadata,
    size: u64,
    /// Bytes to come.
    left: u64,
    blake3: Option<[u8; 32]>,
    header: Place,
    data: Place,
}

impl Volume {
    /// A file of exactly `size` bytes, in place of one that is there; directories on the way are made. It is in the tree when it has ended.
    /// `blake3`: of the data, where it is known before. Answers what the file will be called.
    pub fn begin_file(&mut self, path: &str, size: u64, metadata: &Metadata, blake3: Option<[u8; 32]>) -> Result<u64, Refused> {
        self.may_write()?;
        self.tree.may_put(path)?;
        if size > LONGEST {
            return Err(Refused::TooMany("bytes of a file"));
        }
        check_xattrs(metadata)?;
        self.parents(path, metadata.attributes)?;
        let id = self.tree.new_id();
        let member = member(path, Type::File, size, metadata, id, blake3);
        let (header, data) = self.put_header(&member)?;
        let metadata = metadata.clone();
        let file = OpenFile { path: path.to_owned(), id, metadata, size, left: size, blake3, header, data };
        self.state = State::File(Box::new(file));
        Ok(id)
    }

    /// Takes data, as much as the block that is being filled has room for: none while a block waits to be taken. Answers how much.
    pub fn fill(&mut self, piece: &[u8]) -> Result<usize, Refused> {
        let State::File(file) = &mut self.state else { return Err(Refused::NoFile) };
        if u64::try_from(piece.len()).map_or(true, |length| length > file.left) {
            return Err(Refused::WrongSize);
        }
        if self.section.waiting() > 0 || piece.is_empty() {
            return Ok(0);
        }
        let filled = self.section.fill(piece);
        file.left = file.left.saturating_sub(u64::try_from(filled).unwrap_or(u64::MAX));
        Ok(filled)
    }

    /// All of it came, and this is its hash.
    pub fn end_file(&mut self, blake3: [u8; 32]) -> Result<File, Refused> {
        let State::File(open) = &self.state else { return Err(Refused::NoFile) };
        if open.left > 0 {
            return Err(Refused::WrongSize);
        }
        if open.blake3.is_some_and(|known| known != blake3) {
            return Err(Refused::WrongHash);
        }
        let (path, id, metadata) = (open.path.clone(), open.id, open.metadata.clone());
        let file = File { size: open.size, blake3: Some(blake3), header: open.header, data: open.data };
        // Somebody may have moved things in the meantime.
        self.tree.may_put(&path)?;
        self.may_change(self.tree.missing(&path)?.len().saturating_add(1))?;
        let made = self.tree.make_parents(&path, of_parents(metadata.attributes))?;
        made.iter().for_each(|directory| self.note(directory));
        self.tree.put(&path, id, metadata.attributes, metadata.xattrs, Kind::File(file))?;
        self.note(&path);
        self.section.pad();
        self.state = State::Ready;
        Ok(file)
    }

    /// The file that is being written will not be. A little of it that is left is filled up; otherwise the section must be finished.
    pub fn give_up_file(&mut self) {
        let State::File(file) = &self.state else { return };
        let few = u64::from(self.label.block).saturating_mul(2);
        if file.left > few {
            self.section.close();
            self.state = State::Cut;
            return;
        }
        let (id, mut left) = (file.id, usize::try_from(file.left).unwrap_or(0));
        while left > 0 {
            let zeros = tar::ZEROS.get(..left).unwrap_or(&tar::ZEROS);
            self.section.put(zeros);
            left = left.saturating_sub(zeros.len());
        }
        self.section.pad();
        self.section.put(&tar::void(id));
        self.state = State::Ready;
    }

    /// With its parents. One that is there stays as it is.
    pub fn make_directory(&mut self, path: &str, metadata: &Metadata) -> Result<(), Refused> {
        match self.tree.lookup(path) {
            Ok(node) if node.is_directory() => return Ok(()),
            Ok(_) => return Err(Refused::Exists),
            Err(Refused::NotFound) => {}
            Err(refused) => return Err(refused),
        }
        self.may_write()?;
        self.tree.may_put(path)?;
        check_xattrs(metadata)?;
        self.parents(path, metadata.attributes)?;
        self.put_node(path, Type::Directory, None, metadata)
    }

    /// In place of a file or a link that is there.
    pub fn make_link(&mut self, path: &str, target: &str, metadata: &Metadata) -> Result<(), Refused> {
        self.may_write()?;
        crate::path::check_target(target)?;
        self.tree.may_put(path)?;
        check_xattrs(metadata)?;
        self.parents(path, metadata.attributes)?;
        self.put_node(path, Type::Link, Some(target), metadata)
    }

    /// The directories above it that are not there. Room for them and for one more change is looked for first.
    fn parents(&mut self, path: &str, attributes: Attributes) -> Result<(), Refused> {
        let missing = self.tree.missing(path)?;
        self.may_change(missing.len().saturating_add(1))?;
        let metadata = Metadata { attributes: of_parents(attributes), ..Metadata::default() };
        missing.iter().try_for_each(|directory| self.put_node(directory, Type::Directory, None, &metadata))
    }

    fn put_node(&mut self, path: &str, kind: Type, target: Option<&str>, metadata: &Metadata) -> Result<(), Refused> {
        let id = self.tree.new_id();
        let mut member = member(path, kind, 0, metadata, id, None);
        member.target = target.map(str::to_owned);
        let kind = target.map_or_else(|| Kind::Directory(BTreeMap::new()), |target| Kind::Link(target.into()));
        self.tree.put(path, id, metadata.attributes, metadata.xattrs.clone(), kind)?;
        self.put_header(&member)?;
        self.note(path);
        Ok(())
    }

    /// Where the headers begin, and where they end.
    fn put_header(&mut self, member: &Member) -> Result<(Place, Place), Refused> {
        let place = |bytes: u64| Place::within(self.at, bytes, self.label.block).ok_or(Refused::TooMany("blocks"));
        let header = place(self.section.bytes())?;
        self.section.put(&tar::header(member));
        let place = |bytes: u64| Place::within(self.at, bytes, self.label.block).ok_or(Refused::TooMany("blocks"));
        Ok((header, place(self.section.bytes())?))
    }
}

fn of_parents(attributes: Attributes) -> Attributes {
    Attributes { mode: DIRECTORY_MODE, ..attributes }
}

fn check_xattrs(metadata: &Metadata) -> Result<(), Refused> {
    metadata.xattrs.iter().try_for_each(|(name, value)| check_xattr(&metadata.xattrs, name, value))
}

fn member(path: &str, kind: Type, size: u64, metadata: &Metadata, id: u64, blake3: Option<[u8; 32]>) -> Member {
    Member {
        path: path.to_owned(),
        kind,
        size,
        attributes: metadata.attributes,
        target: None,
        xattrs: metadata.xattrs.clone(),
        id: Some(id),
        blake3,
    }
}
