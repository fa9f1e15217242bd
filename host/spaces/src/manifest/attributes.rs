//! What a file is beside its content: read without opening it, and given to one that is made anew.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use capstan_domain::{Failure, Outcome, names};
use capstan_stub::{Look, RawTree};
use rustix::fs::{Mode, OFlags, ResolveFlags, Stat, XattrFlags};
use rustix::io::Errno;

use super::hex_bytes::HexBytes;
use super::line::{FileLine, Shape};

/// Bytes of a value, or of all names together: the kernel's own bound.
const MOST_BYTES: usize = 64 << 10;
/// Bytes of most.
const USUAL_BYTES: usize = 1 << 10;
/// Bytes of all values of a file.
const MOST_OF_FILE: usize = 1 << 20;
/// The host's own, of which a new file gets its own.
const HIDDEN: &[u8] = b"user.capstan.";
const ACL: &[u8] = b"system.posix_acl_access";
const CAPABILITY: &[u8] = b"security.capability";
const USERS: &[u8] = b"user.";

/// What stands at a path, and what it is. Fails with `NotFound`.
pub(super) fn look(raw: &RawTree, path: &str) -> Outcome<(Look, Shape, Stat)> {
    let handle = open(raw, path)?;
    let look = Look::of(&handle, path)?;
    let stat = rustix::fs::fstat(&handle).map_err(|errno| fault(path, errno))?;
    let xattrs = xattrs(&handle).map_err(|errno| fault(path, errno))?;
    let shape = Shape { modified: look.modified, mode: stat.st_mode & 0o7777, uid: stat.st_uid, gid: stat.st_gid, xattrs };
    Ok((look, shape, stat))
}

/// The extended attributes that the file has not yet; owner and time it got when it was made. `and_mode`: the mode, too, which comes last,
/// as an ACL is a part of it.
pub(super) fn put(raw: &RawTree, line: &FileLine, and_mode: bool) -> Outcome<()> {
    let path = line.path.as_str();
    let handle = open(raw, path)?;
    let at = proc_path(&handle);
    for (name, value) in &line.xattrs {
        let name = OsString::from_vec(names::unescape(name));
        if !is_kept(&name) {
            continue;
        }
        match rustix::fs::setxattr(&at, &name, &value.0, XattrFlags::CREATE) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(fault(path, errno)),
        }
    }
    if !and_mode {
        return Ok(());
    }
    // What hangs on an owner that it did not get stays away.
    let mode = if rustix::process::geteuid().is_root() { line.mode & 0o7777 } else { line.mode & 0o1777 };
    rustix::fs::chmod(&at, Mode::from_raw_mode(mode)).map_err(|errno| fault(path, errno))
}

fn xattrs(handle: &OwnedFd) -> Result<BTreeMap<String, HexBytes>, Errno> {
    let at = proc_path(handle);
    let listed = match filled(|room| rustix::fs::listxattr(&at, room)) {
        Err(Errno::OPNOTSUPP) => Vec::new(),
        listed => listed?,
    };
    let (mut kept, mut bytes) = (BTreeMap::new(), 0);
    for name in listed.split(|byte| *byte == 0).map(OsStr::from_bytes).filter(|name| is_kept(name)) {
        let value = match filled(|room| rustix::fs::getxattr(&at, name, room)) {
            Ok(value) => value,
            // Removed since the list was read.
            Err(Errno::NODATA) => continue,
            Err(errno) => return Err(errno),
        };
        bytes += value.len();
        if bytes > MOST_OF_FILE {
            return Err(Errno::TOOBIG);
        }
        kept.insert(names::escape(name.as_bytes(), |_| false), HexBytes(value));
    }
    Ok(kept)
}

fn filled(call: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut room = vec![0; USUAL_BYTES];
    let length = match call(&mut room) {
        Err(Errno::RANGE) => {
            room.resize(MOST_BYTES, 0);
            call(&mut room)
        }
        length => length,
    }?;
    room.truncate(length);
    Ok(room)
}

fn is_kept(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.starts_with(USERS) && !name.starts_with(HIDDEN) || name == ACL || name == CAPABILITY
}

/// As a path only, so that nobody who works on the file is disturbed; never through a link.
fn open(raw: &RawTree, path: &str) -> Outcome<OwnedFd> {
    let name = |name: &str| OsString::from_vec(names::unescape(name));
    let native: PathBuf = path.split('/').map(name).collect();
    let below = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    loop {
        match rustix::fs::openat2(raw.as_fd(), &native, flags, Mode::empty(), below) {
            // A name on the way was renamed meanwhile.
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other.map_err(|errno| fault(path, errno)),
        }
    }
}

fn proc_path(handle: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", handle.as_raw_fd())
}

fn fault(path: &str, errno: Errno) -> Failure {
    match errno {
        Errno::NOENT | Errno::NOTDIR => Failure::not_found(format!("{path:?} is not there")).with_code("gone"),
        Errno::TOOBIG => Failure::unsupported(format!("{path:?} has more than {MOST_OF_FILE} bytes of extended attributes"))
            .with_code("too-many-attributes"),
        errno => Failure::host(format!("What {path:?} is could not be read or set"), errno),
    }
}
