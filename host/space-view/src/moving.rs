//! Names that go, or go elsewhere.
//!
//! What goes of which copies are elsewhere lies with the removed until that is recorded (`removed`), so nothing of it is forgotten:
//!
//! | work | the process dies after | what is there | what is told |
//! |---|---|---|---|
//! | removing a file with copies | nothing yet | as before | – |
//! | | the renaming | with the removed | by the next view, without its path |
//! | | it was recorded, before it was let go | with the removed | once more |
//! | removing anything else | the removal | gone | nothing: the next view is unsure |
//! | renaming over a file with copies | its second name | both as before | –, the second name goes |
//! | | the renaming | the other, this with the removed | by the next view, which is unsure |
//! | renaming | the renaming | under the new name | nothing: the next view is unsure |
//! | making, writing, attributes | the work | as done | nothing: the next view is unsure |

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;

use capstan_stub::{Look, Record, State};
use fuser::FileType;
use rustix::fs::{AtFlags, RenameFlags, Statx};

use crate::attributes;
use crate::changes::{Change, Gone, Known};
use crate::inner::{Inner, is_hidden};
use crate::refusal::{Answer, NOT_FOUND};
use crate::table::Name;
use crate::teller::Slot;

impl Inner {
    pub(crate) fn unlink(&self, folder: u64, name: &OsStr, slot: Slot) -> Answer<()> {
        let (above, handle, stat) = self.standing(folder, name)?;
        let path = self.table.path_in(folder, name);
        let (gone, has_copies) = gone(path, &handle, &stat);
        let kept = if has_copies {
            Some(self.teller.removed().take(&above, name, gone.identity)?)
        } else {
            rustix::fs::unlinkat(&above, name, AtFlags::empty())?;
            None
        };
        self.table.unnamed(stat.stx_ino, folder, name);
        self.teller.tell_kept(Some(slot), Change::Removed(gone), kept);
        Ok(())
    }

    pub(crate) fn remove_folder(&self, folder: u64, name: &OsStr, slot: Slot) -> Answer<()> {
        let (above, handle, stat) = self.standing(folder, name)?;
        let path = self.table.path_in(folder, name);
        rustix::fs::unlinkat(&above, name, AtFlags::REMOVEDIR)?;
        self.folders.drop(stat.stx_ino);
        self.table.unnamed(stat.stx_ino, folder, name);
        let (gone, _) = gone(path, &handle, &stat);
        self.teller.tell(slot, Change::Removed(Gone { last: true, ..gone }));
        Ok(())
    }

    /// `flags`: of `renameat2(2)`, of which a view has NOREPLACE and EXCHANGE.
    pub(crate) fn rename(&self, from: &Name, to: &Name, flags: RenameFlags, slot: Slot) -> Answer<()> {
        let (from_folder, handle, stat) = self.standing(from.0, &from.1)?;
        let to_folder = self.new_name(to.0, &to.1)?;
        let there = self.child(&to_folder, &to.1).ok();
        let paths = (self.table.path_in(from.0, &from.1), self.table.path_in(to.0, &to.1));
        let is_same = there.as_ref().is_some_and(|(_, there)| there.stx_ino == stat.stx_ino);
        if flags.contains(RenameFlags::EXCHANGE) {
            rustix::fs::renameat_with(&from_folder, &from.1, &to_folder, &to.1, flags)?;
            let Some((_, there)) = there.filter(|_| !is_same) else { return Ok(()) };
            self.table.renamed(there.stx_ino, (to.0, &to.1), (from.0, &from.1));
            self.table.renamed(stat.stx_ino, (from.0, &from.1), (to.0, &to.1));
            if let (Some(from), Some(to)) = paths {
                let one = Known { path: to, identity: attributes::identity(&stat) };
                let other = Known { path: from, identity: attributes::identity(&there) };
                self.teller.tell(slot, Change::Exchanged { one, other });
            }
            return Ok(());
        }
        let victim = there.filter(|_| !is_same && !flags.contains(RenameFlags::NOREPLACE));
        let (replaced, kept) = self.hold_victim(&to_folder, to, victim, paths.1.clone())?;
        if let Err(errno) = rustix::fs::renameat_with(&from_folder, &from.1, &to_folder, &to.1, flags) {
            // It stands where it stood: its second name goes.
            kept.iter().for_each(|kept| self.teller.removed().let_go(kept));
            return Err(errno.into());
        }
        if is_same {
            // Two names of one file: both stay.
            return Ok(());
        }
        if let Some(gone) = &replaced {
            self.table.unnamed(gone.identity.inode, to.0, &to.1);
            self.folders.drop(gone.identity.inode);
        }
        self.table.renamed(stat.stx_ino, (from.0, &from.1), (to.0, &to.1));
        drop(handle);
        if let (Some(from), Some(path)) = paths {
            let (kind, to) = (attributes::told(attributes::kind(&stat)), Known { path, identity: attributes::identity(&stat) });
            self.teller.tell_kept(Some(slot), Change::Renamed { from, to, kind, replaced }, kept);
        }
        Ok(())
    }

    fn hold_victim(
        &self,
        folder: &OwnedFd,
        to: &Name,
        victim: Option<(std::sync::Arc<OwnedFd>, Statx)>,
        path: Option<String>,
    ) -> Answer<(Option<Gone>, Option<OsString>)> {
        let Some((handle, stat)) = victim else { return Ok((None, None)) };
        let (gone, has_copies) = gone(path, &handle, &stat);
        let kept = if has_copies { Some(self.teller.removed().hold(folder, &to.1, gone.identity)?) } else { None };
        Ok((Some(gone), kept))
    }

    fn standing(&self, folder: u64, name: &OsStr) -> Answer<(std::sync::Arc<OwnedFd>, std::sync::Arc<OwnedFd>, Statx)> {
        if is_hidden(folder, name) {
            return Err(NOT_FOUND);
        }
        let above = self.folder(folder)?;
        let (handle, stat) = self.child(&above, name)?;
        Ok((above, handle, stat))
    }
}

/// What is said of something that goes, and whether its copies would be forgotten with it.
fn gone(path: Option<String>, handle: &OwnedFd, stat: &Statx) -> (Gone, bool) {
    let kind = attributes::kind(stat);
    let last = stat.stx_nlink <= 1;
    let look = if kind == FileType::RegularFile && last { Look::of(handle, "").ok() } else { None };
    let has_copies = look.as_ref().is_some_and(|look| !matches!(look.state, State::Resident));
    let record: Option<Box<Record>> = look.and_then(|look| look.record().cloned().map(Box::new));
    (Gone { path, identity: attributes::identity(stat), kind: attributes::told(kind), last, record }, has_copies)
}
