//! What the kernel's error numbers mean to whoever waits for a file, and the refusals this room makes itself.

use capstan_domain::failure::{Blame, Kind, Retry};
use capstan_domain::{Failure, Outcome};
use rustix::io::Errno;

/// The failure of work on the file that messages call `shown`.
pub(crate) fn of(errno: Errno, shown: &str) -> Failure {
    let failure = match errno {
        Errno::NOENT => Failure::not_found(format!("{shown:?} is not there")).with_code("gone"),
        Errno::EXIST | Errno::NOTEMPTY => Failure::new(Kind::AlreadyExists, format!("{shown:?} is there already")),
        Errno::ACCESS | Errno::PERM => Failure::new(Kind::Denied, format!("The host may not change {shown:?}"))
            .with_blame(Blame::Host)
            .with_next_step("Run the service as the owner of the space's files, or with the right to change those of others."),
        Errno::ROFS => Failure::new(Kind::Denied, format!("{shown:?} lies on a read-only file system")).with_blame(Blame::Host),
        Errno::NOSPC | Errno::DQUOT => Failure::new(Kind::NoSpace, format!("No space is left for {shown:?}"))
            .with_blame(Blame::Host)
            .with_next_step("Free space on the space's file system or raise its quota, then run the task again."),
        Errno::LOOP | Errno::XDEV => {
            Failure::invalid(format!("{shown:?} leads out of its space or through a link, which is not followed"))
                .with_code("link-in-path")
        }
        Errno::NOTDIR => {
            Failure::invalid(format!("{shown:?} leads through something that is no folder")).with_code("not-a-folder")
        }
        Errno::ISDIR => not_a_file(shown),
        Errno::NAMETOOLONG => {
            Failure::invalid(format!("A name in {shown:?} is longer than the file system holds")).with_code("name-too-long")
        }
        Errno::MFILE | Errno::NFILE | Errno::NOMEM => {
            Failure::new(Kind::Busy, "The host has too many files open").with_blame(Blame::Host)
        }
        Errno::AGAIN | Errno::TXTBSY | Errno::BUSY | Errno::INTR => busy(shown),
        Errno::IO => Failure::new(Kind::Corrupt, format!("The disk could not read or write {shown:?}"))
            .with_blame(Blame::Host)
            .with_next_step("Look at the kernel's log: the disk under it reports an error."),
        _ => Failure::host(format!("The file system failed on {shown:?}"), errno),
    };
    failure.with_detail(format!("{shown:?}: {errno}"))
}

/// Somebody has the file open, or works on it: it is left alone.
pub(crate) fn busy(shown: &str) -> Failure {
    Failure::new(Kind::Busy, format!("{shown:?} is in use"))
        .with_blame(Blame::Host)
        .with_retry(Retry::Later)
        .with_code("file-in-use")
        .with_next_step("Nothing was changed. It is tried again once nobody has the file open.")
}

/// The file is not what it was when it was read.
pub(crate) fn changed(shown: &str) -> Failure {
    Failure::new(Kind::Conflict, format!("{shown:?} changed after it was read"))
        .with_retry(Retry::Later)
        .with_code("source-changed")
        .with_next_step("Its copies are of an earlier content: premigrate it again.")
}

pub(crate) fn not_a_file(shown: &str) -> Failure {
    Failure::invalid(format!("{shown:?} is not a regular file")).with_code("not-a-file")
}

/// A name that the host keeps for files under way.
pub(crate) fn reserved(shown: &str) -> Failure {
    Failure::invalid(format!("{shown:?} is a name that the host keeps for itself")).with_code("reserved-name")
}

/// Its record says that the content lies elsewhere, but not believably that of this file.
pub(crate) fn unclear(shown: &str) -> Failure {
    Failure::new(Kind::Corrupt, format!("It is not certain what {shown:?} holds"))
        .with_blame(Blame::Host)
        .with_code("unclear-record")
        .with_next_step("Its record is damaged or of another file: settle it from the catalogue.")
}

/// What a target gave is not what it was given.
pub(crate) fn differs(shown: &str, how: &str) -> Failure {
    Failure::new(Kind::Corrupt, format!("The copy of {shown:?} is {how}"))
        .with_retry(Retry::Later)
        .with_code("copy-differs")
        .with_next_step("Nothing of it was released. Recall it from another copy, and verify this one.")
}

/// What the file system would have to have.
pub(crate) fn lacks(what: &str, shown: &str) -> Failure {
    Failure::unsupported(format!("The file system of {shown:?} has no {what}"))
        .with_blame(Blame::Host)
        .with_code("file-system-lacks")
        .with_next_step("Put the space on ext4, xfs or btrfs, mounted with user extended attributes.")
}

/// Names the file in the failure of a call of the kernel.
pub(crate) trait Named<T> {
    fn on(self, shown: &str) -> Outcome<T>;
}

impl<T> Named<T> for Result<T, Errno> {
    fn on(self, shown: &str) -> Outcome<T> {
        self.map_err(|errno| of(errno, shown))
    }
}
