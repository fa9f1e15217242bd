//! A volume in LTFS.

mod committing;
mod laying;
mod mounting;
mod node;
mod steps;

use std::rc::Rc;

use capstan_ltfs as format;
use capstan_ltfs::{Decision, Entry, Index, NewFile, Packer, Refused, Time, Times, bounds};
use capstan_sdk::Outcome;
use capstan_sdk::failure::{already_exists, busy, conflict, corrupt, denied, invalid, not_found, unsupported};
use capstan_sdk::types::{Attributes, Node, NodePage};

pub(crate) use committing::{close, flush, repair, sync};
pub(crate) use laying::lay;
pub(crate) use mounting::mount;

use super::contents::{Dress, Files, Run};
use super::depth::Stretch;
use super::paths::split;
use super::refused::ltfs as refused;
use crate::tape::Spot;

/// What the format is called.
pub(crate) const FORMAT: &str = "ltfs";
/// How indexes say who wrote them (section 7.2 of the format).
pub(crate) const CREATOR: &str = concat!("Capstan ", env!("CARGO_PKG_VERSION"), " - Linux - capstan");
/// Extended attributes as Linux names them; the format leaves this out.
const USER: &str = "user.";
/// Names of attributes that are the format's own.
const OWN: &str = "ltfs.";
/// Bytes of an index for each of its entries, and beside three times the name for a new one.
const ENTRY_BYTES: u64 = 1_200;
/// Blocks of both constructs beside the index.
const BLOCKS_BESIDE: u64 = 4;

pub(crate) struct Ltfs {
    /// Written from for as long as a sync takes; nothing changes it meanwhile, as the drive is that call's.
    index: Rc<Index>,
    volume: format::Volume,
    /// None: the volume is not in order yet, or its end is not known.
    packer: Option<Packer>,
    decision: Decision,
    data_end: Option<u64>,
    read_only: bool,
    /// A block that waits to be written.
    full: Option<Vec<u8>>,
    open: Option<(String, Dress)>,
    /// The index partition has what the data partition has.
    copied: bool,
    /// Since the index partition was written.
    syncs: u32,
    /// Bytes of the last index, and what came since.
    least: u64,
    grown: u64,
}

fn time(nanoseconds: i64) -> Time {
    let behind = u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).unwrap_or(0);
    Time::new(nanoseconds.div_euclid(1_000_000_000), behind)
}

impl Ltfs {
    fn new(mounted: format::Mounted) -> Self {
        let format::Mounted { index, volume, data_end, decision, read_only, .. } = mounted;
        let least = index.entries().saturating_mul(ENTRY_BYTES);
        Self {
            index: Rc::new(index),
            volume,
            packer: None,
            decision,
            data_end,
            read_only,
            full: None,
            open: None,
            copied: !decision.copy_to_index,
            syncs: 0,
            least,
            grown: 0,
        }
    }

    fn entry(&self, path: &str) -> Outcome<&Entry> {
        self.index.lookup(path).ok_or_else(|| not_found(format!("{path:?}: {}", Refused::NotFound)))
    }

    fn index(&mut self) -> Outcome<&mut Index> {
        // Whoever writes it has the drive, and so has whoever changes it.
        Rc::get_mut(&mut self.index).ok_or_else(|| busy("the index of the tape is being written"))
    }

    fn packer(&mut self) -> Outcome<&mut Packer> {
        self.packer.as_mut().ok_or_else(|| denied("nothing may be written to this volume"))
    }

    fn change<T>(&mut self, path: &str, more: usize, how: impl FnOnce(&mut Index) -> Result<T, Refused>) -> Outcome<()> {
        how(self.index()?).map_err(|why| refused(why, path))?;
        let bytes = u64::try_from(split(path).1.len().saturating_add(more)).unwrap_or(u64::MAX);
        self.grown = self.grown.saturating_add(bytes.saturating_mul(3)).saturating_add(ENTRY_BYTES);
        Ok(())
    }

