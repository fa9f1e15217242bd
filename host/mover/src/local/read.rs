//! Reading files that others may be writing: what was read is known to be one state of the file, or it is a failure.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use capstan_domain::content::{Body, Content, Source};
use capstan_domain::failure::{Blame, Kind, Retry};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::beneath::{Parents, Root, look, native, open_folder, os};
use super::direct::{self, Piece};
use super::{fault, on_disk, store};
use crate::digest::{self, Value};
use crate::held::grown;
use crate::item::{Identity, Item, ItemKind};
use crate::names;
use crate::tree::{Children, Opened, Small};

/// Bytes read at a time into a stream.
const CHUNK: usize = 1 << 20;
/// Bytes of memory that small files share.
const MEMORY: usize = 1 << 20;

pub(crate) fn item_of(parent: impl AsFd, name: &[u8], path: String, stat: &Stat) -> Result<Item, Errno> {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => ItemKind::File,
        FileType::Directory => ItemKind::Folder { empty: false },
        FileType::Symlink => {
            ItemKind::Link { to: names::from_bytes(rustix::fs::readlinkat(parent, os(name), Vec::new())?.as_bytes()) }
        }
        FileType::Fifo => ItemKind::Other { what: "a pipe" },
        FileType::Socket => ItemKind::Other { what: "a socket" },
        FileType::CharacterDevice | FileType::BlockDevice => ItemKind::Other { what: "a device" },
        FileType::Unknown => ItemKind::Other { what: "of an unknown kind" },
    };
    let size = if kind == ItemKind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
    Ok(Item {
        kind,
        changed: Some(instant(stat.st_ctime, stat.st_ctime_nsec)),
        mode: Some(stat.st_mode & 0o7777),
        uid: Some(stat.st_uid),
        gid: Some(stat.st_gid),
        identity: Identity { inode: Some(stat.st_ino), ..Identity::default() },
        ..Item::file(path, size, instant(stat.st_mtime, stat.st_mtime_nsec))
    })
}

fn instant(seconds: i64, nanos: impl TryInto<i64>) -> Timestamp {
    Timestamp(seconds.saturating_mul(1_000_000_000).saturating_add(nanos.try_into().unwrap_or(0)))
}

pub(crate) fn stat(root: &Root, path: &str) -> Outcome<Option<Item>> {
    stat_with(&mut Parents::of(root), path)
}

pub(crate) fn stat_many(root: &Root, paths: &[String]) -> Vec<Outcome<Option<Item>>> {
    let mut parents = Parents::of(root);
    paths.iter().map(|path| stat_with(&mut parents, names::checked(path)?)).collect()
}

fn stat_with(parents: &mut Parents<'_>, path: &str) -> Outcome<Option<Item>> {
    let looked = parents.at(path).and_then(|(parent, name)| item_of(&parent, &name, path.to_owned(), &look(&parent, &name)?));
    match looked {
        Ok(item) => Ok(Some(item)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(fault::of(errno, path)),
    }
}

/// The next names of a folder by their bytes; the page is all that is held of it.
pub(crate) fn children(root: &Root, path: &str, after: Option<&str>, limit: u32) -> Outcome<Children> {
    let fault = |errno| fault::of(errno, path);
    let handle = Parents::of(root).folder(path).map_err(fault)?;
    let after = after.map(native);
    let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
    let mut page = std::collections::BinaryHeap::new();
    let mut more = false;
    for entry in rustix::fs::Dir::new(open_folder(&handle, b".").map_err(fault)?).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let name = entry.file_name().to_bytes();
        let wanted = name != b"." && name != b".." && !store::is_temporary(name);
        if wanted && after.as_deref().is_none_or(|after| name > after) {
            page.push(name.to_vec());
            if page.len() > limit {
                page.pop();
                more = true;
            }
        }
    }
    let names = page.into_sorted_vec();
    let next = names.last().filter(|_| more).map(|name| names::from_bytes(name));
    let mut items = Vec::with_capacity(names.len());
    for name in names {
        let path = names::join(path, &names::from_bytes(&name));
        match look(&handle, &name).and_then(|stat| item_of(&handle, &name, path, &stat)) {
            Ok(item) => items.push(item),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(fault(errno)),
        }
    }
    Ok(Children { items, next })
}

