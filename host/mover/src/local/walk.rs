//! Walking a directory: names of a folder in order as far as memory allows, files before the walk goes down.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use capstan_domain::{Failure, Outcome};
use rustix::fs::Dir;
use tokio::sync::mpsc;

use super::beneath::{Parents, Root, look, open_folder};
use super::read::item_of;
use super::{fault, store};
use crate::item::{Found, ItemKind};
use crate::names;

/// Found items that are reported together.
const REPORT: usize = 256;
/// Names of one folder that are held and sorted together; a larger folder comes in several sorted runs.
const NAMES: usize = 50_000;

/// Whoever listens is gone.
struct Gone;

struct Walk<'w> {
    found: &'w mpsc::Sender<Vec<Found>>,
    report: Vec<Found>,
}

pub(crate) fn walk(root: &Root, start: &str, found: &mpsc::Sender<Vec<Found>>) -> Outcome<()> {
    let fault = |errno| fault::of(errno, start);
    let (parent, name) = Parents::of(root).at(start).map_err(fault)?;
    let stat = look(&parent, &name).map_err(fault)?;
    let mut walk = Walk { found, report: Vec::new() };
    let item = item_of(&parent, &name, start.to_owned(), &stat).map_err(fault)?;
    // A dropped receiver is how a walk is ended early, not a failure.
    let _ = if matches!(item.kind, ItemKind::Folder { .. }) {
        let handle = open_folder(&parent, &name).map_err(fault)?;
        walk.folder(handle, Found::Item(item), start)
    } else {
        walk.report(Found::Item(item))
    };
    let _ = walk.flush();
    Ok(())
}

impl Walk<'_> {
    /// Goes down without recursion: a path may be two thousand folders deep.
    fn folder(&mut self, handle: OwnedFd, own: Found, path: &str) -> Result<(), Gone> {
        let mut levels = vec![];
        levels.extend(self.enter(handle, own, path.to_owned())?);
        while let Some(level) = levels.last_mut() {
            match level.next_folder(self)? {
                Some((handle, own, path)) => {
                    let below = self.enter(handle, own, path)?;
                    levels.extend(below);
                }
                None => {
                    levels.pop();
                }
            }
        }
        Ok(())
    }

    fn enter(&mut self, handle: OwnedFd, own: Found, path: String) -> Result<Option<Level>, Gone> {
        let handle = Arc::new(handle);
        let dir = match Dir::read_from(&handle) {
            Ok(dir) => dir,
            Err(errno) => {
                self.report(Found::Failed { failure: fault::of(errno, &path), path })?;
                return Ok(None);
            }
        };
        let mut level = Level { handle, dir: Some(dir), path, names: Vec::new() };
        let failed = level.fill();
        self.report(match own {
            Found::Item(mut item) => {
                item.kind = ItemKind::Folder { empty: level.names.is_empty() && failed.is_none() };
                Found::Item(item)
            }
            other => other,
        })?;
        if let Some(failure) = failed {
            self.report(Found::Failed { path: level.path.clone(), failure })?;
        }
        Ok(Some(level))
    }

    fn report(&mut self, found: Found) -> Result<(), Gone> {
        self.report.push(found);
        if self.report.len() >= REPORT { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Gone> {
        if self.report.is_empty() {
            return Ok(());
        }
        self.found.blocking_send(std::mem::take(&mut self.report)).map_err(|_| Gone)
    }
}

/// A folder that the walk is in.
struct Level {
    handle: Arc<OwnedFd>,
    /// None once all names were read: a deep tree holds no more handles than it must.
    dir: Option<Dir>,
    path: String,
    /// Sorted backwards: the next one is the last.
    names: Vec<Vec<u8>>,
}

impl Level {
    fn fill(&mut self) -> Option<Failure> {
        let Some(dir) = &mut self.dir else { return None };
        while self.names.len() < NAMES {
            match dir.next() {
                Some(Ok(entry)) => {
                    let name = entry.file_name().to_bytes();
                    if name != b"." && name != b".." && !store::is_temporary(name) {
                        self.names.push(name.to_vec());
                    }
                }
                Some(Err(errno)) => {
                    self.dir = None;
                    return Some(fault::of(errno, &self.path));
                }
                None => {
                    self.dir = None;
                    break;
                }
            }
        }
        self.names.sort_unstable_by(|a, b| b.cmp(a));
        None
    }

    /// Reports what comes before the next folder, and answers that one opened.
    fn next_folder(&mut self, walk: &mut Walk<'_>) -> Result<Option<(OwnedFd, Found, String)>, Gone> {
        loop {
            let Some(name) = self.names.pop() else {
                if self.dir.is_none() {
                    return Ok(None);
                }
                if let Some(failure) = self.fill() {
                    walk.report(Found::Failed { path: self.path.clone(), failure })?;
                }
                continue;
            };
            let path = names::join(&self.path, &names::from_bytes(&name));
            let item = look(&self.handle, &name).and_then(|stat| item_of(&self.handle, &name, path.clone(), &stat));
            match item {
                Ok(item) if matches!(item.kind, ItemKind::Folder { .. }) => match open_folder(&self.handle, &name) {
                    Ok(handle) => return Ok(Some((handle, Found::Item(item), path))),
                    Err(errno) => walk.report(Found::Failed { failure: fault::of(errno, &path), path })?,
                },
                Ok(item) => walk.report(Found::Item(item))?,
                // Gone between the listing and the look: as if the walk had come a moment later.
                Err(rustix::io::Errno::NOENT) => {}
                Err(errno) => walk.report(Found::Failed { failure: fault::of(errno, &path), path })?,
            }
        }
    }
}
