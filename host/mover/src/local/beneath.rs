//! The way down: from the root directory to a name, handle by handle, never through a link.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use capstan_domain::names::unescape;
use rustix::fs::{AtFlags, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::names;

/// Mode of folders made on the way to a file; the umask narrows it.
const NEW_FOLDER: Mode = Mode::from_raw_mode(0o777);

pub(crate) struct Root {
    handle: Arc<OwnedFd>,
    shown: PathBuf,
}

impl Root {
    pub(crate) fn new(handle: OwnedFd, shown: PathBuf) -> Self {
        Self { handle: Arc::new(handle), shown }
    }

    pub(crate) fn handle(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }

    pub(crate) fn shown(&self) -> &str {
        self.shown.to_str().unwrap_or("the directory")
    }
}

/// The bytes of a name on disk. What no file system holds ("..", a slash) keeps its escaped form.
pub(crate) fn native(name: &str) -> Vec<u8> {
    let raw = if name.contains("%!") { unescape(name) } else { name.as_bytes().to_vec() };
    if raw.is_empty() || raw == b"." || raw == b".." || raw.iter().any(|byte| matches!(byte, b'/' | 0)) {
        names::to_native(name, |c| c == '/' || c == '\0').into_bytes()
    } else {
        raw
    }
}

pub(crate) fn os(name: &[u8]) -> &OsStr {
    OsStr::from_bytes(name)
}

/// Opens parents of paths and keeps the last one, since neighbours usually come together.
pub(crate) struct Parents<'r> {
    root: &'r Root,
    make: bool,
    last: Option<(String, Arc<OwnedFd>)>,
}

impl<'r> Parents<'r> {
    pub(crate) fn of(root: &'r Root) -> Self {
        Self { root, make: false, last: None }
    }

    /// Missing folders are made.
    pub(crate) fn made(root: &'r Root) -> Self {
        Self { root, make: true, last: None }
    }

    /// The handle of the folder that `path` stands in, and its name there; the name of the root is ".".
    pub(crate) fn at(&mut self, path: &str) -> Result<(Arc<OwnedFd>, Vec<u8>), Errno> {
        let (parent, name) = match path.rsplit_once('/') {
            Some((parent, name)) => (parent, native(name)),
            None if path.is_empty() => ("", b".".to_vec()),
            None => ("", native(path)),
        };
        Ok((self.folder(parent)?, name))
    }

    pub(crate) fn folder(&mut self, path: &str) -> Result<Arc<OwnedFd>, Errno> {
        if path.is_empty() {
            return Ok(Arc::clone(&self.root.handle));
        }
        if let Some((last, handle)) = &self.last
            && last == path
        {
            return Ok(Arc::clone(handle));
        }
        let mut handle = Arc::clone(&self.root.handle);
        for name in path.split('/') {
            let name = native(name);
            handle = Arc::new(match open_folder(&handle, &name) {
                Err(Errno::NOENT) if self.make => {
                    match rustix::fs::mkdirat(&handle, os(&name), NEW_FOLDER) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(errno) => return Err(errno),
                    }
                    open_folder(&handle, &name)?
                }
                other => other?,
            });
        }
        self.last = Some((path.to_owned(), Arc::clone(&handle)));
        Ok(handle)
    }
}

pub(crate) fn open_folder(parent: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(&parent, os(name), flags, Mode::empty()) {
        // A link where a folder should be: say so rather than "not a directory".
        Err(Errno::NOTDIR) if look(&parent, name).is_ok_and(|stat| is_link(&stat)) => Err(Errno::LOOP),
        other => other,
    }
}

pub(crate) fn look(parent: impl AsFd, name: &[u8]) -> Result<Stat, Errno> {
    rustix::fs::statat(parent, os(name), AtFlags::SYMLINK_NOFOLLOW)
}

fn is_link(stat: &Stat) -> bool {
    rustix::fs::FileType::from_raw_mode(stat.st_mode).is_symlink()
}
