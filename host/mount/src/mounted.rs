//! What is mounted, for as long as it is.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use capstan_domain::failure::Kind;
use capstan_domain::{Failure, Outcome};
use fuser::BackgroundSession;

use crate::mountinfo::{self, MountLine};

/// Where the kernel lets a connection be ended, by the number of its device.
const CONNECTIONS: &str = "/sys/fs/fuse/connections";

/// A mounted view; dropping it unmounts.
pub struct Mounted {
    session: Option<BackgroundSession>,
    directory: PathBuf,
}

impl Mounted {
    pub(crate) fn new(session: BackgroundSession, directory: PathBuf) -> Self {
        Self { session: Some(session), directory }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What the kernel's table of mounts has of it.
    pub fn line(&self) -> Outcome<MountLine> {
        let directory = self.directory.canonicalize().unwrap_or_else(|_| self.directory.clone());
        mountinfo::at(&directory)?.ok_or_else(|| Failure::new(Kind::Unavailable, "The view is no longer mounted"))
    }

    /// "major:minor" of the mounted file system.
    pub fn device(&self) -> Outcome<String> {
        self.line().map(|line| line.device)
    }

    /// Blocking. Files that are still open in it fail from then on.
    pub fn unmount(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(session) = self.session.take() else { return };
        // Opened first: later its number may be another's.
        let connection = self.connection();
        // Whoever still stands in it would keep it: taken out of the tree first, it goes when the last one leaves.
        let detached = Command::new("umount").arg("-l").arg(&self.directory).status().is_ok_and(|status| status.success());
        tracing::debug!(directory = %self.directory.display(), detached, "a view ends");
        if detached && let Some(mut connection) = connection {
            // Fails where nobody stood in it any more.
            let _ = connection.write_all(b"1");
        }
        drop(session);
    }

    /// What ends the connection when it is written to; none where the kernel shows none.
    fn connection(&self) -> Option<File> {
        let device = self.device().ok()?;
        let (_, minor) = device.split_once(':')?;
        File::options().write(true).open(Path::new(CONNECTIONS).join(minor).join("abort")).ok()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.end();
    }
}

/// A process that was killed leaves a mount that answers nothing; it is in the way of the next one. Blocking.
pub fn release_dead(directory: &Path) {
    /// "Transport endpoint is not connected".
    const NOT_CONNECTED: i32 = 107;
    // What the kernel believes of the directory it says without asking; opening it asks.
    if std::fs::read_dir(directory).is_err_and(|error| error.raw_os_error() == Some(NOT_CONNECTED)) {
        for (program, arguments) in [("umount", "-l"), ("fusermount3", "-uz")] {
            if Command::new(program).arg(arguments).arg(directory).status().is_ok_and(|status| status.success()) {
                return;
            }
        }
        tracing::warn!(directory = %directory.display(), "a dead mount could not be released");
    }
}
