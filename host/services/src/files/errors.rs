//! What the kernel says of a file, as a failure.

use std::io;

use capstan_domain::failure::{Blame, Retry};
use capstan_domain::{Failure, Kind};
use rustix::io::Errno;

use super::path::escapes;

pub(super) fn io(what: &str, cause: &io::Error) -> Failure {
    match cause.raw_os_error() {
        Some(code) => errno(what, Errno::from_raw_os_error(code)),
        // Path resolution refuses what leads out with an error that is no errno.
        None if cause.kind() == io::ErrorKind::PermissionDenied => escapes(),
        None => Failure::host(what, cause),
    }
}

pub(super) fn errno(what: &str, cause: Errno) -> Failure {
    let fail = |kind: Kind, reason: &str| Failure::new(kind, format!("{what}: {reason}")).with_detail(cause.to_string());
    match cause {
        Errno::NOENT => fail(Kind::NotFound, "it does not exist"),
        Errno::EXIST => fail(Kind::AlreadyExists, "it exists already"),
        Errno::NOTEMPTY => fail(Kind::Conflict, "the directory is not empty"),
        Errno::NOTDIR => fail(Kind::Invalid, "a part of the path is not a directory"),
        Errno::ISDIR => fail(Kind::Invalid, "it is a directory"),
        Errno::NAMETOOLONG => fail(Kind::Invalid, "a name is too long for the file system"),
        Errno::INVAL | Errno::ILSEQ => fail(Kind::Invalid, "the file system does not take it"),
        Errno::LOOP => fail(Kind::Invalid, "it is a link, or links go round in a circle"),
        Errno::XDEV => fail(Kind::Unsupported, "it lies on another file system"),
        Errno::ACCESS | Errno::PERM => fail(Kind::Denied, "the host's user may not").with_blame(Blame::Target),
        Errno::ROFS => fail(Kind::Denied, "the file system is read-only")
            .with_blame(Blame::Target)
            .with_next_step("Mount it for writing, or use another directory."),
        Errno::NOSPC => fail(Kind::NoSpace, "the disk is full").with_next_step("Make room on the file system."),
        Errno::DQUOT => {
            fail(Kind::NoSpace, "the quota is used up").with_next_step("Raise the quota on the file system, or make room in it.")
        }
        Errno::FBIG => fail(Kind::NoSpace, "the file would be too large for the file system"),
        Errno::BUSY | Errno::TXTBSY => fail(Kind::Busy, "it is in use"),
        Errno::NOTSUP | Errno::NOSYS | Errno::NXIO | Errno::NODEV => fail(Kind::Unsupported, "the file system cannot"),
        Errno::STALE | Errno::NOTCONN | Errno::HOSTDOWN => fail(Kind::Unavailable, "the file system went away"),
        Errno::MFILE | Errno::NFILE => fail(Kind::Busy, "the host has no file handles left").with_blame(Blame::Host),
        Errno::IO => fail(Kind::Corrupt, "the disk reports an error").with_retry(Retry::Never),
        _ => Failure::host(what, cause),
    }
}
