//! Copying a file inside its root: shared blocks where the file system has them, else in the kernel.

use std::os::fd::OwnedFd;

use capstan_domain::{Failure, Outcome};
use rustix::io::Errno;

use super::directory::{Directory, Shared};
use super::errors;
use super::path::RelativePath;
use super::sparse::{self, Extent};
use super::write::Creation;

/// Bytes asked of the kernel in one call, so that a call ends now and then.
const STEP_BYTES: usize = 64 << 20;
/// Bytes read at once where the kernel does not copy.
const BUFFER_BYTES: usize = 1 << 20;

impl Directory {
    /// Copies a whole file over `to`; answers the bytes.
    pub async fn copy(&self, path: &str, to: &str) -> Outcome<u64> {
        let (path, to) = (RelativePath::read(path)?, RelativePath::read(to)?);
        self.change(move |shared| shared.copy(&path, &to, copy_bytes)).await
    }

    /// The same by shared blocks alone; `unsupported` where the file system has none.
    pub async fn reflink(&self, path: &str, to: &str) -> Outcome<()> {
        let (path, to) = (RelativePath::read(path)?, RelativePath::read(to)?);
        self.change(move |shared| shared.copy(&path, &to, share_blocks).map(drop)).await
    }
}

impl Shared {
    fn copy(&self, path: &RelativePath, to: &RelativePath, copy: fn(&OwnedFd, &OwnedFd) -> Outcome<u64>) -> Outcome<u64> {
        let (source, status) = self.open_for_reading(path)?;
        // Cutting comes after the comparison: a file copied onto itself would be lost.
        let destination = self.open_for_writing(to, Creation::Keep)?;
        let old = self.status_of(&destination)?;
        if (old.device, old.inode) == (status.device, status.inode) {
            return Err(Failure::invalid("a file cannot be copied onto itself"));
        }
        let copied = copy(&source, &destination);
        if copied.is_err() && old.size == 0 && old.links == 1 {
            self.discard(to);
        }
        copied
    }
}

/// What was there before stays where the file system cannot.
fn share_blocks(source: &OwnedFd, destination: &OwnedFd) -> Outcome<u64> {
    let failed = |cause| errors::errno("the file's blocks cannot be shared", cause);
    match rustix::fs::ioctl_ficlone(destination, source) {
        Ok(()) => {}
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOTTY | Errno::INVAL | Errno::XDEV) => {
            return Err(Failure::unsupported("files of this file system share no blocks"));
        }
        Err(cause) => return Err(failed(cause)),
    }
    let size = rustix::fs::fstat(source).map(|stat| u64::try_from(stat.st_size).unwrap_or(0)).map_err(failed)?;
    rustix::fs::ftruncate(destination, size).map_err(failed)?;
    Ok(size)
}

fn copy_bytes(source: &OwnedFd, destination: &OwnedFd) -> Outcome<u64> {
    let failed = |cause| errors::errno("the file cannot be copied", cause);
    rustix::fs::ftruncate(destination, 0).map_err(failed)?;
    if rustix::fs::ioctl_ficlone(destination, source).is_ok() {
        return rustix::fs::fstat(destination).map(|stat| u64::try_from(stat.st_size).unwrap_or(0)).map_err(failed);
    }
    // The holes of a sparse file are not worth reading, and shall stay holes.
    let size = rustix::fs::fstat(source).map(|stat| u64::try_from(stat.st_size).unwrap_or(0)).map_err(failed)?;
    rustix::fs::ftruncate(destination, size).map_err(failed)?;
    for extent in sparse::data(source, 0, size) {
        let Extent { offset, length } = extent?;
        copy_range(source, destination, offset, offset.saturating_add(length))?;
    }
    Ok(size)
}

fn copy_range(source: &OwnedFd, destination: &OwnedFd, mut at: u64, end: u64) -> Outcome<()> {
    while at < end {
        let (mut from, mut into) = (at, at);
        let step = usize::try_from(end - at).unwrap_or(STEP_BYTES).min(STEP_BYTES);
        match rustix::fs::copy_file_range(source, Some(&mut from), destination, Some(&mut into), step) {
            // Cut meanwhile: what is no longer there reads as zeros, as the hole does.
            Ok(0) => return Ok(()),
            Ok(count) => at += count as u64,
            Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                return copy_by_hand(source, destination, at, end);
            }
            Err(cause) => return Err(errors::errno("the file cannot be copied", cause)),
        }
    }
    Ok(())
}

/// For file systems whose files the kernel does not copy.
fn copy_by_hand(source: &OwnedFd, destination: &OwnedFd, mut at: u64, end: u64) -> Outcome<()> {
    let failed = |cause| errors::errno("the file cannot be copied", cause);
    let mut buffer = vec![0; BUFFER_BYTES];
    while at < end {
        let step = usize::try_from(end - at).unwrap_or(BUFFER_BYTES).min(BUFFER_BYTES);
        let read = rustix::io::pread(source, buffer.get_mut(..step).unwrap_or_default(), at).map_err(failed)?;
        let mut rest = buffer.get(..read).unwrap_or_default();
        if rest.is_empty() {
            return Ok(());
        }
        while !rest.is_empty() {
            let written = rustix::io::pwrite(destination, rest, at).map_err(failed)?;
            at += written as u64;
            rest = rest.get(written..).unwrap_or_default();
        }
    }
    Ok(())
}
