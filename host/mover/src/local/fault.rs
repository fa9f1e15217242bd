//! What the kernel's error numbers mean to whoever waits for a file.

use capstan_domain::Failure;
use capstan_domain::failure::{Blame, Kind, Retry};
use rustix::io::Errno;

/// The failure of work on `path`.
pub(crate) fn of(errno: Errno, path: &str) -> Failure {
    let failure = match errno {
        Errno::NOENT => Failure::not_found(format!("{path:?} is not there")).with_code("gone"),
        Errno::EXIST | Errno::NOTEMPTY => Failure::new(Kind::AlreadyExists, format!("{path:?} is there already")),
        Errno::ACCESS | Errno::PERM => Failure::new(Kind::Denied, format!("The host may not touch {path:?}"))
            .with_next_step("Give the service user access to it, or leave it out."),
        Errno::ROFS => Failure::new(Kind::Denied, format!("{path:?} lies on a read-only file system")),
        Errno::NOSPC | Errno::DQUOT => Failure::new(Kind::NoSpace, format!("No space is left for {path:?}"))
            .with_next_step("Free space on the file system or raise its quota, then run the task again."),
        Errno::NAMETOOLONG => {
            Failure::invalid(format!("A name in {path:?} is longer than the file system holds")).with_code("name-too-long")
        }
        Errno::LOOP => {
            Failure::invalid(format!("{path:?} leads through a link, which is not followed")).with_code("link-in-path")
        }
        Errno::NOTDIR => {
            Failure::invalid(format!("{path:?} leads through something that is no folder")).with_code("not-a-folder")
        }
        Errno::ISDIR => Failure::invalid(format!("{path:?} is a folder")).with_code("folder-in-the-way"),
        Errno::INVAL => Failure::invalid(format!("The file system does not take {path:?}")),
        Errno::FBIG => Failure::invalid(format!("{path:?} is larger than the file system holds")).with_code("file-too-large"),
        Errno::MFILE | Errno::NFILE | Errno::NOMEM => {
            Failure::new(Kind::Busy, "The host has too many files open").with_blame(Blame::Host).with_retry(Retry::Later)
        }
        Errno::TXTBSY | Errno::BUSY | Errno::AGAIN | Errno::INTR => Failure::new(Kind::Busy, format!("{path:?} is in use")),
        Errno::STALE => {
            Failure::new(Kind::Conflict, format!("{path:?} is no longer the file it was")).with_code("source-changed")
        }
        Errno::IO => Failure::new(Kind::Corrupt, format!("The disk could not read or write {path:?}"))
            .with_next_step("Look at the kernel's log: the disk under it reports an error."),
        Errno::NODEV | Errno::NXIO | Errno::NOTCONN | Errno::HOSTDOWN => {
            Failure::new(Kind::Unavailable, format!("The file system of {path:?} is not reachable"))
        }
        _ => Failure::host(format!("The file system failed on {path:?}"), errno),
    };
    failure.with_detail(format!("{path:?}: {errno}"))
}
