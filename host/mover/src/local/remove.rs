//! Removing files, if they are still what somebody saw; and folders, if nothing is left in them.

use std::os::fd::OwnedFd;

use capstan_domain::Outcome;
use rustix::fs::{AtFlags, Dir};
use rustix::io::Errno;

use super::beneath::{Parents, Root, look, open_folder, os};
use super::fault;
use super::read::{changed, item_of};
use crate::item::{Item, ItemKind};
use crate::names;

pub(crate) fn remove(root: &Root, items: &[Item], if_unchanged: bool) -> Vec<Outcome<()>> {
    let mut parents = Parents::of(root);
    items.iter().map(|item| remove_one(&mut parents, item, if_unchanged)).collect()
}

fn remove_one(parents: &mut Parents<'_>, item: &Item, if_unchanged: bool) -> Outcome<()> {
    let path = names::checked(&item.path)?;
    let remove = |parents: &mut Parents<'_>| {
        let (parent, name) = parents.at(path)?;
        let now = item_of(&parent, &name, path.to_owned(), &look(&parent, &name)?)?;
        if if_unchanged && !now.same_content(item) {
            return Ok(false);
        }
        let flags = if matches!(now.kind, ItemKind::Folder { .. }) { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        rustix::fs::unlinkat(&parent, os(&name), flags)?;
        Ok(true)
    };
    match remove(parents) {
        Ok(true) | Err(Errno::NOENT) => Ok(()),
        Ok(false) => Err(changed(path)),
        Err(errno) => Err(fault::of(errno, path)),
    }
}

pub(crate) fn remove_empty_folders(root: &Root, start: &str) -> Outcome<u64> {
    let fault = |errno| fault::of(errno, start);
    let handle = match Parents::of(root).folder(start) {
        Ok(handle) => handle,
        // A file was moved, or somebody was faster.
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(0),
        Err(errno) => return Err(fault(errno)),
    };
    let fresh = open_folder(&handle, b".").map_err(fault)?;
    let mut removed = 0;
    // The path to a folder that is being emptied, each with those below it still to be looked at.
    let mut levels = vec![Level::enter(fresh, Vec::new()).map_err(fault)?];
    while let Some(level) = levels.last_mut() {
        if let Some(name) = level.folders.pop() {
            // A folder that cannot be entered stays, and so do those above it.
            if let Ok(below) = open_folder(&level.handle, &name)
                && let Ok(below) = Level::enter(below, name)
            {
                levels.push(below);
            }
            continue;
        }
        let Some(done) = levels.pop() else { break };
        if let Some(parent) = levels.last() {
            // The kernel is the judge: it removes only what is empty at this very moment.
            match rustix::fs::unlinkat(&parent.handle, os(&done.name), AtFlags::REMOVEDIR) {
                Ok(()) => removed += 1,
                Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT | Errno::BUSY | Errno::ACCESS | Errno::PERM) => {}
                Err(errno) => return Err(fault(errno)),
            }
        }
    }
    Ok(removed)
}

struct Level {
    handle: OwnedFd,
    name: Vec<u8>,
    folders: Vec<Vec<u8>>,
}

impl Level {
    fn enter(handle: OwnedFd, name: Vec<u8>) -> Result<Self, Errno> {
        let mut folders = Vec::new();
        for entry in Dir::read_from(&handle)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            let folder = match entry.file_type() {
                rustix::fs::FileType::Directory => true,
                rustix::fs::FileType::Unknown => {
                    look(&handle, name).is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir())
                }
                _ => false,
            };
            if folder && name != b"." && name != b".." {
                folders.push(name.to_vec());
            }
        }
        Ok(Self { handle, name, folders })
    }
}
