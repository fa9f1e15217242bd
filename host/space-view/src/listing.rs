//! Listings: names as the file system gives them, a part at a time, but for those of the host.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fuser::{FileType, Generation, INodeNo, ReplyDirectory, ReplyDirectoryPlus};
use rustix::fs::{Mode, OFlags, RawDir, SeekFrom};

use crate::FRESH;
use crate::attributes;
use crate::inner::{Inner, is_hidden};
use crate::refusal::Answer;
use crate::table::ROOT;

/// Bytes of names that are asked for at a time.
const PART: usize = 32 << 10;

pub(crate) struct OpenFolder {
    pub(crate) handle: OwnedFd,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Read and not given yet.
    lines: VecDeque<Line>,
    /// Where the first of them is asked for by.
    at: u64,
}

struct Line {
    name: OsString,
    number: u64,
    kind: FileType,
    /// Where the one behind it is asked for by.
    next: u64,
}

impl OpenFolder {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that the lines from `offset` on are there; false at the end.
    fn read(&self, state: &mut State, offset: u64) -> Answer<bool> {
        if state.at != offset {
            state.lines.clear();
            state.at = offset;
        }
        if !state.lines.is_empty() {
            return Ok(true);
        }
        rustix::fs::seek(&self.handle, SeekFrom::Start(offset))?;
        let mut room = [MaybeUninit::<u8>::uninit(); PART];
        let mut listing = RawDir::new(&self.handle, &mut room);
        while let Some(entry) = listing.next() {
            let entry = entry?;
            state.lines.push_back(Line {
                name: OsString::from_vec(entry.file_name().to_bytes().to_vec()),
                number: entry.ino(),
                kind: kind(entry.file_type()),
                next: entry.next_entry_cookie(),
            });
            if listing.is_buffer_empty() {
                break;
            }
        }
        Ok(!state.lines.is_empty())
    }
}

impl Inner {
    pub(crate) fn open_folder(&self, number: u64) -> Answer<u64> {
        let folder = self.folder(number)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::openat(&folder, ".", flags, Mode::empty())?;
        self.opens.keep_folder(OpenFolder { handle, state: Mutex::default() })
    }

    pub(crate) fn list(&self, folder: u64, handle: u64, offset: u64, reply: &mut ReplyDirectory) -> Answer<()> {
        self.each(folder, handle, offset, |line| {
            let number = if is_dots(&line.name) { self.shown(folder, line) } else { line.number };
            reply.add(INodeNo(number), line.next, line.kind, &line.name)
        })
    }

    /// With what each is, which the kernel holds from then on.
    pub(crate) fn list_all(&self, folder: u64, handle: u64, offset: u64, reply: &mut ReplyDirectoryPlus) -> Answer<()> {
        let above = self.folder(folder)?;
        self.each(folder, handle, offset, |line| {
            if is_dots(&line.name) {
                // The kernel takes their names and numbers only, and does not hold them.
                return attributes::stat(&*above).is_ok_and(|stat| {
                    let described = attributes::of(self.shown(folder, line), &stat, None);
                    reply.add(described.ino, line.next, &line.name, &FRESH, &described, Generation(0))
                });
            }
            let Ok(seen) = self.see(&above, &line.name) else {
                // It went meanwhile.
                return false;
            };
            let (described, generation) = (&seen.attributes, Generation(seen.generation()));
            let is_full = reply.add(described.ino, line.next, &line.name, &FRESH, described, generation);
            if !is_full {
                self.hold(folder, &line.name, &seen);
            }
            is_full
        })
    }

    /// The number of a folder, or of the one above it: none has another one above the root.
    fn shown(&self, folder: u64, line: &Line) -> u64 {
        if line.name == "." {
            folder
        } else if folder == ROOT || line.number == self.root {
            ROOT
        } else {
            line.number
        }
    }

    /// Until `add` says that there is no more room.
    fn each(&self, folder: u64, handle: u64, offset: u64, mut add: impl FnMut(&Line) -> bool) -> Answer<()> {
        let open = self.opens.folder(handle)?;
        let mut state = open.lock();
        let mut offset = offset;
        while open.read(&mut state, offset)? {
            while let Some(line) = state.lines.front() {
                if !is_hidden(folder, &line.name) && add(line) {
                    return Ok(());
                }
                offset = line.next;
                state.at = offset;
                state.lines.pop_front();
            }
        }
        Ok(())
    }
}

fn is_dots(name: &OsStr) -> bool {
    matches!(name.as_bytes(), b"." | b"..")
}

fn kind(raw: rustix::fs::FileType) -> FileType {
    use rustix::fs::FileType as Raw;
    match raw {
        Raw::Directory => FileType::Directory,
        Raw::Symlink => FileType::Symlink,
        Raw::Fifo => FileType::NamedPipe,
        Raw::Socket => FileType::Socket,
        Raw::CharacterDevice => FileType::CharDevice,
        Raw::BlockDevice => FileType::BlockDevice,
        Raw::RegularFile | Raw::Unknown => FileType::RegularFile,
    }
}