    /// Whether a file or a link may be put there.
    fn may_put(&self, path: &str) -> Outcome<()> {
        if self.index.lookup(path).is_some_and(|there| there.directory().is_some()) {
            return Err(invalid(format!("{path:?} is a directory")));
        }
        if path.split('/').count() > bounds::DEPTH {
            return Err(invalid(format!("{path:?} leads through too many directories")));
        }
        let above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        match above.filter_map(|above| self.index.lookup(above)).find(|there| there.directory().is_none()) {
            Some(_) => Err(invalid(format!("a part of {path:?} is no directory"))),
            None => Ok(()),
        }
    }
}

/// As the format names it.
fn attribute(name: &str) -> Outcome<&str> {
    match name.strip_prefix(USER) {
        Some(name) if name.starts_with(OWN) => Err(invalid(format!("{name} is LTFS's own"))),
        Some(name) => Ok(name),
        None => Err(unsupported(format!("LTFS keeps attributes whose names begin with {USER}"))),
    }
}

impl Files for Ltfs {
    fn block(&self) -> u32 {
        self.volume.block_bytes
    }

    fn objects(&self) -> u64 {
        self.index.entries().saturating_sub(1)
    }

    fn node(&self, path: &str) -> Outcome<Node> {
        Ok(node::of(split(path).1, self.entry(path)?, &self.volume))
    }

    fn page(&self, path: &str, after: Option<&str>, limit: usize) -> Outcome<NodePage> {
        let entries = self.index.list(path, after, limit).map_err(|why| refused(why, path))?;
        let next = if entries.len() < limit { None } else { entries.last().map(|(name, _)| (*name).to_owned()) };
        Ok(NodePage { nodes: entries.into_iter().map(|(name, entry)| node::of(name, entry, &self.volume)).collect(), next })
    }

    fn xattrs(&self, path: &str) -> Outcome<Vec<(String, Vec<u8>)>> {
        let entry = self.entry(path)?;
        Ok(entry.attributes.iter().map(|(name, value)| (format!("{USER}{name}"), value.to_vec())).collect())
    }

    fn runs(&self, path: &str, from: u64, to: u64) -> Outcome<Vec<Run>> {
        let file = self.entry(path)?.file().ok_or_else(|| invalid(format!("{path:?} is no file")))?;
        let runs = format::runs(file.extents(), file.length, from, to.saturating_sub(from), self.block());
        let run = |run| match run {
            format::Run::Hole { bytes } => Ok(Run::Zeros { bytes }),
            format::Run::Data { partition, block, skip, bytes } => {
                let number = self.volume.layout.number(partition);
                let partition = number.ok_or_else(|| corrupt(format!("{path:?} lies in a partition that there is not")))?;
                Ok(Run::Data { at: Spot { partition, object: block }, skip, bytes })
            }
        };
        runs.into_iter().map(run).collect()
    }

    fn stretches(&self) -> Vec<Stretch> {
        let data = self.volume.layout.data;
        let files = self.index.walk().filter_map(|(_, entry)| entry.file());
        let extents = files.flat_map(|file| file.extents()).filter(|extent| extent.partition == data);
        extents.map(|extent| Stretch { first: extent.start_block, skip: extent.byte_offset, bytes: extent.byte_count }).collect()
    }

    fn make_directory(&mut self, path: &str, now: i64) -> Outcome<()> {
        self.may_put(path)?;
        self.change(path, 0, |index| index.make_directories(path, time(now)))
    }

    fn remove(&mut self, path: &str, now: i64) -> Outcome<()> {
        self.change(path, 0, |index| index.remove(path, time(now)))
    }

