//! A large file into a directory: parts at their offsets of one temporary file, several at a time, kept over a crash.
//!
//! A part is recorded only after its bytes were synced, and taken over after a restart only if reading it gives the recorded values (D8).

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use capstan_domain::content::Source;
use capstan_domain::failure::Kind;
use capstan_domain::ports::Part;
use capstan_domain::{Failure, Outcome};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rustix::fs::{AtFlags, FallocateFlags, Mode, OFlags};
use rustix::io::Errno;

use super::beneath::{Parents, Root, os};
use super::read::{item_of, key_of};
use super::{LocalTree, fault, on_disk, store};
use crate::backoff;
use crate::control::Control;
use crate::digest::{self, BLOCK, BlockHasher};
use crate::ledger::{Ledger, PartRecord, UploadKey, UploadRecord};
use crate::measured::Measured;
use crate::tree::{Arrival, Stored};

/// Bytes of a part: one block.
const PART: u64 = BLOCK;
/// Parts on their way at a time.
const PARTS_IN_FLIGHT: usize = 4;
/// Tries of one part.
const TRIES: u32 = 5;
/// How long finished parts wait to be synced and recorded: what a crash may cost.
const CHECKPOINT: Duration = Duration::from_secs(3);
/// Bytes written after which the disk is set to work, so that it writes while the next ones are read and hashed.
const FLUSH: u64 = 64 << 20;
/// Bytes that go through a buffer at a time; small enough to stay in the processor's cache between reading, hashing and writing.
const BUFFER: usize = 256 << 10;

struct Temporary {
    parent: Arc<OwnedFd>,
    name: Vec<u8>,
    file: Arc<OwnedFd>,
}

pub(super) async fn store(
    tree: &LocalTree,
    arrival: &Arrival,
    content: Arc<Measured>,
    ledger: &dyn Ledger,
    control: &Control,
) -> Outcome<Stored> {
    if let Some(failure) = store::refuses(&arrival.path) {
        return Err(failure);
    }
    let key = UploadKey { tree: tree.id.clone(), key: arrival.path.clone() };
    let described = describe(&content);
    content.read_in_parts(PART);
    let earlier = ledger.find_upload(&key).await?.filter(|earlier| earlier.content == described && earlier.part_size == PART);
    let (path, size, fresh) = (arrival.path.clone(), arrival.size, earlier.is_none());
    let temporary = tree.blocking(move |root| open_temporary(root, &path, size, fresh)).await??;
    let mut kept = BTreeSet::new();
    for part in earlier.iter().flat_map(|earlier| &earlier.parts) {
        if adopt(&temporary, &content, part).await? {
            kept.insert(part.part.number);
        }
    }
    let upload = UploadRecord {
        id: String::from_utf8_lossy(&store::temporary(&arrival.path)).into_owned(),
        size: arrival.size,
        part_size: PART,
        content: described,
        extras: Vec::new(),
        parts: Vec::new(),
    };
    let mut record =
        Checkpoints { ledger, key: &key, upload: &upload, begun: earlier.is_some(), unsaved: Vec::new(), last: Instant::now() };
    let written = write_parts(arrival, &content, &temporary, &kept, &mut record, control).await;
    if let Err(failure) = written {
        // What is good is kept for the next try; what can never be finished is not.
        if failure.code.as_deref() == Some("source-changed") || failure.kind == Kind::NoSpace {
            let path = arrival.path.clone();
            tree.blocking(move |root| remove_temporary(root, &path)).await??;
            ledger.forget_upload(&key, &upload.id).await?;
        } else if failure.kind != Kind::Cancelled || !record.unsaved.is_empty() {
            record.save(&temporary, &content).await?;
        }
        return Err(failure);
    }
    let begun = record.begun;
    // Nothing becomes visible that is not what it should be, as far as that is known (D8).
    let digest = content.complete().await?;
    content.check(&digest)?;
    let arrived = arrival.clone();
    let stored = on_disk(move || finish(&temporary, &arrived)).await??;
    tree.sync.sync().await?;
    if begun {
        ledger.forget_upload(&key, &upload.id).await?;
    }
    Ok(stored)
}

/// A temporary file that nobody will finish.
pub(super) async fn abandon(tree: &LocalTree, path: &str, ledger: &dyn Ledger) -> Outcome<()> {
    let key = UploadKey { tree: tree.id.clone(), key: path.to_owned() };
    if let Some(record) = ledger.find_upload(&key).await? {
        let path = path.to_owned();
        tree.blocking(move |root| remove_temporary(root, &path)).await??;
        ledger.forget_upload(&key, &record.id).await?;
    }
    Ok(())
}

fn remove_temporary(root: &Root, path: &str) -> Outcome<()> {
    let (parent, _) = Parents::of(root).at(path).map_err(|errno| fault::of(errno, path))?;
    match rustix::fs::unlinkat(&parent, os(&store::temporary(path)), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(fault::of(errno, path)),
    }
}

