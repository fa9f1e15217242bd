//! A tree as a directory of the host: what lies in a target can be read with ordinary tools.
//!
//! A read asks the target and nothing else; if the target fails, the read fails with an error, and never gives bytes that the
//! target did not send. Where a tree can be changed, a file waits in the spool until it is closed or synced and is stored then,
//! whole: closing tells whether it was. Attributes are believed for [`FRESH`], so a change made elsewhere shows after that.
//! The view lives in the process that serves it: without that process every call fails.

mod attributes;
mod changes;
mod draft;
mod errno;
mod file;
mod folder;
mod inner;
mod mountinfo;
mod names;
mod spool;
mod system;
mod table;
mod writes;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use capstan_domain::failure::Kind;
use capstan_domain::{Failure, Outcome};
use capstan_mover::Tree;
use fuser::{BackgroundSession, Config, MountOption, SessionACL};
use tokio::runtime::Handle;

pub use mountinfo::MountLine;
pub use spool::Spool;
pub use writes::Writes;

/// How long the kernel believes names and attributes.
pub const FRESH: Duration = Duration::from_secs(2);

/// A tree and the name it is shown under. A single one without a name is the view's root itself.
#[derive(Clone)]
pub struct Shown {
    pub name: String,
    pub tree: Arc<dyn Tree>,
    /// None: it can only be read.
    pub writes: Option<Arc<dyn Writes>>,
}

/// What is mounted where, and for whom.
pub struct View {
    /// Made if absent.
    pub directory: PathBuf,
    /// What the table of mounts shows.
    pub source: String,
    pub shown: Vec<Shown>,
    /// Needed where something can be written.
    pub spool: Option<Arc<Spool>>,
    /// For all users of the machine, as the modes of files allow; else for the user of this process alone.
    pub for_all: bool,
}

/// A mounted view; dropping it unmounts.
pub struct Mounted {
    session: Option<BackgroundSession>,
    directory: PathBuf,
}

/// Blocking; the trees' calls run on `runtime`.
pub fn mount(view: View, runtime: Handle) -> Outcome<Mounted> {
    let View { directory, source, shown, spool, for_all } = view;
    let shown_at = directory.display().to_string();
    let failed = |error: std::io::Error| {
        Failure::new(Kind::Unavailable, "The view could not be mounted")
            .with_detail(format!("{shown_at}: {error}"))
            .with_next_step("Load the kernel's fuse module, and run the host as root or install fusermount3.")
    };
    release_dead(&directory);
    std::fs::create_dir_all(&directory).map_err(failed)?;
    let system = system::System::new(shown, spool, runtime);
    let mut config = Config::default();
    config.mount_options = vec![
        if system.is_writable() { MountOption::RW } else { MountOption::RO },
        MountOption::NoDev,
        MountOption::NoSuid,
        MountOption::NoExec,
        MountOption::DefaultPermissions,
        MountOption::FSName(source.replace(',', "+")),
        MountOption::Subtype("capstan".to_owned()),
    ];
    config.acl = if for_all { SessionACL::All } else { SessionACL::Owner };
    let session = fuser::spawn_mount(system, &directory, &config).map_err(failed)?;
    Ok(Mounted { session: Some(session), directory })
}

impl Mounted {
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
        // Whoever still stands in it would keep it: taken out of the tree first, it goes when the last one leaves.
        let detached = Command::new("umount").arg("-l").arg(&self.directory).status().is_ok_and(|status| status.success());
        tracing::debug!(directory = %self.directory.display(), detached, "a view ends");
        drop(session);
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

#[cfg(test)]
mod tests;
