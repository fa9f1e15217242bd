//! A drive whose bytes are a file: the kernel reads and writes it, and no guest is called.
//!
//! | what is lost | what becomes of it |
//! |---|---|
//! | the client, with requests under way | they are finished or not, as any write that was not answered; nothing else is touched |
//! | the process | what was flushed is on the disk, what was written is the kernel's to write; the client sees its connection end |
//! | a flush fails | it and every later one of this export fails: the kernel forgets the failure, and the next flush would lie |

mod crew;
mod engine;
mod output;

use std::fs::File;
use std::io::IoSliceMut;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};

use capstan_domain::{Failure, Outcome};
use rustix::fs::{Advice, FallocateFlags, SeekFrom};
use rustix::io::{Errno, ReadWriteFlags};

use crate::transmission::allocation::Ranges;
use crate::transmission::{Error, Request};
use crate::wire::command_flag as flag;

pub(crate) use engine::serve;

/// Zeros written at once where a file system has no holes.
const ZEROS: &[u8] = &[0; 64 << 10];

/// An open file that holds a drive's bytes, one for one.
pub struct FileDrive {
    file: File,
    size: u64,
    read_only: bool,
    /// A flush failed.
    broken: AtomicBool,
    /// The file system tells what it has in memory.
    tells_cached: AtomicBool,
}

impl FileDrive {
    /// The size of the drive is the file's, now. `file` is open for what the export is for.
    pub fn new(file: File, read_only: bool) -> Outcome<Self> {
        let metadata = file.metadata().map_err(|cause| Failure::host("the drive's file cannot be looked at", cause))?;
        if !metadata.is_file() {
            return Err(Failure::invalid("the drive's file is no regular file").with_code("not-a-file"));
        }
        Ok(Self { file, size: metadata.size(), read_only, broken: AtomicBool::new(false), tells_cached: AtomicBool::new(true) })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Fills the buffer if the kernel has all of it in memory, or cannot tell. False: to be read by somebody who may wait.
    fn read_at_once(&self, into: &mut [u8], offset: u64) -> Result<bool, Error> {
        if !self.tells_cached.load(Ordering::Relaxed) {
            return self.read(into, offset).map(|()| true);
        }
        let wanted = into.len();
        match rustix::io::preadv2(&self.file, &mut [IoSliceMut::new(into)], offset, ReadWriteFlags::NOWAIT) {
            Ok(read) => Ok(read == wanted),
            Err(Errno::AGAIN | Errno::INTR) => Ok(false),
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                self.tells_cached.store(false, Ordering::Relaxed);
                self.read(into, offset).map(|()| true)
            }
            Err(cause) => Err(cause.into()),
        }
    }

    fn read(&self, mut into: &mut [u8], mut offset: u64) -> Result<(), Error> {
        while !into.is_empty() {
            match rustix::io::pread(&self.file, &mut *into, offset) {
                // The file was cut behind our back.
                Ok(0) => return Err(Error::Io),
                Ok(read) => {
                    into = into.get_mut(read..).unwrap_or_default();
                    offset = offset.saturating_add(read as u64);
                }
                Err(Errno::INTR) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        Ok(())
    }

    fn write(&self, mut bytes: &[u8], mut offset: u64) -> Result<(), Error> {
        while !bytes.is_empty() {
            match rustix::io::pwrite(&self.file, bytes, offset) {
                Ok(written) => {
                    bytes = bytes.get(written..).unwrap_or_default();
                    offset = offset.saturating_add(written as u64);
                }
                Err(Errno::INTR) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        Ok(())
    }

    /// What was written before is on the disk when this answers.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        if self.read_only {
            return Ok(());
        }
        if !self.broken.load(Ordering::Acquire) {
            match rustix::fs::fdatasync(&self.file) {
                Ok(()) => return Ok(()),
                Err(cause) => tracing::error!(%cause, "a drive could not be flushed to the disk"),
            }
            self.broken.store(true, Ordering::Release);
        }
        Err(Error::Io)
    }

    /// The range may be forgotten. A file system without holes keeps it.
    fn trim(&self, request: &Request) -> Result<(), Error> {
        match self.punch(request) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            other => other.map_err(Error::from),
        }
    }

    /// The range reads as zeros.
    fn zero(&self, request: &Request) -> Result<(), Error> {
        let (offset, length) = (request.offset, u64::from(request.length));
        if length == 0 {
            return Ok(());
        }
        let made = if request.has(flag::NO_HOLE) {
            rustix::fs::fallocate(&self.file, FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE, offset, length)
        } else {
            self.punch(request)
        };
        match made {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) if request.has(flag::FAST_ZERO) => Err(Error::NotSupported),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.write_zeros(offset, length),
            other => other.map_err(Error::from),
        }
    }

    fn punch(&self, request: &Request) -> Result<(), Errno> {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if request.length == 0 {
            return Ok(());
        }
        rustix::fs::fallocate(&self.file, flags, request.offset, u64::from(request.length))
    }

    fn write_zeros(&self, mut offset: u64, length: u64) -> Result<(), Error> {
        let end = offset.saturating_add(length);
        while offset < end {
            let count = usize::try_from(end - offset).unwrap_or(ZEROS.len()).min(ZEROS.len());
            self.write(ZEROS.get(..count).unwrap_or_default(), offset)?;
            offset = offset.saturating_add(count as u64);
        }
        Ok(())
    }

    /// Asks the kernel to have the range in memory soon.
    fn cache(&self, request: &Request) -> Result<(), Error> {
        let length = std::num::NonZeroU64::new(u64::from(request.length));
        match length {
            None => Ok(()),
            Some(_) => rustix::fs::fadvise(&self.file, request.offset, length, Advice::WillNeed).map_err(Error::from),
        }
    }

    /// Where the range has data and where holes. A file system that cannot tell says that everything is data.
    fn allocation(&self, request: &Request) -> Result<Vec<(u32, u32)>, Error> {
        let mut ranges = Ranges::new(request.offset, request.length, request.has(flag::REQUEST_ONE));
        let end = request.offset.saturating_add(u64::from(request.length));
        let mut at = request.offset;
        while !ranges.is_full() {
            let start = match rustix::fs::seek(&self.file, SeekFrom::Data(at)) {
                Ok(start) => start,
                Err(Errno::NXIO) => break,
                Err(Errno::INVAL | Errno::OPNOTSUPP) => at,
                Err(cause) => return Err(cause.into()),
            };
            if start >= end {
                break;
            }
            let stop = match rustix::fs::seek(&self.file, SeekFrom::Hole(start)) {
                Ok(stop) => stop,
                Err(Errno::NXIO | Errno::INVAL | Errno::OPNOTSUPP) => end,
                Err(cause) => return Err(cause.into()),
            };
            // A hole that begins before its data would never end this.
            ranges.data(start, stop.checked_sub(start).filter(|length| *length > 0).ok_or(Error::Io)?);
            at = stop;
        }
        Ok(ranges.finish())
    }
}
