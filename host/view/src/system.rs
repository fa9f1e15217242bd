//! The kernel's questions, handed on: each is answered on the runtime, so that one that waits for a target holds up no other.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use capstan_domain::names::unescape;
use capstan_domain::time::Timestamp;
use capstan_mount::errno;
use capstan_mover::{ItemKind, NewAttributes};
use fuser::{
    BsdFileFlags, Errno, FileHandle, Filesystem, FopenFlags, Generation, INodeNo, LockOwner, OpenAccMode, OpenFlags, RenameFlags,
    ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request, TimeOrNow,
    WriteFlags,
};
use tokio::runtime::Handle as Threads;

use crate::inner::{Handle, Inner};
use crate::spool::Spool;
use crate::{FRESH, Shown, attributes, changes};

pub(crate) struct System {
    inner: Arc<Inner>,
    runtime: Threads,
}

impl System {
    pub(crate) fn new(shown: Vec<Shown>, spool: Option<Arc<Spool>>, runtime: Threads) -> Self {
        Self { inner: Arc::new(Inner::new(shown, spool)), runtime }
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.inner.writable
    }

    fn answer<F: Future<Output = ()> + Send + 'static>(&self, work: impl FnOnce(Arc<Inner>) -> F) {
        self.runtime.spawn(work(Arc::clone(&self.inner)));
    }
}

fn done(outcome: Result<(), Errno>, reply: ReplyEmpty) {
    match outcome {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

fn moment(time: TimeOrNow) -> Timestamp {
    match time {
        TimeOrNow::Now => Timestamp::now(),
        TimeOrNow::SpecificTime(time) => match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Timestamp(i64::try_from(after.as_nanos()).unwrap_or(i64::MAX)),
            Err(before) => Timestamp(i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos)),
        },
    }
}

