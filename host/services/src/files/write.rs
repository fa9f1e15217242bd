//! Writing: a stream goes into a file at an offset; one batch is on its way to the kernel while the next is gathered.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use cap_std::fs::{OpenOptions, OpenOptionsExt};
use capstan_domain::content::Body;
use capstan_domain::failure::Retry;
use capstan_domain::{Failure, Kind, Outcome};
use futures::StreamExt;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use tokio::task::JoinHandle;

use super::directory::{Directory, Shared};
use super::errors;
use super::path::RelativePath;
use super::status::{FileKind, Status};
use crate::limits;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// Must exist.
    Existing,
    /// Made if absent, else cut to nothing.
    Truncate,
    /// Must not exist.
    Exclusive,
    /// Made if absent, else kept.
    Keep,
}

impl Directory {
    /// Writes the whole stream from `offset` on; answers the bytes written. Not durable before `sync`.
    pub async fn write(&self, path: &str, creation: Creation, offset: u64, mut data: Body) -> Outcome<u64> {
        let path = RelativePath::read(path)?;
        let file = Arc::new(self.change(move |shared| shared.open_for_writing(&path, creation)).await?);
        let mut at = offset;
        let mut batch = Vec::new();
        let mut batched = 0;
        let mut writing: Option<JoinHandle<Outcome<()>>> = None;
        loop {
            let next = data.next().await.transpose()?;
            let ended = next.is_none();
            if let Some(chunk) = next {
                batched += chunk.len();
                batch.push(chunk);
            }
            if batched >= limits::FILE_WRITE_BYTES || (ended && batched > 0) {
                finish(writing.take()).await?;
                let (file, full, from) = (Arc::clone(&file), std::mem::take(&mut batch), at);
                at = at.checked_add(batched as u64).ok_or_else(|| Failure::invalid("the file would be too large"))?;
                batched = 0;
                writing = Some(tokio::task::spawn_blocking(move || write_all(&file, &full, from)));
            }
            if ended {
                finish(writing.take()).await?;
                return Ok(at - offset);
            }
        }
    }

    /// Data and metadata of a file, or the names of a directory, are on the disk when this answers. A flush that failed once is
    /// never reported as success later: the kernel drops the pages it could not write and forgets.
    pub async fn sync(&self, path: &str) -> Outcome<()> {
        let path = RelativePath::read(path)?;
        self.change(move |shared| shared.sync(&path)).await
    }
}

impl Shared {
    pub(super) fn open_for_writing(&self, path: &RelativePath, creation: Creation) -> Outcome<OwnedFd> {
        if path.is_root() {
            return Err(Failure::invalid("the root is a directory"));
        }
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0));
        match creation {
            Creation::Existing => &mut options,
            Creation::Truncate => options.create(true).truncate(true),
            Creation::Exclusive => options.create_new(true),
            Creation::Keep => options.create(true),
        };
        let file = self.dir.open_with(path.whole(), &options).map_err(|cause| errors::io("the file cannot be opened", &cause))?;
        let fd = OwnedFd::from(file);
        let status = self.status_of(&fd)?;
        if status.kind != FileKind::File {
            return Err(Failure::invalid("only regular files can be written"));
        }
        if matches!(creation, Creation::Truncate | Creation::Exclusive) {
            // All of it will be written anew, so an old failure says nothing about it; an inode number may even be another file's.
            self.broken().remove(&(status.device, status.inode));
        }
        Ok(fd)
    }

    pub(super) fn status_of(&self, file: &OwnedFd) -> Outcome<Status> {
        rustix::fs::fstat(file)
            .map(|stat| Status::from(&stat))
            .map_err(|cause| errors::errno("the file cannot be looked at", cause))
    }

    fn sync(&self, path: &RelativePath) -> Outcome<()> {
        let status = self.stat(path)?;
        let file = match status.kind {
            FileKind::Directory => self.directory(path)?,
            FileKind::File => {
                let (parent, name) = self.parent(path)?;
                rustix::fs::openat(
                    &parent,
                    name,
                    OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
                    Mode::empty(),
                )
                .or_else(|_| {
                    rustix::fs::openat(
                        &parent,
                        name,
                        OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
                        Mode::empty(),
                    )
                })
                .map_err(|cause| errors::errno("the file cannot be opened", cause))?
            }
            FileKind::Symlink | FileKind::Other => return Err(Failure::invalid("only files and directories are flushed")),
        };
        let status = self.status_of(&file)?;
        let id = (status.device, status.inode);
        if self.broken().contains(&id) {
            return Err(unsynced("an earlier flush of it failed"));
        }
        rustix::fs::fsync(&file).map_err(|cause| {
            self.broken().insert(id);
            match cause {
                // File systems that look for room only when they write out what they took: NFS, disks handed out as they fill.
                Errno::NOSPC | Errno::DQUOT => errors::errno("the file could not be made durable", cause),
                _ => unsynced(&cause.to_string()),
            }
        })
    }

    /// Removes a file that was begun and cannot be finished; its failure would hide the one that matters.
    pub(super) fn discard(&self, path: &RelativePath) {
        if let Ok((parent, name)) = self.parent(path) {
            let _ = rustix::fs::unlinkat(&parent, name, AtFlags::empty());
        }
    }
}

fn unsynced(detail: &str) -> Failure {
    Failure::new(Kind::Corrupt, "the file could not be made durable; what was written to it may be lost")
        .with_retry(Retry::Never)
        .with_code("sync-failed")
        .with_detail(detail)
        .with_next_step("check the disk, then write the file again")
}

async fn finish(writing: Option<JoinHandle<Outcome<()>>>) -> Outcome<()> {
    match writing {
        Some(task) => task.await.map_err(|cause| Failure::host("a write did not end", cause))?,
        None => Ok(()),
    }
}

fn write_all(file: &OwnedFd, chunks: &[Bytes], mut at: u64) -> Outcome<()> {
    for chunk in chunks {
        let mut rest = chunk.as_ref();
        while !rest.is_empty() {
            match rustix::io::pwrite(file, rest, at) {
                Ok(0) => return Err(errors::errno("the file system takes no more bytes", Errno::NOSPC)),
                Ok(written) => {
                    at += written as u64;
                    rest = rest.get(written..).unwrap_or_default();
                }
                Err(Errno::INTR) => {}
                Err(cause) => return Err(errors::errno("the file cannot be written", cause)),
            }
        }
    }
    Ok(())
}
