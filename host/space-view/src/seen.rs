//! What stands in the raw tree as the view shows it, and the kernel holds it.
//!
//! While a stub is made or filled its record tells the time, so a description takes a look at the record. What was found to need none is
//! remembered by the time of its last change, which a change of the record changes too: as long as that is the same, one question to the
//! file system describes it.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use capstan_stub::Look;
use fuser::{FileAttr, FileType};
use rustix::fs::Statx;

use crate::attributes;
use crate::door::Door;
use crate::inner::{Inner, Node, is_hidden};
use crate::refusal::{Answer, NOT_FOUND};
use crate::table::ROOT;

/// Kernels stamp files by a clock that goes in ticks, of 10 ms at most: what changes within one bears the same time.
pub(crate) const TICK: Duration = Duration::from_millis(20);

pub(crate) struct Seen {
    pub(crate) attributes: FileAttr,
    pub(crate) stat: Statx,
    /// Its record says nothing of its time until something of it changes.
    is_settled: bool,
}

impl Seen {
    pub(crate) fn generation(&self) -> u64 {
        attributes::birth(&self.stat).cast_unsigned()
    }
}

impl Inner {
    /// Without holding anybody up.
    pub(crate) fn see(&self, folder: &OwnedFd, name: &OsStr) -> Answer<Seen> {
        let stat = attributes::stat_in(folder, name)?;
        self.check_device(&stat)?;
        let is_settled = self.table.is_settled(stat.stx_ino, attributes::changed(&stat));
        if is_settled || !may_have_record(&stat) {
            return Ok(Seen { attributes: attributes::of(stat.stx_ino, &stat, None), stat, is_settled });
        }
        let (handle, stat) = self.child(folder, name)?;
        Ok(self.describe(stat.stx_ino, &handle, stat))
    }

    fn describe(&self, number: u64, handle: &OwnedFd, stat: Statx) -> Seen {
        let look = if may_have_record(&stat) { Look::of(handle, "").ok() } else { None };
        let is_settled = look.as_ref().is_some_and(|look| !look.unfinished) && attributes::age(&stat) >= TICK;
        let modified = look.filter(|look| look.unfinished).map(|look| look.modified);
        Seen { attributes: attributes::of(number, &stat, modified), stat, is_settled }
    }

    /// Of the root what the view shows.
    pub(crate) fn stat(&self, number: u64, handle: impl AsFd) -> Answer<Statx> {
        let mut stat = attributes::stat(&handle)?;
        if number == ROOT {
            Door::read(&handle, &stat)?.shown(&mut stat);
        }
        Ok(stat)
    }

    pub(crate) fn attributes(&self, number: u64) -> Answer<FileAttr> {
        match self.node(number)? {
            Node::Open(file) => {
                let stat = attributes::stat(file.raw())?;
                let modified = file.look().ok().filter(|look| look.unfinished).map(|look| look.modified);
                let mut attributes = attributes::of(number, &stat, modified);
                if let Some(changed) = file.changed() {
                    attributes.ctime = changed;
                }
                if self.table.names(number).is_empty() && attributes.nlink == 1 {
                    // It lies with the removed.
                    attributes.nlink = 0;
                }
                Ok(attributes)
            }
            Node::Path(handle) => Ok(self.describe(number, &handle, self.stat(number, &*handle)?).attributes),
        }
    }

    /// What the kernel holds from now on.
    pub(crate) fn lookup(&self, folder: u64, name: &OsStr) -> Answer<(FileAttr, u64)> {
        if is_hidden(folder, name) {
            return Err(NOT_FOUND);
        }
        let seen = self.see(&*self.folder(folder)?, name)?;
        self.hold(folder, name, &seen);
        Ok((seen.attributes, seen.generation()))
    }

    /// Attributes and generation of what is in a folder, held for the kernel once more.
    pub(crate) fn enter(&self, folder: u64, name: &OsStr, handle: &OwnedFd, stat: &Statx) -> (FileAttr, u64) {
        let seen = self.describe(stat.stx_ino, handle, *stat);
        self.hold(folder, name, &seen);
        (seen.attributes, seen.generation())
    }

    /// For the kernel, once more.
    pub(crate) fn hold(&self, folder: u64, name: &OsStr, seen: &Seen) {
        let stat = &seen.stat;
        let is_folder = attributes::kind(stat) == FileType::Directory;
        self.table.hold(stat.stx_ino, attributes::birth(stat), folder, name, is_folder);
        if seen.is_settled {
            self.table.settle(stat.stx_ino, attributes::changed(stat));
        }
    }
}

fn may_have_record(stat: &Statx) -> bool {
    attributes::kind(stat) == FileType::RegularFile && stat.stx_size > 0
}