    fn rename(&mut self, from: &str, to: &str, replace: bool, now: i64) -> Outcome<()> {
        let moved = self.entry(from)?.directory().is_some();
        if to.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) {
            return Err(invalid("a directory cannot move into itself"));
        }
        let there = self.index.lookup(to).filter(|_| from != to).map(|there| there.directory().map(|inside| inside.is_empty()));
        match (there, moved) {
            (None, _) => {}
            (Some(_), _) if !replace => return Err(already_exists(format!("there is a {to:?} already"))),
            (Some(None), true) | (Some(Some(_)), false) => {
                return Err(invalid(format!("{from:?} and {to:?} are a directory and something else")));
            }
            (Some(Some(false)), true) => return Err(conflict(format!("directory {to:?} is not empty"))),
            (Some(Some(true)), true) => self.change(to, 0, |index| index.remove(to, time(now)))?,
            (Some(None), false) => {}
        }
        self.change(to, 0, |index| index.rename(from, to, time(now)))
    }

    /// The format knows no owners, and of permission bits whether anybody may write.
    fn set_attributes(&mut self, path: &str, attributes: &Attributes, now: i64) -> Outcome<()> {
        let times = self.entry(path)?.times;
        if attributes.owner.is_some() || attributes.group.is_some() {
            return Err(unsupported("LTFS keeps no owners"));
        }
        if let Some(mode) = attributes.mode {
            self.change(path, 0, |index| index.set_read_only(path, mode & 0o222 == 0, time(now)))?;
        }
        if let Some(modified) = attributes.modified {
            let times = Times { modify: time(modified), change: time(now), ..times };
            self.change(path, 0, |index| index.set_times(path, times))?;
        }
        Ok(())
    }

    fn make_link(&mut self, path: &str, target: &str, now: i64) -> Outcome<()> {
        self.may_put(path)?;
        self.change(path, target.len(), |index| {
            index.make_directories(split(path).0, time(now))?;
            index.put_link(path, target, time(now))
        })
    }

    fn set_xattr(&mut self, path: &str, name: &str, value: Option<&[u8]>, now: i64) -> Outcome<()> {
        let known = self.entry(path)?;
        let name = attribute(name)?;
        match value {
            Some(value) => self
                .change(path, name.len().saturating_add(value.len()), |index| index.set_attribute(path, name, value, time(now))),
            None if known.attributes.get(name).is_none() => Ok(()),
            None => self.change(path, 0, |index| index.remove_attribute(path, name, time(now))),
        }
    }

    fn begin(&mut self, path: &str, _size: u64, dress: Dress, _blake3: Option<[u8; 32]>) -> Outcome<()> {
        self.may_put(path)?;
        self.packer()?.begin();
        self.open = Some((path.to_owned(), dress));
        Ok(())
    }

    fn fill(&mut self, piece: &[u8]) -> Outcome<usize> {
        if self.full.is_some() {
            return Ok(0);
        }
        let mut rest = piece;
        self.full = self.packer()?.push(&mut rest);
        Ok(piece.len().saturating_sub(rest.len()))
    }

    fn end(&mut self, blake3: [u8; 32]) -> Outcome<()> {
        let (length, extents) = self.packer()?.finish();
        let Some((path, dress)) = self.open.take() else { return Err(invalid("no file is being written")) };
        let (now, modified) = (time(dress.now), time(dress.modified));
        let times = Times { modify: modified, ..Times::all(now) };
        let attributes = vec![(format::HASH.to_owned(), capstan_sdk::text::hex(&blake3).into_bytes())];
        self.change(&path, 0, |index| {
            index.make_directories(split(&path).0, now)?;
            index.put_file(&path, NewFile { length, extents, times, attributes }, now)
        })
    }

    fn give_up(&mut self) {
        self.open = None;
        if let Some(packer) = &mut self.packer {
            packer.abandon();
        }
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        self.full.take()
    }

    fn next(&self) -> Spot {
        let block = self.packer.as_ref().map_or(self.data_end.unwrap_or(u64::MAX), Packer::block);
        Spot { partition: self.volume.layout.data_number, object: block.saturating_sub(u64::from(self.full.is_some())) }
    }

    fn is_dirty(&self) -> bool {
        self.index.is_changed()
    }

    fn must_sync(&self) -> bool {
        false
    }

    fn closing(&self) -> u64 {
        let beside = u64::from(self.block()).saturating_mul(BLOCKS_BESIDE);
        self.least.saturating_add(self.grown).saturating_add(beside)
    }
}
