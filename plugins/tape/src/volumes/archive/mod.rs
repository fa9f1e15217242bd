//! A volume as an archive of tar sections.

mod laying;
mod mounting;
mod node;
mod syncing;

use std::collections::BTreeMap;

use capstan_sdk::Outcome;
use capstan_sdk::failure::{already_exists, invalid};
use capstan_sdk::types::{self, Attributes, Node, NodePage};
use capstan_tape_archive as format;
use capstan_tape_archive::{Extent, Form, Metadata, Refused, Setting, Step, Tree};

pub(crate) use laying::lay;
pub(crate) use mounting::mount;
pub(crate) use syncing::sync;

use super::contents::{Dress, Files, Run};
use super::depth::Stretch;
use super::refused::archive as refused;
use crate::tape::Spot;

/// What the format is called.
pub(crate) const FORMAT: &str = "archive";
/// Of new files, links and directories.
const FILE_MODE: u32 = 0o644;
const LINK_MODE: u32 = 0o777;
/// Bytes that a change adds to a catalogue beside twice its path.
const CHANGE_BYTES: u64 = 1_024;
/// Changes that are left for what a single call may need: a file with all its directories.
const CHANGES_LEFT: usize = 4_096;

pub(crate) struct Archive {
    volume: format::Volume,
    /// Of the file that is being written.
    open: Option<String>,
    /// Bytes of the next catalogue: with nothing in it, and what came since.
    least: u64,
    grown: u64,
}

impl Archive {
    pub(crate) fn new(volume: format::Volume) -> Self {
        let mut archive = Self { volume, open: None, least: 0, grown: 0 };
        archive.measure();
        archive
    }

    fn tree(&self) -> &Tree {
        self.volume.tree()
    }

    /// Nothing waits for the next catalogue.
    fn measure(&mut self) {
        let block = u64::from(self.block());
        (self.least, self.grown) = (self.volume.closing_bytes(Form::Short).unwrap_or(block), 0);
    }

    fn grow(&mut self, path: &str, more: usize) {
        let bytes = u64::try_from(path.len().saturating_add(more)).unwrap_or(u64::MAX);
        self.grown = self.grown.saturating_add(bytes.saturating_mul(2)).saturating_add(CHANGE_BYTES);
    }

    fn change(&mut self, path: &str, more: usize, how: impl FnOnce(&mut format::Volume) -> Result<(), Refused>) -> Outcome<()> {
        how(&mut self.volume).map_err(|why| refused(why, path))?;
        self.grow(path, more);
        Ok(())
    }
}

fn metadata(modified: i64, mode: u32) -> Metadata {
    let attributes = format::Attributes { modified, mode, uid: 0, gid: 0 };
    Metadata { attributes, xattrs: BTreeMap::new() }
}

fn number(text: Option<&String>, what: &str) -> Outcome<Option<u32>> {
    let wrong = |text: &String| invalid(format!("a tape knows a file's {what} by number, not {text:?}"));
    text.map(|text| text.parse().map_err(|_| wrong(text))).transpose()
}

impl Files for Archive {
    fn block(&self) -> u32 {
        self.volume.label().block
    }

    fn objects(&self) -> u64 {
        u64::try_from(self.tree().len()).unwrap_or(u64::MAX)
    }

    fn node(&self, path: &str) -> Outcome<Node> {
        let found = self.tree().lookup(path).map_err(|why| refused(why, path))?;
        Ok(node::of(found, self.block()))
    }

    fn page(&self, path: &str, after: Option<&str>, limit: usize) -> Outcome<NodePage> {
        let page = self.tree().list(path, after, limit).map_err(|why| refused(why, path))?;
        let nodes = page.nodes.into_iter().map(|found| node::of(found, self.block())).collect();
        Ok(NodePage { nodes, next: page.next })
    }

    fn xattrs(&self, path: &str) -> Outcome<Vec<(String, Vec<u8>)>> {
        Ok(node::xattrs(self.tree().lookup(path).map_err(|why| refused(why, path))?))
    }

