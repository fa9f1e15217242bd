//! A large file into a directory: parts at their offsets of one temporary file, past the page cache.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use async_trait::async_trait;
use capstan_domain::content::Source;
use capstan_domain::{Failure, Outcome};
use futures::StreamExt;
use rustix::fs::{AtFlags, FallocateFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::beneath::{Parents, Root, os};
use super::direct::{self, Output, PIECE, Piece};
use super::read::{item_of, key_of};
use super::{LocalTree, fault, on_disk, store};
use crate::control::Control;
use crate::digest::{BLOCK, BlockHasher, Value};
use crate::ledger::{PartTables, UploadKey, UploadRecord};
use crate::measured::Measured;
use crate::resumable::{Filling, PART, Partial, describe, is_hopeless};
use crate::tree::{Arrival, Stored};

struct Temporary {
    /// Of the file that is to be.
    path: String,
    parent: Arc<OwnedFd>,
    name: Vec<u8>,
    output: Arc<Output>,
}

pub(super) async fn store(
    tree: &LocalTree,
    arrival: &Arrival,
    content: Arc<Measured>,
    tables: &dyn PartTables,
    control: &Control,
) -> Outcome<Stored> {
    if let Some(failure) = store::refuses(&arrival.path) {
        return Err(failure);
    }
    let key = UploadKey { tree: tree.id.clone(), key: arrival.path.clone() };
    let upload = UploadRecord {
        id: String::from_utf8_lossy(&store::temporary(&arrival.path)).into_owned(),
        attempt: None,
        size: arrival.size,
        part_size: PART,
        content: describe(&content),
        extras: Vec::new(),
        parts: Vec::new(),
    };
    let found = tables.find_upload(&key).await?;
    let earlier = found.filter(|earlier| earlier.content == upload.content && earlier.part_size == PART);
    let fresh = earlier.is_none();
    if fresh && arrival.size > PART {
        // Known before it exists: whatever happens, somebody can give it up.
        tables.begin_upload(&key, &upload).await?;
    }
    let (path, size) = (arrival.path.clone(), arrival.size);
    let temporary = tree.blocking(move |root| open_temporary(root, &path, size, fresh)).await??;
    let begun = !fresh || arrival.size > PART;
    let mut filling = Filling { partial: &temporary, content: &content, tables, key: &key, upload: &upload, begun };
    let parts = earlier.map(|earlier| earlier.parts).unwrap_or_default();
    let filled = filling.run(&parts, control).await;
    let begun = filling.begun;
    if let Err(failure) = filled {
        // What is good is kept for the next try; what can never be finished, or what nobody knows of, is not.
        if is_hopeless(&failure) || !begun {
            let path = arrival.path.clone();
            tree.blocking(move |root| remove_temporary(root, &path)).await??;
            tables.forget_upload(&key, &upload.id).await?;
        }
        return Err(failure);
    }
    // Nothing becomes visible that is not what it should be, as far as that is known (D8).
    let digest = content.complete().await?;
    content.check(&digest)?;
    let arrived = arrival.clone();
    let stored = on_disk(move || finish(&temporary, &arrived)).await??;
    tree.sync.sync().await?;
    if begun {
        tables.forget_upload(&key, &upload.id).await?;
    }
    Ok(stored)
}

#[async_trait]
impl Partial for Temporary {
    async fn write(&self, content: &Arc<Measured>, offset: u64, length: u64) -> Outcome<()> {
        write_part(content, &self.output, offset, length, &self.path).await?;
        if self.output.direct.is_some() {
            return Ok(());
        }
        // Through the page cache the disk is set to work at once, so that the end does not wait for everything. A sync that fails
        // fails the store (D7): the last one, of the whole file, might no longer hear of it.
        self.sync().await
    }

    async fn value(&self, offset: u64, length: u64, whole: u64) -> Outcome<Value> {
        let output = Arc::clone(&self.output);
        on_disk(move || hash_part(&output, offset, length, whole)).await?.map_err(|errno| fault::of(errno, &self.path))
    }

    async fn sync(&self) -> Outcome<()> {
        let output = Arc::clone(&self.output);
        on_disk(move || rustix::fs::fdatasync(&output.file)).await?.map_err(|errno| fault::of(errno, &self.path))
    }
}

/// Removes a temporary file that nobody will finish. One that is being written right now is somebody else's.
pub(super) fn give_up(root: &Root, path: &str) -> Outcome<()> {
    let temporary = store::temporary(path);
    let remove = || {
        let (parent, _) = Parents::of(root).at(path)?;
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&parent, os(&temporary), flags, Mode::empty())?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => rustix::fs::unlinkat(&parent, os(&temporary), AtFlags::empty()),
            Err(Errno::WOULDBLOCK) => Ok(()),
            Err(errno) => Err(errno),
        }
    };
    match remove() {
        Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
        Err(errno) => Err(fault::of(errno, path)),
    }
}

fn remove_temporary(root: &Root, path: &str) -> Outcome<()> {
    let (parent, _) = Parents::of(root).at(path).map_err(|errno| fault::of(errno, path))?;
    match rustix::fs::unlinkat(&parent, os(&store::temporary(path)), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(fault::of(errno, path)),
    }
}

