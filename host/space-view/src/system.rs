//! The kernel's questions, handed on. What is quick is answered at once, on the thread that took the question; what may wait, for a
//! recall, for somebody's lease, for a slow disk, is answered from the runtime.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use fuser::{
    BsdFileFlags, CopyFileRangeFlags, Errno, FileHandle, Filesystem, FopenFlags, INodeNo, InitFlags, KernelConfig, LockOwner,
    OpenAccMode, OpenFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry,
    ReplyLseek, ReplyOpen, ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};
use rustix::fs::RenameFlags;

use crate::FRESH;
use crate::answers::{created, done, entry, maker, opened, reader, sized};
use crate::inner::Inner;
use crate::near;
use crate::opening_later::{create_later, made_ready, open_later};
use crate::opens::Handle;
use crate::reading;
use crate::refusal::{Answer, LATER, Refusal};
use crate::setting::New;
use crate::space::{free, sync, sync_folder};
use crate::teller::Slot;
use crate::writing::Write;

/// Questions that the kernel has under way without anybody waiting in it, readahead among them: as many reads may wait for recalls
/// without holding up others.
const MOST_UNDER_WAY: u16 = 32_768;
/// Bytes of one write.
const MOST_WRITTEN: u32 = 1 << 20;

pub(crate) struct System {
    inner: Arc<Inner>,
}

impl System {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    fn later<F: Future<Output = ()> + Send + 'static>(&self, work: impl FnOnce(Arc<Inner>) -> F) {
        self.inner.runtime.spawn(work(Arc::clone(&self.inner)));
    }

    /// A change, which takes its place among those that are to be told before it is done.
    fn change<T: 'static>(
        &self,
        work: impl FnOnce(&Inner, Slot) -> Answer<T> + Send + 'static,
        answer: impl FnOnce(Answer<T>) + Send + 'static,
    ) {
        if let Some(slot) = self.inner.teller.try_slot() {
            return answer(work(&self.inner, slot));
        }
        self.later(|inner| async move {
            match inner.teller.slot().await {
                Ok(slot) => drop(tokio::task::spawn_blocking(move || answer(work(&inner, slot))).await),
                Err(refusal) => answer(Err(refusal)),
            }
        });
    }

    fn close(&self, handle: u64) {
        let Some(handle) = self.inner.opens.close(handle) else { return };
        if !handle.was_written() {
            return;
        }
        let at = self.inner.known(handle.file());
        let change = crate::Change::Written { at };
        match self.inner.teller.try_slot() {
            Some(slot) => self.inner.teller.tell(slot, change),
            None => self.later(|inner| async move {
                // However long it takes: it is done.
                loop {
                    if let Ok(slot) = inner.teller.slot().await {
                        return inner.teller.tell(slot, change);
                    }
                    if inner.is_ending() {
                        return;
                    }
                }
            }),
        }
    }
}

fn is_write(flags: OpenFlags) -> bool {
    flags.acc_mode() != OpenAccMode::O_RDONLY
}

/// Of `open(2)` on Linux.
const O_TRUNC: i32 = 0o1000;
const O_EXCL: i32 = 0o200;

