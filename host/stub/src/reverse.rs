//! A stub for a content that is elsewhere only: it appears under its name whole, or not at all.

use capstan_domain::Outcome;
use rustix::fs::{AtFlags, Gid, Mode, OFlags, RenameFlags, Uid};

use crate::attributes::set_modified;
use crate::fault::{self, Named};
use crate::file::RawFile;
use crate::lock::Lock;
use crate::path::{Spot, temporary};
use crate::proof::check_blocks;
use crate::record::{Content, Record, Stage};
use crate::steps::{Step, reached};
use crate::tree::RawTree;
use crate::version::Version;

/// Permission bits that a new file may have: never set-user-id, whose meaning hangs on an owner of elsewhere.
const KEPT_MODE: u32 = 0o1777;

#[derive(Clone, Copy, Debug)]
pub struct NewStub<'n> {
    pub content: &'n Content,
    /// Permission bits.
    pub mode: u32,
    /// User and group; none: those of the service.
    pub owner: Option<(u32, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// A file of the name is left alone, and the answer is `AlreadyExists`.
    Keep,
    /// A file of the name goes, with its content: by the caller's word.
    Replace,
}

impl RawTree {
    /// Makes a stub of a content that nobody here has yet, in a folder that is there. It is durable under its name when it answers. An
    /// empty content is premigrated at once.
    pub fn reverse_stub(&self, path: &str, new: &NewStub<'_>, existing: Existing) -> Outcome<Version> {
        let content = new.content;
        check_blocks(&content.blocks, content.size, &content.blake3)?;
        let spot = Spot::read(path)?;
        if spot.is_temporary() {
            return Err(fault::reserved(path));
        }
        let folder = self.folder(&spot.folder).on(path)?;
        let making = temporary(path);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = rustix::fs::openat(&folder, &making, flags, Mode::RUSR | Mode::WUSR).on(path)?;
        let file = RawFile::from_handle(handle, path)?;
        let _lock = Lock::take(&file)?;
        let named = rustix::fs::statat(&folder, &making, AtFlags::SYMLINK_NOFOLLOW);
        if named.map(|stat| stat.st_ino) != Ok(file.found()?.identity.inode) {
            // Somebody else finished it between the opening and the lock: it is a file of the tree by now.
            return Err(fault::busy(path));
        }
        let finish = || {
            fill_in(&file, new)?;
            match existing {
                Existing::Keep => rustix::fs::renameat_with(&folder, &making, &folder, &spot.name, RenameFlags::NOREPLACE),
                Existing::Replace => rustix::fs::renameat(&folder, &making, &folder, &spot.name),
            }
            .on(path)?;
            reached(Step::StubNamed).on(path)?;
            rustix::fs::fsync(&folder).on(path)
        };
        finish().inspect_err(|_| {
            let _ = rustix::fs::unlinkat(&folder, &making, AtFlags::empty());
        })?;
        file.found()?.version(path)
    }
}

/// Size, record, owner, mode and time, all durable.
fn fill_in(file: &RawFile, new: &NewStub<'_>) -> Outcome<()> {
    let (content, shown) = (new.content, file.shown());
    // What a killed run left.
    rustix::fs::ftruncate(file, 0).on(shown)?;
    file.remove_record()?;
    // The record first: at no time is there a file of this size without one.
    let stage = if content.size == 0 { Stage::Premigrated } else { Stage::Migrated };
    file.write_record(&Record::new(stage, file.found()?.identity, 0, content)?)?;
    rustix::fs::ftruncate(file, content.size).on(shown)?;
    reached(Step::StubMade).on(shown)?;
    if let Some((user, group)) = new.owner {
        rustix::fs::fchown(file, Some(Uid::from_raw(user)), Some(Gid::from_raw(group))).on(shown)?;
    }
    rustix::fs::fchmod(file, Mode::from_raw_mode(new.mode & KEPT_MODE)).on(shown)?;
    set_modified(file, content.modified)?;
    file.sync()?;
    reached(Step::StubSynced).on(shown)
}
