//! Copying a file inside its root: shared blocks where the file system has them, else in the kernel.

use std::os::fd::OwnedFd;

use capstan_domain::{Failure, Outcome};
use rustix::io::Errno;

use super::directory::{Directory, Shared};
use super::errors;
use super::path::RelativePath;
use super::write::Creation;

/// Bytes asked of the kernel in one call, so that a call ends now and then.
const STEP_BYTES: usize = 64 << 20;

impl Directory {
    /// Copies a whole file over `to`; answers the bytes.
    pub async fn copy(&self, path: &str, to: &str) -> Outcome<u64> {
        let (path, to) = (RelativePath::read(path)?, RelativePath::read(to)?);
        self.change(move |shared| shared.copy(&path, &to)).await
    }
}

impl Shared {
    fn copy(&self, path: &RelativePath, to: &RelativePath) -> Outcome<u64> {
        let (source, status) = self.open_for_reading(path)?;
        // Cutting comes after the comparison: a file copied onto itself would be lost.
        let destination = self.open_for_writing(to, Creation::Keep)?;
        let old = self.status_of(&destination)?;
        if (old.device, old.inode) == (status.device, status.inode) {
            return Err(Failure::invalid("a file cannot be copied onto itself"));
        }
        let copied = copy_bytes(&source, &destination);
        if copied.is_err() && old.size == 0 && old.links == 1 {
            self.discard(to);
        }
        copied
    }
}

fn copy_bytes(source: &OwnedFd, destination: &OwnedFd) -> Outcome<u64> {
    let failed = |cause| errors::errno("the file cannot be copied", cause);
    rustix::fs::ftruncate(destination, 0).map_err(failed)?;
    if rustix::fs::ioctl_ficlone(destination, source).is_ok() {
        return rustix::fs::fstat(destination).map(|stat| u64::try_from(stat.st_size).unwrap_or(0)).map_err(failed);
    }
    let mut at = 0;
    loop {
        let (mut from, mut into) = (at, at);
        match rustix::fs::copy_file_range(source, Some(&mut from), destination, Some(&mut into), STEP_BYTES) {
            Ok(0) => return Ok(at),
            Ok(count) => at += count as u64,
            Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => return copy_by_hand(source, destination, at),
            Err(cause) => return Err(failed(cause)),
        }
    }
}

/// For file systems whose files the kernel does not copy.
fn copy_by_hand(source: &OwnedFd, destination: &OwnedFd, mut at: u64) -> Outcome<u64> {
    let failed = |cause| errors::errno("the file cannot be copied", cause);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = rustix::io::pread(source, &mut buffer, at).map_err(failed)?;
        let mut rest = buffer.get(..read).unwrap_or_default();
        if rest.is_empty() {
            return Ok(at);
        }
        while !rest.is_empty() {
            let written = rustix::io::pwrite(destination, rest, at).map_err(failed)?;
            at += written as u64;
            rest = rest.get(written..).unwrap_or_default();
        }
    }
}