    fn runs(&self, path: &str, from: u64, to: u64) -> Outcome<Vec<Run>> {
        let found = self.tree().lookup(path).map_err(|why| refused(why, path))?;
        let file = found.file().ok_or_else(|| invalid(format!("{path:?} is no file")))?;
        let extent = Extent::of(file, self.block(), from, to.saturating_sub(from));
        let extent = extent.ok_or_else(|| capstan_sdk::failure::corrupt(format!("{path:?} is nowhere on the tape")))?;
        let at = Spot { partition: 0, object: extent.object };
        Ok(match extent.bytes {
            0 => Vec::new(),
            bytes => vec![Run::Data { at, skip: extent.offset, bytes }],
        })
    }

    /// A short block stands at the end of a section only, and sections are long.
    fn stretches(&self) -> Vec<Stretch> {
        Vec::new()
    }

    fn make_directory(&mut self, path: &str, now: i64) -> Outcome<()> {
        self.change(path, 0, |volume| volume.make_directory(path, &metadata(now, format::DIRECTORY_MODE)))
    }

    fn remove(&mut self, path: &str, _now: i64) -> Outcome<()> {
        self.change(path, 0, |volume| volume.remove(path))
    }

    fn rename(&mut self, from: &str, to: &str, replace: bool, _now: i64) -> Outcome<()> {
        self.change(from, to.len(), |volume| volume.rename(from, to, replace))
    }

    fn set_attributes(&mut self, path: &str, attributes: &Attributes, _now: i64) -> Outcome<()> {
        let setting = Setting {
            modified: attributes.modified,
            mode: attributes.mode,
            uid: number(attributes.owner.as_ref(), "owner")?,
            gid: number(attributes.group.as_ref(), "group")?,
        };
        if setting == Setting::default() {
            return self.node(path).map(drop);
        }
        self.change(path, 0, |volume| volume.set(path, &setting))
    }

    fn make_link(&mut self, path: &str, target: &str, now: i64) -> Outcome<()> {
        match self.tree().lookup(path) {
            Ok(_) => return Err(already_exists(format!("there is a {path:?} already"))),
            Err(Refused::NotFound) => {}
            Err(why) => return Err(refused(why, path)),
        }
        self.change(path, target.len(), |volume| volume.make_link(path, target, &metadata(now, LINK_MODE)))
    }

    fn set_xattr(&mut self, path: &str, name: &str, value: Option<&[u8]>, _now: i64) -> Outcome<()> {
        let bytes = name.len().saturating_add(value.map_or(0, <[u8]>::len));
        self.change(path, bytes, |volume| volume.set_xattr(path, name, value))
    }

    fn begin(&mut self, path: &str, size: u64, dress: Dress, blake3: Option<[u8; 32]>) -> Outcome<()> {
        let metadata = metadata(dress.modified, FILE_MODE);
        self.volume.begin_file(path, size, &metadata, blake3).map_err(|why| refused(why, path))?;
        self.open = Some(path.to_owned());
        self.grow(path, 0);
        Ok(())
    }

    fn fill(&mut self, piece: &[u8]) -> Outcome<usize> {
        self.volume.fill(piece).map_err(|why| refused(why, self.open.as_deref().unwrap_or_default()))
    }

    fn end(&mut self, blake3: [u8; 32]) -> Outcome<()> {
        let path = self.open.take().unwrap_or_default();
        self.volume.end_file(blake3).map(drop).map_err(|why| refused(why, &path))
    }

    fn give_up(&mut self) {
        self.open = None;
        self.volume.give_up_file();
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        match self.volume.take() {
            Some(Step::Block(block)) => Some(block),
            // Marks come while a section is finished, which is done in one go.
            Some(Step::Filemark { .. }) | None => None,
        }
    }

    fn next(&self) -> Spot {
        Spot { partition: 0, object: self.volume.next_object() }
    }

    fn is_dirty(&self) -> bool {
        self.volume.is_dirty()
    }

    fn must_sync(&self) -> bool {
        self.volume.must_finish() || self.volume.pending() >= format::catalogue::CHANGES.saturating_sub(CHANGES_LEFT)
    }

    fn closing(&self) -> u64 {
        self.least.saturating_add(self.grown)
    }
}

/// As the contract has kinds of nodes.
fn kind(kind: &format::Kind) -> types::Kind {
    match kind {
        format::Kind::Directory(_) => types::Kind::Directory,
        format::Kind::File(_) => types::Kind::File,
        format::Kind::Link(_) => types::Kind::Symlink,
    }
}
