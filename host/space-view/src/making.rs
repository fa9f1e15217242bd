//! What is made in a view belongs to whoever asked for it, as if the folder's own file system had been asked.
//!
//! It is made by this process first and given to its owner then; what could not be given is removed again. A process that dies in
//! between leaves something empty of its own, of which nobody was told that it is there.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use fuser::FileAttr;
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Statx, Uid};
use rustix::io::Errno;

use crate::attributes;
use crate::changes::{Change, Known};
use crate::inner::{Inner, Node, proc_path};
use crate::open_file::reopen;
use crate::opens::Used;
use crate::refusal::{Answer, Refusal, STALE};
use crate::teller::Slot;

const DEFAULT_ACL: &str = "system.posix_acl_default";
const SET_GROUP: u32 = 0o2000;

/// Who asks, and what with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Maker {
    pub(crate) user: u32,
    pub(crate) group: u32,
    pub(crate) mode: u32,
    pub(crate) umask: u32,
}

/// What the kernel holds: attributes and generation.
pub(crate) type Entered = (FileAttr, u64);

impl Inner {
    /// A new file, open. None: it is there already.
    pub(crate) fn create(&self, folder: u64, name: &OsStr, maker: Maker, slot: Slot) -> Answer<Option<(Entered, Used)>> {
        let above = self.new_name(folder, name)?;
        self.check_quota()?;
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let handle = match rustix::fs::openat(&above, name, flags, bits(maker.mode)) {
            Ok(handle) => handle,
            Err(Errno::EXIST) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        self.dress(folder, &above, name, &handle, maker)?;
        let stat = attributes::stat(&handle)?;
        let entered = self.enter(folder, name, &handle, &stat);
        self.tell_made(slot, folder, name, &stat);
        Ok(Some((entered, self.use_new(handle, &stat, name)?)))
    }

    pub(crate) fn make_folder(&self, folder: u64, name: &OsStr, maker: Maker, slot: Slot) -> Answer<Entered> {
        let above = self.new_name(folder, name)?;
        self.check_quota()?;
        rustix::fs::mkdirat(&above, name, bits(maker.mode))?;
        self.made(folder, &above, name, maker, slot)
    }

    /// `device`: as the protocol packs it.
    pub(crate) fn make_node(&self, folder: u64, name: &OsStr, maker: Maker, device: u32, slot: Slot) -> Answer<Entered> {
        let above = self.new_name(folder, name)?;
        self.check_quota()?;
        let kind = rustix::fs::FileType::from_raw_mode(maker.mode);
        let device = rustix::fs::makedev((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0x000f_ff00));
        rustix::fs::mknodat(&above, name, kind, bits(maker.mode), device)?;
        self.made(folder, &above, name, maker, slot)
    }

    pub(crate) fn make_link(&self, folder: u64, name: &OsStr, to: &Path, maker: Maker, slot: Slot) -> Answer<Entered> {
        let above = self.new_name(folder, name)?;
        self.check_quota()?;
        rustix::fs::symlinkat(to.as_os_str().as_bytes(), &above, name)?;
        self.made(folder, &above, name, maker, slot)
    }

    /// One more name of a file.
    pub(crate) fn link(&self, number: u64, folder: u64, name: &OsStr, slot: Slot) -> Answer<Entered> {
        let above = self.new_name(folder, name)?;
        let node = self.node(number)?;
        if let Node::Open(file) = &node
            && self.table.names(number).is_empty()
        {
            // It was removed: its last name is the host's.
            tracing::debug!(number = file.number, "a removed file gets no new name");
            return Err(crate::refusal::NOT_FOUND);
        }
        rustix::fs::linkat(rustix::fs::CWD, proc_path(&node), &above, name, AtFlags::SYMLINK_FOLLOW)?;
        let (handle, stat) = self.child(&above, name)?;
        let entered = self.enter(folder, name, &handle, &stat);
        if let Some(path) = self.table.path_in(folder, name) {
            self.teller.tell(slot, Change::Linked { at: Known { path, identity: attributes::identity(&stat) } });
        }
        Ok(entered)
    }

    fn made(&self, folder: u64, above: &OwnedFd, name: &OsStr, maker: Maker, slot: Slot) -> Answer<Entered> {
        let (handle, _) = self.child(above, name)?;
        self.dress(folder, above, name, &*handle, maker)?;
        let stat = attributes::stat(&*handle)?;
        let entered = self.enter(folder, name, &handle, &stat);
        self.tell_made(slot, folder, name, &stat);
        Ok(entered)
    }

    fn tell_made(&self, slot: Slot, folder: u64, name: &OsStr, stat: &Statx) {
        let Some(path) = self.table.path_in(folder, name) else { return };
        let kind = attributes::told(attributes::kind(stat));
        self.teller.tell(slot, Change::Made { at: Known { path, identity: attributes::identity(stat) }, kind });
    }

    /// Gives it its owner and mode; what cannot be given goes.
    fn dress(&self, folder: u64, above: &OwnedFd, name: &OsStr, handle: impl AsFd, maker: Maker) -> Answer<()> {
        let dressed = self.stat(folder, above).and_then(|shown| dress(above, &shown, &handle, maker));
        if dressed.is_err() {
            let is_folder = attributes::stat(&handle).is_ok_and(|stat| attributes::kind(&stat) == fuser::FileType::Directory);
            let flags = if is_folder { AtFlags::REMOVEDIR } else { AtFlags::empty() };
            let _ = rustix::fs::unlinkat(above, name, flags);
        }
        dressed
    }

    /// The file that stood there before.
    pub(crate) fn use_existing(&self, folder: u64, name: &OsStr) -> Answer<(Entered, Used)> {
        let above = self.folder(folder)?;
        let (handle, stat) = self.child(&above, name)?;
        if attributes::kind(&stat) != fuser::FileType::RegularFile {
            return Err(STALE);
        }
        let used = match self.opens.get(stat.stx_ino) {
            Some(_) => self.use_file(stat.stx_ino)?,
            None => {
                let opened = reopen(&*handle, OFlags::RDONLY)?;
                let stat = attributes::stat(&opened)?;
                self.use_raw(opened, &stat, name)?
            }
        };
        Ok((self.enter(folder, name, &handle, &stat), used))
    }
}

fn bits(mode: u32) -> Mode {
    Mode::from_raw_mode(mode & 0o7777)
}

/// `shown`: the folder, as the view has it.
fn dress(above: &OwnedFd, shown: &Statx, handle: impl AsFd, maker: Maker) -> Answer<()> {
    let before = attributes::stat(&handle)?;
    let hands_on = u32::from(shown.stx_mode) & SET_GROUP;
    let group = if hands_on == 0 { maker.group } else { shown.stx_gid };
    if (before.stx_uid, before.stx_gid) != (maker.user, group) {
        let (user, group) = (Some(Uid::from_raw(maker.user)), Some(Gid::from_raw(group)));
        rustix::fs::chownat(&handle, c"", user, group, AtFlags::EMPTY_PATH)?;
    }
    // The folder's default ACL stands for the mask of whoever asks.
    let inherits = match rustix::fs::getxattr_query(proc_path(above), DEFAULT_ACL) {
        Ok(length) => length > 0,
        Err(Errno::NODATA | Errno::OPNOTSUPP) => false,
        Err(errno) => return Err(Refusal::from(errno)),
    };
    let kind = attributes::kind(&before);
    if inherits || kind == fuser::FileType::Symlink {
        return Ok(());
    }
    let kept = if kind == fuser::FileType::Directory { hands_on } else { 0 };
    let wanted = maker.mode & 0o7777 & !maker.umask | kept;
    if u32::from(attributes::stat(&handle)?.stx_mode) & 0o7777 != wanted {
        rustix::fs::chmod(proc_path(&handle), Mode::from_raw_mode(wanted))?;
    }
    Ok(())
}