fn open_temporary(root: &Root, path: &str, size: u64, fresh: bool) -> Outcome<Temporary> {
    let open = || {
        let (parent, name) = Parents::made(root).at(path)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&parent, os(&store::temporary(path)), flags, Mode::RUSR | Mode::WUSR)?;
        // Two that write one file would mix; and whoever gives up what was left must see that it is wanted again.
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            // A file system without locks.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOLCK) => {}
            Err(Errno::WOULDBLOCK) => return Err(Errno::BUSY),
            Err(errno) => return Err(errno),
        }
        if rustix::fs::fstat(&file)?.st_nlink == 0 {
            // Given up between the opening and the lock.
            return Err(Errno::BUSY);
        }
        if fresh {
            rustix::fs::ftruncate(&file, 0)?;
        }
        // Room is taken now: a disk that is too small says so before the bytes have come all the way.
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, size.max(1)) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(errno) => {
                let _ = rustix::fs::unlinkat(&parent, os(&store::temporary(path)), AtFlags::empty());
                return Err(errno);
            }
        }
        rustix::fs::ftruncate(&file, size)?;
        // A second handle, since what the first is asked need not be whole blocks.
        let direct = (size > BLOCK)
            .then(|| {
                rustix::fs::openat(
                    &parent,
                    os(&store::temporary(path)),
                    OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                    Mode::empty(),
                )
            })
            .and_then(|again| again.ok().filter(|again| direct::switch(again, true).is_ok()));
        Ok(Temporary { path: path.to_owned(), parent, name, output: Arc::new(Output { file, direct }) })
    };
    open().map_err(|errno| fault::of(errno, path))
}

fn hash_part(output: &Output, offset: u64, length: u64, whole: u64) -> Result<Value, Errno> {
    let file = output.direct.as_ref().unwrap_or(&output.file);
    let mut hasher = BlockHasher::new(offset);
    let mut piece = Piece::new();
    let mut done = 0;
    while done < length {
        piece.read(file, offset + done, usize::try_from(length - done).unwrap_or(PIECE))?;
        if piece.bytes().is_empty() {
            return Err(Errno::IO);
        }
        hasher.update(piece.bytes());
        done += piece.bytes().len() as u64;
    }
    Ok(if whole <= BLOCK { hasher.finish_alone() } else { hasher.finish() })
}

async fn write_part(content: &Arc<Measured>, output: &Arc<Output>, offset: u64, length: u64, path: &str) -> Outcome<()> {
    let path = path.to_owned();
    if content.opened().file.is_some() && !content.is_limited() {
        let (content, output) = (Arc::clone(content), Arc::clone(output));
        return on_disk(move || copy_part(&content, &output, offset, length, &path)).await?;
    }
    let mut body = content.open(offset, length);
    let (mut at, mut piece) = (offset, Piece::new());
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        let mut rest = chunk.as_ref();
        while !rest.is_empty() {
            rest = piece.fill(rest);
            if piece.is_full() {
                piece = put(output, piece, &mut at, &path).await?;
            }
        }
    }
    put(output, piece, &mut at, &path).await.map(drop)
}

/// Answers the piece, empty again.
async fn put(output: &Arc<Output>, mut piece: Piece, at: &mut u64, path: &str) -> Outcome<Piece> {
    let (output, offset) = (Arc::clone(output), *at);
    *at += piece.bytes().len() as u64;
    let written = on_disk(move || {
        output.put(&mut piece, offset)?;
        piece.clear();
        Ok(piece)
    });
    written.await?.map_err(|errno| fault::of(errno, path))
}

/// From disk to disk through one buffer, hashed on the way.
fn copy_part(content: &Measured, output: &Output, offset: u64, length: u64, path: &str) -> Outcome<()> {
    let Some(source) = &content.opened().file else { return Err(Failure::host("The file is not a local one", path)) };
    let mut hasher = content.hasher(offset);
    let mut piece = Piece::new();
    let mut done = 0;
    while done < length {
        let most = usize::try_from(length - done).unwrap_or(PIECE).min(PIECE);
        source.read_piece(offset + done, &mut piece, most)?;
        if piece.bytes().len() < most {
            return Err(super::read::changed(path));
        }
        hasher.update(piece.bytes())?;
        output.put(&mut piece, offset + done).map_err(|errno| fault::of(errno, path))?;
        done += most as u64;
    }
    source.still()
}

fn finish(temporary: &Temporary, arrival: &Arrival) -> Outcome<Stored> {
    let path = &arrival.path;
    let seal = || {
        let file = &temporary.output.file;
        rustix::fs::ftruncate(file, arrival.size)?;
        store::attributes(file, arrival)?;
        rustix::fs::fsync(file)?;
        item_of(&temporary.parent, &temporary.name, path.clone(), &rustix::fs::fstat(file)?)
    };
    let item = seal().map_err(|errno| fault::of(errno, path))?;
    store::rename(&temporary.parent, &temporary.name, path, arrival.overwrite)?;
    Ok(Stored { item, key: key_of(path) })
}
