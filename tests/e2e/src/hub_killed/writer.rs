//! Files that somebody makes, changes, renames and removes while the host works on them and dies.
//!
//! What the writer was told to be done is done. What failed because the host died is looked at in the next life: it was done whole, or not
//! at all. Only a new file that was not synced may be anything; it is removed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::Duration;

use super::content::{Content, PAGE};
use super::known::Seen;
use super::load::Ground;
use super::pulse::Life;
use super::random::Random;
use super::reading;

/// Its folder in the space.
pub(super) const LOAD: &str = "load";
/// Between two changes.
const BREATH: Duration = Duration::from_millis(20);
/// Files it has at most.
const MOST: usize = 60;
/// Bytes of a file of its own; of a large one.
const SMALL: u64 = 200 << 10;
const LARGE: u64 = 20 << 20;
const LARGE_ONE_IN: u64 = 25;

pub(super) struct Writer {
    ground: Arc<Ground>,
    random: Random,
    made: u64,
}

impl Writer {
    pub(super) fn new(ground: Arc<Ground>, random: Random) -> Self {
        Self { ground, random, made: 0 }
    }

    pub(super) fn change_one(&mut self, life: Life) {
        sleep(BREATH);
        let files = self.ground.known.below(LOAD).len();
        let what = self.random.below(9);
        match what {
            0..=2 if files < MOST => self.make(life),
            3 => self.rename(life),
            4 => self.remove(life),
            5 => self.replace(life),
            6 if files < MOST => self.set_aside(life),
            _ => self.write_over(life),
        }
        self.ground.changes.fetch_add(1, Ordering::Relaxed);
    }

    fn make(&mut self, life: Life) {
        let (path, content) = (self.new_path(), self.new_content());
        let at = self.at(&path);
        match content.write(&at) {
            Ok(()) => self.ground.known.put(&path, content),
            Err(error) => {
                self.failed(life, "made", &path, &error);
                self.settled(|| absent(&at));
            }
        }
    }

    fn rename(&mut self, life: Life) {
        let Some(file) = self.any(0) else { return };
        let new = self.new_path();
        let (from, to) = (self.at(&file.path), self.at(&new));
        self.ground.known.change(&file.path);
        let is_done = match fs::rename(&from, &to) {
            Ok(()) => Some((false, true)),
            Err(error) => {
                self.failed(life, "renamed", &file.path, &error);
                self.settled(|| Ok((is_there(&from)?, is_there(&to)?)))
            }
        };
        match is_done {
            Some((false, true)) => {
                self.ground.known.forget(&file.path);
                self.ground.known.put(&new, file.content);
            }
            Some((true, false)) => self.ground.known.put(&file.path, file.content),
            Some((old, new)) => {
                self.ground.pulse.fault(format!("{} was renamed: its old name is there: {old}, its new one: {new}", file.path));
            }
            None => {}
        }
    }

    fn remove(&mut self, life: Life) {
        let Some(file) = self.any(0) else { return };
        let at = self.at(&file.path);
        self.ground.known.change(&file.path);
        let is_there = match fs::remove_file(&at) {
            Ok(()) => Some(false),
            Err(error) => {
                self.failed(life, "removed", &file.path, &error);
                self.settled(|| is_there(&at))
            }
        };
        match is_there {
            Some(false) => self.ground.known.forget(&file.path),
            Some(true) => self.ground.known.put(&file.path, file.content),
            None => {}
        }
    }

    /// A page of it, wherever it lies.
    fn write_over(&mut self, life: Life) {
        let Some(file) = self.any(PAGE) else { return };
        let (page, seed) = (self.random.below(file.content.pages()), self.random.next());
        let at = self.at(&file.path);
        let new = file.content.with_page(page, seed);
        let bytes = new.bytes(page * PAGE, PAGE);
        self.ground.known.change(&file.path);
        let write = || {
            let opened = File::options().write(true).open(&at)?;
            opened.write_all_at(&bytes, page * PAGE)?;
            opened.sync_all()
        };
        match write() {
            Ok(()) => self.ground.known.put(&file.path, new),
            Err(error) => {
                self.failed(life, "written over", &file.path, &error);
                self.one_of(&file, new);
            }
        }
    }