pub(crate) fn is_empty(root: &Root, start: &str) -> Outcome<bool> {
    let handle = match Parents::of(root).folder(start) {
        Ok(handle) => handle,
        Err(Errno::NOENT) => return Ok(true),
        // A file stands there.
        Err(Errno::NOTDIR | Errno::LOOP) => return Ok(false),
        Err(errno) => return Err(fault::of(errno, start)),
    };
    // The root's handle is shared: a second one has a place in the listing of its own.
    let fresh = open_folder(&handle, b".").map_err(|errno| fault::of(errno, start))?;
    let dir = rustix::fs::Dir::new(fresh).map_err(|errno| fault::of(errno, start))?;
    for entry in dir {
        let entry = entry.map_err(|errno| fault::of(errno, start))?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." && !store::is_temporary(name) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Opens a regular file and looks at it; never waits for a pipe's other end.
fn open_file(parents: &mut Parents<'_>, path: &str) -> Outcome<(OwnedFd, Item)> {
    let open = |parents: &mut Parents<'_>| {
        let (parent, name) = parents.at(path)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&parent, os(&name), flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&file)?;
        let item = item_of(&parent, &name, path.to_owned(), &stat)?;
        let here = capstan_stub::content_is_here(&file)?;
        Ok((file, item, here))
    };
    let (file, item, here) = open(parents).map_err(|errno| match errno {
        Errno::NOENT => gone(path),
        errno => fault::of(errno, path),
    })?;
    if item.kind != ItemKind::File {
        return Err(changed(path));
    }
    if here { Ok((file, item)) } else { Err(elsewhere(path)) }
}

/// Neighbours share pieces of memory: one for each file costs more than reading it.
pub(crate) fn read_small(root: &Root, items: &[Item], limit: u64) -> Vec<Outcome<Small>> {
    let (mut parents, mut memory) = (Parents::of(root), BytesMut::new());
    items
        .iter()
        .map(|item| {
            let (item, size) = read_one(&mut parents, &item.path, limit, &mut memory)?;
            let bytes = memory.split_to(size).freeze();
            memory.clear();
            Ok(Small { item, bytes })
        })
        .collect()
}

/// Reads and forgets: only the hash is wanted, so one piece of memory serves all.
pub(crate) fn hash_small(root: &Root, items: &[Item], limit: u64) -> Vec<Outcome<(Item, Value)>> {
    let (mut parents, mut memory) = (Parents::of(root), BytesMut::new());
    items
        .iter()
        .map(|item| {
            let (item, size) = read_one(&mut parents, &item.path, limit, &mut memory)?;
            let value = digest::of(memory.get(..size).unwrap_or_default());
            memory.clear();
            Ok((item, value))
        })
        .collect()
}

/// To the front of `memory`; answers how many bytes.
fn read_one(parents: &mut Parents<'_>, path: &str, limit: u64, memory: &mut BytesMut) -> Outcome<(Item, usize)> {
    let (file, item) = open_file(parents, path)?;
    if item.size > limit {
        return Err(grown(path));
    }
    // One byte more than there should be: a file that grows is seen to.
    let size = usize::try_from(item.size).unwrap_or(usize::MAX);
    memory.clear();
    if memory.capacity() <= size {
        *memory = BytesMut::with_capacity((size + 1).max(MEMORY));
    }
    memory.resize(size + 1, 0);
    let mut filled = 0;
    while let Some(room) = memory.get_mut(filled..).filter(|room| !room.is_empty()) {
        match rustix::io::read(&file, room).map_err(|errno| fault::of(errno, path))? {
            0 => break,
            read => filled += read,
        }
    }
    let after = rustix::fs::fstat(&file).map_err(|errno| fault::of(errno, path))?;
    if filled != size || !same(&item, &after) {
        return Err(changed(path));
    }
    Ok((item, size))
}

pub(crate) fn open(root: &Root, path: &str) -> Outcome<Opened> {
    let (file, item) = open_file(&mut Parents::of(root), names::checked(path)?)?;
    let file = Arc::new(LocalFile { file, item: item.clone() });
    let content: Content = Arc::new(LocalContent { file: Arc::clone(&file) });
    Ok(Opened { item, content, file: Some(file) })
}