/// Which content the parts are of.
pub(crate) fn describe(content: &Measured) -> String {
    let item = &content.opened().item;
    let tag = item.identity.etag.clone().or_else(|| item.identity.inode.map(|inode| inode.to_string())).unwrap_or_default();
    format!("{} {} {} {tag}", item.path, item.size, item.modified.0)
}

fn open_temporary(root: &Root, path: &str, size: u64, fresh: bool) -> Outcome<Temporary> {
    let open = || {
        let (parent, name) = Parents::made(root).at(path)?;
        let mut flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        flags.set(OFlags::TRUNC, fresh);
        let file = rustix::fs::openat(&parent, os(&store::temporary(path)), flags, Mode::RUSR | Mode::WUSR)?;
        // Room is taken now: a disk that is too small says so before the bytes have come all the way.
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, size.max(1)) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(errno) => {
                let _ = rustix::fs::unlinkat(&parent, os(&store::temporary(path)), AtFlags::empty());
                return Err(errno);
            }
        }
        rustix::fs::ftruncate(&file, size)?;
        Ok(Temporary { parent, name, file: Arc::new(file) })
    };
    open().map_err(|errno| fault::of(errno, path))
}

async fn adopt(temporary: &Temporary, content: &Measured, record: &PartRecord) -> Outcome<bool> {
    let Some(values) = digest::from_bytes(&record.blocks) else { return Ok(false) };
    let offset = u64::from(record.part.number.saturating_sub(1)) * PART;
    let (file, length, whole) = (Arc::clone(&temporary.file), record.part.size, content.size());
    let [expected] = values.as_slice() else { return Ok(false) };
    let found = on_disk(move || hash_part(&file, offset, length, whole)).await?;
    Ok(found.is_ok_and(|found| found == *expected) && content.adopt(offset, length, &values))
}

fn hash_part(file: &OwnedFd, offset: u64, length: u64, whole: u64) -> Result<digest::Value, Errno> {
    let mut hasher = BlockHasher::new(offset);
    let mut buffer = vec![0; BUFFER];
    let mut done = 0;
    while done < length {
        let read = rustix::io::pread(file, buffer.as_mut_slice(), offset + done)?;
        let take = usize::try_from(length - done).unwrap_or(usize::MAX).min(read);
        let Some(bytes) = buffer.get(..take).filter(|bytes| !bytes.is_empty()) else { return Err(Errno::IO) };
        hasher.update(bytes);
        done += take as u64;
    }
    Ok(if whole <= BLOCK { hasher.finish_alone() } else { hasher.finish() })
}

struct Checkpoints<'l> {
    ledger: &'l dyn Ledger,
    key: &'l UploadKey,
    upload: &'l UploadRecord,
    begun: bool,
    unsaved: Vec<(u32, u64, u64)>,
    last: Instant,
}

impl Checkpoints<'_> {
    async fn save(&mut self, temporary: &Temporary, content: &Measured) -> Outcome<()> {
        let parts = std::mem::take(&mut self.unsaved);
        let file = Arc::clone(&temporary.file);
        on_disk(move || rustix::fs::fdatasync(&file)).await?.map_err(|errno| fault::of(errno, &self.key.key))?;
        if !self.begun {
            self.ledger.begin_upload(self.key, self.upload).await?;
            self.begun = true;
        }
        let (ledger, key, upload) = (self.ledger, self.key, &self.upload.id);
        let mut saves: FuturesUnordered<_> = parts
            .into_iter()
            .filter_map(|(number, offset, length)| {
                let values = content.values(offset, length)?;
                let part = Part { number, size: length, etag: String::new(), checksums: Vec::new() };
                Some(PartRecord { part, blocks: digest::to_bytes(&values) })
            })
            .map(|part| async move { ledger.save_part(key, upload, &part).await })
            .collect();
        while let Some(saved) = saves.next().await {
            saved?;
        }
        self.last = Instant::now();
        Ok(())
    }
}

async fn write_parts(
    arrival: &Arrival,
    content: &Arc<Measured>,
    temporary: &Temporary,
    kept: &BTreeSet<u32>,
    record: &mut Checkpoints<'_>,
    control: &Control,
) -> Outcome<()> {
    let count = u32::try_from(arrival.size.div_ceil(PART)).unwrap_or(u32::MAX);
    let mut waiting = (1..=count).filter(|number| !kept.contains(number));
    let mut going = FuturesUnordered::new();
    let mut flush = Flush::new(&temporary.file);
    loop {
        while going.len() < PARTS_IN_FLIGHT
            && let Some(number) = waiting.next()
        {
            control.ready().await?;
            let offset = u64::from(number - 1) * PART;
            let length = PART.min(arrival.size - offset);
            let (content, file, path) = (Arc::clone(content), Arc::clone(&temporary.file), arrival.path.clone());
            going.push(async move {
                write_with_retries(&content, &file, offset, length, &path).await.map(|()| (number, offset, length))
            });
        }
        let Some(written) = going.next().await else { return flush.end(&arrival.path).await };
        let written = written?;
        flush.wrote(written.2, &arrival.path).await?;
        record.unsaved.push(written);
        if record.last.elapsed() >= CHECKPOINT {
            record.save(temporary, content).await?;
        }
    }
}

