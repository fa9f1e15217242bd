//! The host's own disks: a directory, in which volumes are folders. A change is a name that comes, goes or is replaced at the top of
//! the directory, or in the folder of what is not there yet or no more. It is seen when it was made.

use std::fs;
use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use capstan_test_servers::HoldFront;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::engine::{Change, Engine, Stock};
use crate::client::Client;

/// Where volumes are before they are whole and after they are gone.
const HIDDEN: &str = ".capstan";
const DRIVE: &str = "drive.";
const SNAPSHOTS: &str = "snapshots";
/// Bytes of events that are read at once.
const EVENTS: usize = 4096;

#[derive(Debug)]
pub struct Nvme {
    directory: PathBuf,
    watch: Option<Watch>,
}

#[derive(Debug)]
struct Watch {
    events: OwnedFd,
    /// Changes that have to come yet.
    left: u64,
}

impl Nvme {
    /// Of the host with this data directory.
    pub fn of(data: &Path) -> Self {
        Self { directory: data.join("drives"), watch: None }
    }
}

impl Engine for Nvme {
    fn storage_type(&self) -> &'static str {
        "nvme"
    }

    /// A fresh host has it.
    fn connect(&self, _: &Client) -> anyhow::Result<()> {
        Ok(())
    }

    fn front(&self) -> Option<&HoldFront> {
        None
    }

    fn arm(&mut self, change: Change) -> anyhow::Result<()> {
        let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let changes = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE | WatchFlags::ONLYDIR;
        for directory in [self.directory.clone(), self.directory.join(HIDDEN)] {
            inotify::add_watch(&events, &directory, changes)?;
        }
        self.watch = Some(Watch { events, left: change.nth });
        Ok(())
    }

    fn is_reached_within(&mut self, patience: Duration) -> anyhow::Result<bool> {
        let Some(watch) = &mut self.watch else { return Ok(false) };
        let until = Instant::now() + patience;
        loop {
            watch.take()?;
            let left = until.saturating_duration_since(Instant::now());
            if watch.left == 0 || left.is_zero() {
                return Ok(watch.left == 0);
            }
            match poll(&mut [PollFd::new(&watch.events, PollFlags::IN)], Some(&Timespec::try_from(left)?)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(failed) => return Err(failed.into()),
            }
        }
    }

    fn let_go(&mut self) {
        self.watch = None;
    }

    fn stock(&self) -> anyhow::Result<Stock> {
        let mut stock = Stock::default();
        for name in names(&self.directory)? {
            let path = self.directory.join(&name);
            if let Some(volume) = name.strip_prefix(DRIVE) {
                stock.volumes.insert(volume.to_owned(), names(&path.join(SNAPSHOTS))?.into_iter().collect());
            } else if name == HIDDEN {
                let hidden = names(&path)?.into_iter().filter(|name| !is_trial(name));
                stock.strays.extend(hidden.map(|name| format!("{HIDDEN}/{name}")));
            } else {
                stock.strays.push(name);
            }
        }
        Ok(stock)
    }
}

impl Watch {
    /// Counts what has come.
    fn take(&mut self) -> anyhow::Result<()> {
        let mut buffer = [MaybeUninit::<u8>::uninit(); EVENTS];
        let mut reader = Reader::new(&self.events, &mut buffer);
        while self.left > 0 {
            match reader.next() {
                Ok(event) => {
                    let name = event.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                    self.left -= u64::from(!is_trial(&name));
                }
                Err(Errno::WOULDBLOCK) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(failed) => return Err(failed.into()),
            }
        }
        Ok(())
    }
}

/// Where the plugin tries, in every store of it once, whether files share blocks. It is no volume, none is lost with it, and a probe
/// sweeps it after an hour.
fn is_trial(name: &str) -> bool {
    let key = blake3::hash(b"\0clone").to_hex();
    let key = key.get(..32).unwrap_or_default();
    name.strip_prefix("part-").is_some_and(|rest| rest.starts_with(key))
}

/// What is in a directory, hidden or not; nothing, where it is not there.
fn names(directory: &Path) -> anyhow::Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Err(absent) if absent.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