/// An open file of the host and what it was when it was opened.
pub struct LocalFile {
    file: OwnedFd,
    item: Item,
}

impl LocalFile {
    /// Fails once the file is not the one that was opened.
    pub(crate) fn still(&self) -> Outcome<()> {
        let stat = rustix::fs::fstat(&self.file).map_err(|errno| fault::of(errno, &self.item.path))?;
        if same(&self.item, &stat) { Ok(()) } else { Err(changed(&self.item.path)) }
    }

    /// At most `most` bytes; fewer only at the end of the file.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut Vec<u8>, most: usize) -> Outcome<()> {
        buffer.clear();
        buffer.reserve_exact(most);
        while buffer.len() < most {
            let at = offset + buffer.len() as u64;
            let read = rustix::io::pread(&self.file, rustix::buffer::spare_capacity(buffer), at)
                .map_err(|errno| fault::of(errno, &self.item.path))?;
            if read == 0 {
                break;
            }
        }
        // The allocator may have given more room than was asked for.
        buffer.truncate(most);
        Ok(())
    }

    /// At most `most` bytes, of a piece; fewer only at the end of the file.
    pub(crate) fn read_piece(&self, offset: u64, piece: &mut Piece, most: usize) -> Outcome<()> {
        piece.read(&self.file, offset, most).map_err(|errno| fault::of(errno, &self.item.path))
    }

    /// From now on the disk is asked, not the memory that the bytes may just have gone through, as far as the file system can.
    pub(crate) fn ask_the_disk(&self) {
        if direct::switch(&self.file, true).is_err() {
            // A hint; without it the read-back is of the cache. Only clean pages go, so sync first.
            let _ = rustix::fs::fadvise(&self.file, 0, None, rustix::fs::Advice::DontNeed);
        }
    }
}

struct LocalContent {
    file: Arc<LocalFile>,
}

impl Source for LocalContent {
    fn size(&self) -> u64 {
        self.file.item.size
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        let file = Arc::clone(&self.file);
        Box::pin(futures::stream::unfold(Some((file, offset, length)), |state| async move {
            let (file, offset, left) = state?;
            if left == 0 {
                return None;
            }
            match on_disk(move || next_chunk(&file, offset, left).map(|chunk| (chunk, file))).await.flatten() {
                Ok((chunk, file)) => {
                    let length = chunk.len() as u64;
                    Some((Ok(chunk), Some((file, offset + length, left - length))))
                }
                Err(failure) => Some((Err(failure), None)),
            }
        }))
    }
}

fn next_chunk(file: &LocalFile, offset: u64, left: u64) -> Outcome<Bytes> {
    let most = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK);
    let mut chunk = Vec::new();
    file.read_at(offset, &mut chunk, most)?;
    // Looked at after every read: a chunk of a changed file is never handed on as good.
    if chunk.len() < most {
        return Err(changed(&file.item.path));
    }
    file.still()?;
    Ok(Bytes::from(chunk))
}

fn same(item: &Item, stat: &Stat) -> bool {
    Some(stat.st_ino) == item.identity.inode
        && u64::try_from(stat.st_size) == Ok(item.size)
        && instant(stat.st_mtime, stat.st_mtime_nsec) == item.modified
}

pub(crate) fn changed(path: &str) -> Failure {
    Failure::new(Kind::Conflict, format!("{path:?} changed while it was read"))
        .with_code("source-changed")
        .with_retry(Retry::AtOnce)
        .with_next_step("Run the task again once nobody writes to the file.")
}

/// A stub of a space: what its blocks hold are zeros, and no content.
fn elsewhere(path: &str) -> Failure {
    Failure::new(Kind::Offline, format!("The content of {path:?} lies elsewhere: only its name is in this folder of a space"))
        .with_code("migrated")
        .with_retry(Retry::Never)
        .with_blame(Blame::Caller)
        .with_next_step("Read it through the mountpoint of its space, or recall it first.")
}

pub(crate) fn gone(path: &str) -> Failure {
    Failure::not_found(format!("{path:?} disappeared before it was read")).with_code("source-gone")
}

/// The key of a local file is its path on disk, as text.
pub(crate) fn key_of(path: &str) -> String {
    path.split('/').map(|name| names::from_bytes(&native(name))).collect::<Vec<_>>().join("/")
}