impl Filesystem for System {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        for wanted in [
            InitFlags::FUSE_ATOMIC_O_TRUNC,
            InitFlags::FUSE_DONT_MASK,
            InitFlags::FUSE_POSIX_ACL,
            InitFlags::FUSE_DO_READDIRPLUS,
            InitFlags::FUSE_READDIRPLUS_AUTO,
            InitFlags::FUSE_PARALLEL_DIROPS,
            InitFlags::FUSE_HANDLE_KILLPRIV_V2,
            InitFlags::FUSE_CACHE_SYMLINKS,
            InitFlags::FUSE_ASYNC_DIO,
        ] {
            // A kernel without one does without.
            let _ = config.add_capabilities(wanted);
        }
        let _ = config.set_max_background(MOST_UNDER_WAY);
        let _ = config.set_max_write(MOST_WRITTEN);
        self.inner.ask_for_passthrough(config);
        Ok(())
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        near::asked_by(request.pid());
        entry(self.inner.lookup(parent.0, name), reply);
    }

    fn forget(&self, _: &Request, ino: INodeNo, times: u64) {
        self.inner.table.forget(ino.0, times);
    }

    fn getattr(&self, request: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        near::asked_by(request.pid());
        match self.inner.attributes(ino.0) {
            Ok(attributes) => reply.attr(&FRESH, &attributes),
            Err(Refusal(error)) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        user: Option<u32>,
        group: Option<u32>,
        size: Option<u64>,
        accessed: Option<TimeOrNow>,
        modified: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let (number, reader) = (ino.0, reader(request));
        let new = New { mode, user, group, accessed, modified };
        let answer = move |inner: &Inner, set: Answer<()>| match set.and_then(|()| inner.attributes(number)) {
            Ok(attributes) => reply.attr(&FRESH, &attributes),
            Err(Refusal(error)) => reply.error(error),
        };
        let slot = self.inner.teller.try_slot();
        if let (None, Some(_)) = (size, &slot) {
            match self.inner.set(number, &new) {
                Ok(true) => {}
                set => {
                    if let (Ok(_), Some(slot)) = (&set, slot) {
                        self.inner.tell_attributes(number, slot);
                    }
                    return answer(&self.inner, set.map(drop));
                }
            }
        }
        self.later(|inner| async move {
            let work = async {
                let slot = match slot {
                    Some(slot) => slot,
                    None => inner.teller.slot().await?,
                };
                if let Some(size) = size {
                    inner.cut(number, size, reader).await?;
                }
                if !new.is_nothing() {
                    let setting = Arc::clone(&inner);
                    if inner.blocking(move || setting.set(number, &new)).await?
                        && let Some(modified) = new.modified
                    {
                        inner.set_modified(number, modified).await?;
                    }
                }
                inner.tell_attributes(number, slot);
                Ok(())
            };
            let set = work.await;
            answer(&inner, set);
        });
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        let read = self.inner.node(ino.0).and_then(|node| Ok(rustix::fs::readlinkat(node, c"", Vec::new())?));
        match read {
            Ok(to) => reply.data(to.as_bytes()),
            Err(Refusal(error)) => reply.error(error),
        }
    }

    fn mknod(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, device: u32, reply: ReplyEntry) {
        let (name, maker) = (name.to_owned(), maker(request, mode, umask));
        self.change(move |inner, slot| inner.make_node(parent.0, &name, maker, device, slot), |made| entry(made, reply));
    }

    fn mkdir(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        let (name, maker) = (name.to_owned(), maker(request, mode, umask));
        self.change(move |inner, slot| inner.make_folder(parent.0, &name, maker, slot), |made| entry(made, reply));
    }

    fn symlink(&self, request: &Request, parent: INodeNo, name: &OsStr, to: &Path, reply: ReplyEntry) {
        let (name, to, maker) = (name.to_owned(), to.to_owned(), maker(request, 0o777, 0));
        self.change(move |inner, slot| inner.make_link(parent.0, &name, &to, maker, slot), |made| entry(made, reply));
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let name = name.to_owned();
        self.change(move |inner, slot| inner.unlink(parent.0, &name, slot), |removed| done(removed, reply));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let name = name.to_owned();
        self.change(move |inner, slot| inner.remove_folder(parent.0, &name, slot), |removed| done(removed, reply));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: fuser::RenameFlags,
        reply: ReplyEmpty,
    ) {
        let served = fuser::RenameFlags::RENAME_NOREPLACE | fuser::RenameFlags::RENAME_EXCHANGE;
        if !(flags - served).is_empty() {
            return reply.error(Errno::EINVAL);
        }
        let flags = RenameFlags::from_bits_retain(flags.bits());
        let (from, to) = ((parent.0, name.to_owned()), (new_parent.0, new_name.to_owned()));
        self.change(move |inner, slot| inner.rename(&from, &to, flags, slot), |renamed| done(renamed, reply));
    }

    fn link(&self, _: &Request, ino: INodeNo, new_parent: INodeNo, new_name: &OsStr, reply: ReplyEntry) {
        let name = new_name.to_owned();
        self.change(move |inner, slot| inner.link(ino.0, new_parent.0, &name, slot), |made| entry(made, reply));
    }

    fn open(&self, request: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        near::asked_by(request.pid());
        let (number, write, truncate, reader) = (ino.0, is_write(flags), flags.0 & O_TRUNC != 0, reader(request));
        if !truncate {
            let opening =
                self.inner.use_file(number).and_then(|used| self.inner.open(used, write, &|handle| reply.open_backing(handle)));
            match opening {
                Ok(opening) if !opening.must_ready => return opened(&opening, reply),
                Ok(opening) => {
                    return self.later(|inner| async move {
                        match made_ready(&inner, &opening, reader).await {
                            Ok(()) => opened(&opening, reply),
                            Err(Refusal(error)) => reply.error(error),
                        }
                    });
                }
                Err(LATER) => {}
                Err(Refusal(error)) => return reply.error(error),
            }
        }
        self.later(|inner| open_later(inner, number, write, truncate, reader, reply));
    }

    fn create(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, flags: i32, reply: ReplyCreate) {
        let (name, maker, reader) = (name.to_owned(), maker(request, mode, umask), reader(request));
        let write = is_write(OpenFlags(flags));
        let inner = Arc::clone(&self.inner);
        let work = move |inner: &Inner, slot: Slot| match inner.create(parent.0, &name, maker, slot)? {
            Some(made) => Ok((made, false)),
            None if flags & O_EXCL != 0 => Err(Refusal(Errno::EEXIST)),
            None => Ok((inner.use_existing(parent.0, &name)?, flags & O_TRUNC != 0)),
        };
        self.change(work, move |made| match made {
            Ok(((entered, used), truncate)) => {
                let runtime = inner.runtime.clone();
                if truncate {
                    drop(runtime.spawn(create_later(inner, entered, used, (write, truncate), reader, reply)));
                    return;
                }
                let number = used.file.number;
                match inner.open(used, write, &|handle| reply.open_backing(handle)) {
                    Ok(opening) if !opening.must_ready => created(&entered, &opening, reply),
                    Ok(opening) => drop(runtime.spawn(async move {
                        match made_ready(&inner, &opening, reader).await {
                            Ok(()) => created(&entered, &opening, reply),
                            Err(Refusal(error)) => {
                                inner.table.forget(number, 1);
                                reply.error(error);
                            }
                        }
                    })),
                    Err(Refusal(error)) => {
                        inner.table.forget(number, 1);
                        reply.error(error);
                    }
                }
            }
            Err(Refusal(error)) => reply.error(error),
        });
    }

    fn read(
        &self,
        request: &Request,
        _: INodeNo,
        fh: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let handle = match self.inner.opens.handle(fh.0) {
            Ok(handle) => handle,
            Err(Refusal(error)) => return reply.error(error),
        };
        let answer = |read: Answer<Vec<u8>>, reply: ReplyData| match read {
            Ok(bytes) => reply.data(&bytes),
            Err(Refusal(error)) => reply.error(error),
        };
        match self.inner.read_at_once(handle.file(), offset, size) {
            Some(read) => answer(read, reply),
            None => {
                let reader = reader(request);
                self.later(|inner| async move { answer(inner.read(handle.file(), offset, size, reader).await, reply) });
            }
        }
    }

    fn write(
        &self,
        request: &Request,
        _: INodeNo,
        fh: FileHandle,
        offset: u64,
        data: &[u8],
        flags: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let takes_bits = flags.contains(WriteFlags::FUSE_WRITE_KILL_SUIDGID);
        let (write, reader) = (Write { offset, bytes: data.to_vec(), takes_bits }, reader(request));
        self.written(fh, reply, move |inner, handle| async move {
            let writer = handle.writer().ok_or(Refusal(Errno::EBADF))?;
            inner.write(handle.file(), writer, write, reader).await
        });
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        // Told once, the kernel does not ask again.
        reply.error(Errno::ENOSYS);
    }

    fn fsync(&self, _: &Request, _: INodeNo, fh: FileHandle, datasync: bool, reply: ReplyEmpty) {
        let handle = self.inner.opens.handle(fh.0);
        self.later(|inner| async move { done(inner.blocking(move || sync(&*handle?, datasync)).await, reply) });
    }

    fn release(&self, _: &Request, _: INodeNo, fh: FileHandle, _: OpenFlags, _: Option<LockOwner>, _: bool, reply: ReplyEmpty) {
        self.close(fh.0);
        reply.ok();
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.inner.open_folder(ino.0) {
            Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
            Err(Refusal(error)) => reply.error(error),
        }
    }

    fn readdir(&self, _: &Request, ino: INodeNo, fh: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        match self.inner.list(ino.0, fh.0, offset, &mut reply) {
            Ok(()) => reply.ok(),
            Err(Refusal(error)) => reply.error(error),
        }
    }

    fn readdirplus(&self, _: &Request, ino: INodeNo, fh: FileHandle, offset: u64, mut reply: ReplyDirectoryPlus) {
        match self.inner.list_all(ino.0, fh.0, offset, &mut reply) {
            Ok(()) => reply.ok(),
            Err(Refusal(error)) => reply.error(error),
        }
    }

    fn releasedir(&self, _: &Request, _: INodeNo, fh: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.inner.opens.close_folder(fh.0);
        reply.ok();
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, fh: FileHandle, _: bool, reply: ReplyEmpty) {
        let folder = self.inner.opens.folder(fh.0);
        self.later(|inner| async move { done(inner.blocking(move || sync_folder(&*folder?)).await, reply) });
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        match free(&self.inner) {
            Ok(free) => reply.statfs(
                free.f_blocks,
                free.f_bfree,
                free.f_bavail,
                free.f_files,
                free.f_ffree,
                u32::try_from(free.f_bsize).unwrap_or(4096),
                u32::try_from(free.f_namemax).unwrap_or(255),
                u32::try_from(free.f_frsize).unwrap_or(4096),
            ),
            Err(Refusal(error)) => reply.error(error),
        }
    }

    fn setxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, value: &[u8], flags: i32, _: u32, reply: ReplyEmpty) {
        let (number, name, value) = (ino.0, name.to_owned(), value.to_vec());
        let work = move |inner: &Inner, slot: Slot| {
            inner.set_xattr(number, &name, &value, flags)?;
            inner.tell_attributes(number, slot);
            Ok(())
        };
        self.change(work, |set| done(set, reply));
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        sized(self.inner.xattr(ino.0, name), size, reply);
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        sized(self.inner.xattrs(ino.0), size, reply);
    }

    fn removexattr(&self, _: &Request, ino: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let (number, name) = (ino.0, name.to_owned());
        let work = move |inner: &Inner, slot: Slot| {
            inner.remove_xattr(number, &name)?;
            inner.tell_attributes(number, slot);
            Ok(())
        };
        self.change(work, |removed| done(removed, reply));
    }

    fn fallocate(&self, request: &Request, _: INodeNo, fh: FileHandle, offset: u64, length: u64, mode: i32, reply: ReplyEmpty) {
        let (handle, reader) = (self.inner.opens.handle(fh.0), reader(request));
        self.later(|inner| async move {
            let work = async {
                let handle = handle?;
                let writer = handle.writer().ok_or(Refusal(Errno::EBADF))?;
                inner.allocate(handle.file(), writer, (offset, length, mode), reader).await
            };
            done(work.await, reply);
        });
    }

    fn lseek(&self, _: &Request, _: INodeNo, fh: FileHandle, offset: i64, whence: i32, reply: ReplyLseek) {
        match self.inner.opens.handle(fh.0).and_then(|handle| reading::seek(handle.file(), offset, whence)) {
            Ok(position) => reply.offset(position),
            Err(Refusal(error)) => reply.error(error),
        }
    }

    fn copy_file_range(
        &self,
        request: &Request,
        _: INodeNo,
        fh: FileHandle,
        offset: u64,
        _: INodeNo,
        to_fh: FileHandle,
        to_offset: u64,
        length: u64,
        _: CopyFileRangeFlags,
        reply: ReplyWrite,
    ) {
        let (from, reader) = (self.inner.opens.handle(fh.0), reader(request));
        self.written(to_fh, reply, move |inner, handle| async move {
            let (from, writer) = (from?, handle.writer().ok_or(Refusal(Errno::EBADF))?);
            inner.copy((from.file(), offset), (handle.file(), writer, to_offset), length, reader).await
        });
    }
}

impl System {
    fn written<F: Future<Output = Answer<u32>> + Send>(
        &self,
        fh: FileHandle,
        reply: ReplyWrite,
        work: impl FnOnce(Arc<Inner>, Arc<Handle>) -> F + Send + 'static,
    ) {
        let handle = match self.inner.opens.handle(fh.0) {
            Ok(handle) => handle,
            Err(Refusal(error)) => return reply.error(error),
        };
        self.later(|inner| async move {
            match work(inner, handle).await {
                Ok(bytes) => reply.written(bytes),
                Err(Refusal(error)) => reply.error(error),
            }
        });
    }
}