/// Syncs the file while it is still being written, at most once at a time. A sync that failed fails the store (D7): the last one,
/// of the whole file, might no longer hear of it.
struct Flush<'f> {
    file: &'f Arc<OwnedFd>,
    unflushed: u64,
    going: Option<tokio::task::JoinHandle<Result<(), Errno>>>,
}

impl<'f> Flush<'f> {
    fn new(file: &'f Arc<OwnedFd>) -> Self {
        Self { file, unflushed: 0, going: None }
    }

    async fn wrote(&mut self, bytes: u64, path: &str) -> Outcome<()> {
        self.unflushed += bytes;
        if self.unflushed < FLUSH || self.going.as_ref().is_some_and(|going| !going.is_finished()) {
            return Ok(());
        }
        self.end(path).await?;
        self.unflushed = 0;
        let file = Arc::clone(self.file);
        self.going = Some(tokio::task::spawn_blocking(move || rustix::fs::fdatasync(&file)));
        Ok(())
    }

    /// Waits for the one that is going.
    async fn end(&mut self, path: &str) -> Outcome<()> {
        let Some(going) = self.going.take() else { return Ok(()) };
        let synced = going.await.map_err(|error| Failure::host("The host could not sync a file", error))?;
        synced.map_err(|errno| fault::of(errno, path))
    }
}

async fn write_with_retries(content: &Arc<Measured>, file: &Arc<OwnedFd>, offset: u64, length: u64, path: &str) -> Outcome<()> {
    let mut tries = 1;
    loop {
        let Err(failure) = write_part(content, file, offset, length, path).await else { return Ok(()) };
        // The file changed as a whole: another try of one part would mix two states of it.
        let hopeless = failure.code.as_deref() == Some("source-changed");
        match backoff::wait_after(&failure, tries, TRIES) {
            Some(wait) if !hopeless => tokio::time::sleep(wait).await,
            _ => return Err(failure),
        }
        tries += 1;
    }
}

async fn write_part(content: &Arc<Measured>, file: &Arc<OwnedFd>, offset: u64, length: u64, path: &str) -> Outcome<()> {
    let path = path.to_owned();
    if content.opened().file.is_some() && !content.is_limited() {
        let (content, file) = (Arc::clone(content), Arc::clone(file));
        return on_disk(move || copy_part(&content, &file, offset, length, &path)).await?;
    }
    let mut body = content.open(offset, length);
    let mut at = offset;
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        let (file, path, here) = (Arc::clone(file), path.clone(), at);
        at += chunk.len() as u64;
        on_disk(move || write_at(&file, &chunk, here).map_err(|errno| fault::of(errno, &path))).await??;
    }
    Ok(())
}

/// From disk to disk through one buffer, hashed on the way.
fn copy_part(content: &Measured, out: &OwnedFd, offset: u64, length: u64, path: &str) -> Outcome<()> {
    let Some(source) = &content.opened().file else { return Err(Failure::host("The file is not a local one", path)) };
    let mut hasher = content.hasher(offset);
    let mut buffer = Vec::new();
    let mut done = 0;
    while done < length {
        let most = usize::try_from(length - done).unwrap_or(usize::MAX).min(BUFFER);
        source.read_at(offset + done, &mut buffer, most)?;
        if buffer.len() < most {
            return Err(super::read::changed(path));
        }
        hasher.update(&buffer)?;
        write_at(out, &buffer, offset + done).map_err(|errno| fault::of(errno, path))?;
        done += buffer.len() as u64;
    }
    source.still()
}

fn write_at(file: &OwnedFd, mut bytes: &[u8], mut offset: u64) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let written = rustix::io::pwrite(file, bytes, offset)?;
        bytes = bytes.get(written..).filter(|_| written > 0).ok_or(Errno::IO)?;
        offset += written as u64;
    }
    Ok(())
}

fn finish(temporary: &Temporary, arrival: &Arrival) -> Outcome<Stored> {
    let path = &arrival.path;
    let seal = || {
        store::attributes(&temporary.file, arrival)?;
        rustix::fs::fsync(&temporary.file)?;
        item_of(&temporary.parent, &temporary.name, path.clone(), &rustix::fs::fstat(&temporary.file)?)
    };
    let item = seal().map_err(|errno| fault::of(errno, path))?;
    store::rename(&temporary.parent, &temporary.name, path, arrival.overwrite)?;
    Ok(Stored { item, key: key_of(path) })
}
