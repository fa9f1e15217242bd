//! Room: where a file holds data, where it has holes, how long it is.

use std::os::fd::{AsFd, OwnedFd};

use capstan_domain::{Failure, Outcome};
use rustix::fs::{FallocateFlags, SeekFrom};
use rustix::io::Errno;

use super::directory::Directory;
use super::errors;
use super::path::RelativePath;
use super::status::Status;
use super::write::Creation;
use crate::limits;

/// A range of a file that may hold data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub offset: u64,
    pub length: u64,
}

/// Zeros written at once where a file system has no holes.
const ZEROS_BYTES: usize = 1 << 20;

impl Directory {
    /// Cuts a file, or makes it longer by a hole.
    pub async fn resize(&self, path: &str, size: u64) -> Outcome<Status> {
        let path = RelativePath::read(path)?;
        self.change(move |shared| {
            let file = shared.open_for_writing(&path, Creation::Existing)?;
            rustix::fs::ftruncate(&file, size).map_err(|cause| errors::errno("the file cannot be given that size", cause))?;
            shared.status_of(&file)
        })
        .await
    }

    /// The range becomes a hole, or zeros where the file system has none. What lies behind the end of the file is left alone.
    pub async fn discard_range(&self, path: &str, offset: u64, length: u64) -> Outcome<()> {
        let path = RelativePath::read(path)?;
        self.change(move |shared| {
            let file = shared.open_for_writing(&path, Creation::Existing)?;
            let size = shared.status_of(&file)?.size;
            let length = length.min(size.saturating_sub(offset));
            if length == 0 { Ok(()) } else { punch(&file, offset, length) }
        })
        .await
    }

    /// Where data may lie in the range, at most `limit` pieces.
    pub async fn extents(&self, path: &str, offset: u64, length: u64, limit: u32) -> Outcome<Vec<Extent>> {
        let path = RelativePath::read(path)?;
        let limit = usize::try_from(limit.clamp(1, limits::FILE_EXTENTS)).unwrap_or(1);
        self.run(move |shared| {
            let (file, status) = shared.open_for_reading(&path)?;
            let end = offset.saturating_add(length).min(status.size);
            data(&file, offset, end).take(limit).collect()
        })
        .await
    }
}

fn punch(file: &OwnedFd, offset: u64, length: u64) -> Outcome<()> {
    let failed = |cause| errors::errno("the range cannot be freed", cause);
    match rustix::fs::fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, offset, length) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => write_zeros(file, offset, length).map_err(failed),
        other => other.map_err(failed),
    }
}

fn write_zeros(file: &OwnedFd, mut at: u64, length: u64) -> Result<(), Errno> {
    let zeros = vec![0; ZEROS_BYTES];
    let end = at.saturating_add(length);
    while at < end {
        let count = usize::try_from(end - at).unwrap_or(ZEROS_BYTES).min(ZEROS_BYTES);
        match rustix::io::pwrite(file, zeros.get(..count).unwrap_or_default(), at) {
            Ok(written) => at += written as u64,
            Err(Errno::INTR) => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}

/// The pieces of a file that are no holes, from `at` to `end`. A file system that cannot tell says that everything is data.
pub(super) fn data(file: &impl AsFd, at: u64, end: u64) -> impl Iterator<Item = Outcome<Extent>> {
    let file = file.as_fd();
    let mut at = Some(at);
    std::iter::from_fn(move || {
        let from = at.take().filter(|from| *from < end)?;
        let start = match rustix::fs::seek(file, SeekFrom::Data(from)) {
            Ok(start) => start,
            Err(Errno::NXIO) => return None,
            Err(Errno::INVAL | Errno::OPNOTSUPP) => from,
            Err(cause) => return Some(Err(errors::errno("the file's holes cannot be found", cause))),
        };
        if start >= end {
            return None;
        }
        let stop = match rustix::fs::seek(file, SeekFrom::Hole(start)) {
            Ok(stop) => stop.min(end),
            Err(Errno::NXIO | Errno::INVAL | Errno::OPNOTSUPP) => end,
            Err(cause) => return Some(Err(errors::errno("the file's holes cannot be found", cause))),
        };
        at = Some(stop);
        Some(
            stop.checked_sub(start)
                .map(|length| Extent { offset: start, length })
                .ok_or_else(|| Failure::host("the file's holes cannot be found", "a hole begins before its data")),
        )
    })
}