    /// By a new file that gets its name.
    fn replace(&mut self, life: Life) {
        let Some(file) = self.any(0) else { return };
        let (new, beside) = (self.new_content(), self.new_path());
        let beside = self.at(&beside);
        let at = self.at(&file.path);
        self.ground.known.change(&file.path);
        match new.write(&beside).and_then(|()| fs::rename(&beside, &at)) {
            Ok(()) => self.ground.known.put(&file.path, new),
            Err(error) => {
                self.failed(life, "replaced", &file.path, &error);
                self.settled(|| absent(&beside));
                self.one_of(&file, new);
            }
        }
    }

    /// Another file gets its name, and it goes on under a new one.
    fn set_aside(&mut self, life: Life) {
        let Some(file) = self.any(0) else { return };
        let (aside, new) = (self.new_path(), self.new_content());
        let (from, to) = (self.at(&file.path), self.at(&aside));
        self.ground.known.change(&file.path);
        let done = fs::rename(&from, &to).and_then(|()| new.write(&from));
        if let Err(error) = &done {
            self.failed(life, "set aside", &file.path, error);
            let Some(is_aside) = self.settled(|| is_there(&to)) else { return };
            if !is_aside {
                return self.ground.known.put(&file.path, file.content);
            }
            self.settled(|| absent(&from));
        }
        self.ground.known.put(&aside, file.content);
        match done {
            Ok(()) => self.ground.known.put(&file.path, new),
            Err(_) => self.ground.known.forget(&file.path),
        }
    }

    /// It holds what it had, or the new.
    fn one_of(&self, file: &Seen, new: Content) {
        let at = self.at(&file.path);
        let mut told = String::new();
        let found = self.settled(|| {
            for content in [&file.content, &new] {
                match reading::whole(&at, content) {
                    Ok(()) => return Ok(Some(content.clone())),
                    Err(reading::Trouble::Failed(error)) => return Err(error),
                    Err(differs) => told = differs.to_string(),
                }
            }
            Ok(None)
        });
        match found {
            Some(Some(content)) => self.ground.known.put(&file.path, content),
            Some(None) => self.ground.pulse.fault(format!("{} holds neither the old nor the new: {told}", file.path)),
            None => {}
        }
    }

    /// What failed while the host lived is a fault.
    fn failed(&self, life: Life, how: &str, path: &str, error: &io::Error) {
        if self.ground.pulse.is_in(life) {
            self.ground.pulse.fault(format!("{path} could not be {how}: {error}"));
        }
    }

    /// What is seen in a life of the host; none when it has no other.
    fn settled<T>(&self, mut look: impl FnMut() -> io::Result<T>) -> Option<T> {
        loop {
            let life = self.ground.pulse.next_life()?;
            let seen = look();
            if !self.ground.pulse.is_in(life) {
                continue;
            }
            return seen.inspect_err(|error| self.ground.pulse.fault(format!("after a death: {error}"))).ok();
        }
    }

    fn any(&mut self, least: u64) -> Option<Seen> {
        let of_its_own = |path: &str, content: &Content| path.starts_with(LOAD) && content.size >= least;
        self.ground.known.any(&mut self.random, of_its_own)
    }

    fn new_path(&mut self) -> String {
        self.made += 1;
        format!("{LOAD}/file-{}", self.made)
    }

    fn new_content(&mut self) -> Content {
        let most = if self.random.one_in(LARGE_ONE_IN) { LARGE } else { SMALL };
        Content::new(self.random.next(), self.random.below(most))
    }

    fn at(&self, path: &str) -> PathBuf {
        self.ground.view.join(path)
    }
}

fn is_there(at: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(at) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn absent(at: &Path) -> io::Result<()> {
    match fs::remove_file(at) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