impl Filesystem for System {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let name = name.to_owned();
        self.answer(|inner| async move {
            match inner.child(parent, &name).await {
                Ok((key, item)) => reply.entry(&FRESH, &inner.entered(&key, &item), Generation(0)),
                Err(error) => reply.error(error),
            }
        });
    }

    fn forget(&self, _: &Request, ino: INodeNo, times: u64) {
        self.inner.table.forget(u64::from(ino), times);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, fh: Option<FileHandle>, reply: ReplyAttr) {
        self.answer(|inner| async move {
            let open = fh.and_then(|fh| inner.handle(u64::from(fh)));
            let item = match (open, inner.spot(ino)) {
                (Some(Handle::Writing(draft)), Ok(spot)) => match draft.item().await {
                    Ok(Some(item)) => Ok(item),
                    _ => inner.item(&spot).await,
                },
                (_, Ok(spot)) => inner.item(&spot).await,
                (_, Err(error)) => Err(error),
            };
            match item {
                Ok(item) => reply.attr(&FRESH, &attributes::of(u64::from(ino), &item, inner.owner, inner.writable)),
                Err(error) => reply.error(error),
            }
        });
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _: Option<SystemTime>,
        fh: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let new = NewAttributes { modified: mtime.map(moment), mode, uid, gid };
        self.answer(|inner| async move {
            match inner.change_attributes(ino, fh.map(u64::from), new, size).await {
                Ok(item) => reply.attr(&FRESH, &attributes::of(u64::from(ino), &item, inner.owner, inner.writable)),
                Err(error) => reply.error(error),
            }
        });
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        self.answer(|inner| async move {
            let item = match inner.spot(ino) {
                Ok(spot) => inner.item(&spot).await,
                Err(error) => Err(error),
            };
            match item.map(|item| item.kind) {
                Ok(ItemKind::Link { to }) => reply.data(&unescape(&to)),
                Ok(_) => reply.error(Errno::EINVAL),
                Err(error) => reply.error(error),
            }
        });
    }

    fn mkdir(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, _: u32, reply: ReplyEntry) {
        let (name, owner) = (name.to_owned(), (request.uid(), request.gid()));
        self.answer(|inner| async move {
            match inner.make_folder(parent, &name, mode, owner).await {
                Ok((key, item)) => reply.entry(&FRESH, &inner.entered(&key, &item), Generation(0)),
                Err(error) => reply.error(error),
            }
        });
    }

    fn symlink(&self, _: &Request, parent: INodeNo, name: &OsStr, to: &Path, reply: ReplyEntry) {
        let (name, to) = (name.to_owned(), changes::link_bytes(to));
        self.answer(|inner| async move {
            match inner.make_link(parent, &name, &to).await {
                Ok((key, item)) => reply.entry(&FRESH, &inner.entered(&key, &item), Generation(0)),
                Err(error) => reply.error(error),
            }
        });
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let name = name.to_owned();
        self.answer(|inner| async move { done(inner.unlink(parent, &name).await, reply) });
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let name = name.to_owned();
        self.answer(|inner| async move { done(inner.remove_folder(parent, &name).await, reply) });
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !(flags - RenameFlags::RENAME_NOREPLACE).is_empty() {
            reply.error(Errno::EINVAL);
            return;
        }
        let replace = !flags.contains(RenameFlags::RENAME_NOREPLACE);
        let (name, new_name) = (name.to_owned(), new_name.to_owned());
        self.answer(|inner| async move { done(inner.rename((parent, &name), (new_parent, &new_name), replace).await, reply) });
    }

    fn open(&self, _: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        self.answer(|inner| async move {
            let opened = match flags.acc_mode() {
                OpenAccMode::O_RDONLY => inner.open(ino).await,
                OpenAccMode::O_WRONLY | OpenAccMode::O_RDWR => inner.open_for_writing(ino).await,
            };
            match opened {
                Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
                Err(error) => reply.error(error),
            }
        });
    }

    fn create(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, _: u32, _: i32, reply: ReplyCreate) {
        let (name, owner) = (name.to_owned(), (request.uid(), request.gid()));
        self.answer(|inner| async move {
            match inner.create(parent, &name, mode, owner).await {
                Ok((handle, key, item)) => {
                    let attributes = inner.entered(&key, &item);
                    reply.created(&FRESH, &attributes, Generation(0), FileHandle(handle), FopenFlags::empty());
                }
                Err(error) => reply.error(error),
            }
        });
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        fh: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        self.answer(|inner| async move {
            let read = match inner.handle(u64::from(fh)) {
                Some(Handle::Reading(file)) => file.read(offset, size).await,
                Some(Handle::Writing(draft)) => draft.read(offset, size).await,
                None => {
                    reply.error(Errno::EBADF);
                    return;
                }
            };
            match read {
                Ok(bytes) => reply.data(&bytes),
                Err(failure) => {
                    tracing::warn!(%failure, offset, size, "a read through a view failed");
                    reply.error(Errno::EIO);
                }
            }
        });
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        fh: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let data = data.to_vec();
        self.answer(|inner| async move {
            let Some(Handle::Writing(draft)) = inner.handle(u64::from(fh)) else {
                reply.error(Errno::EBADF);
                return;
            };
            let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
            match draft.write(offset, data).await {
                Ok(()) => reply.written(length),
                Err(failure) => reply.error(errno::of_change(&failure, "writing", "")),
            }
        });
    }

    fn flush(&self, _: &Request, _: INodeNo, fh: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        self.answer(|inner| async move { done(inner.settle(u64::from(fh)).await, reply) });
    }

    fn fsync(&self, _: &Request, _: INodeNo, fh: FileHandle, _: bool, reply: ReplyEmpty) {
        self.answer(|inner| async move { done(inner.settle(u64::from(fh)).await, reply) });
    }

    fn release(&self, _: &Request, _: INodeNo, fh: FileHandle, _: OpenFlags, _: Option<LockOwner>, _: bool, reply: ReplyEmpty) {
        self.answer(|inner| async move { done(inner.release(u64::from(fh)).await, reply) });
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.inner.open_folder(ino) {
            Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
            Err(error) => reply.error(error),
        }
    }

    fn readdir(&self, _: &Request, ino: INodeNo, fh: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        self.answer(|inner| async move {
            let mut place = offset;
            loop {
                match inner.line(ino, u64::from(fh), place).await {
                    Ok(Some((ino, kind, name))) => {
                        place += 1;
                        if reply.add(INodeNo(ino), place, kind, &name) {
                            return reply.ok();
                        }
                    }
                    Ok(None) => return reply.ok(),
                    Err(error) => return reply.error(error),
                }
            }
        });
    }

    fn releasedir(&self, _: &Request, _: INodeNo, fh: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        Inner::locked(&self.inner.folders).remove(&u64::from(fh));
        reply.ok();
    }

    /// A change is durable when it is answered.
    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.ok();
    }
}
