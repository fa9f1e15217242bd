//! A file system that this process serves, in the kernel's tree of mounts.
//!
//! It is mounted in two steps: after the first the kernel has said what it can do, after the second it is served. It lives in this
//! process: without the process every call of it fails, until the dead mount is taken away.

pub mod errno;
mod mounted;
mod mountinfo;

use std::path::PathBuf;

use capstan_domain::failure::Kind;
use capstan_domain::{Failure, Outcome};
use fuser::{Config, Filesystem, MountOption, Session, SessionACL};

pub use mounted::{Mounted, release_dead};
pub use mountinfo::MountLine;

/// What is mounted where, and for whom.
pub struct Place {
    /// Made if absent.
    pub directory: PathBuf,
    /// What the table of mounts shows.
    pub source: String,
    pub writable: bool,
    /// Whether programs that lie in it may be run.
    pub executable: bool,
    /// For all users of the machine, as the modes of files allow; else for the user of this process alone.
    pub for_all: bool,
    /// That take the kernel's questions.
    pub threads: usize,
}

/// The kernel knows it; nobody answers it yet.
pub struct Mounting<F: Filesystem> {
    session: Session<F>,
    directory: PathBuf,
}

/// Blocking. A mount that a dead process left in the directory is taken away first.
pub fn begin<F: Filesystem>(system: F, place: Place) -> Outcome<Mounting<F>> {
    let Place { directory, source, writable, executable, for_all, threads } = place;
    release_dead(&directory);
    let shown = directory.display().to_string();
    std::fs::create_dir_all(&directory).map_err(|error| failed(&shown, error))?;
    let mut config = Config::default();
    config.mount_options = vec![
        if writable { MountOption::RW } else { MountOption::RO },
        MountOption::NoDev,
        MountOption::NoSuid,
        if executable { MountOption::Exec } else { MountOption::NoExec },
        MountOption::DefaultPermissions,
        MountOption::FSName(source.replace(',', "+")),
        MountOption::Subtype("capstan".to_owned()),
    ];
    config.acl = if for_all { SessionACL::All } else { SessionACL::Owner };
    config.n_threads = Some(threads.max(1));
    config.clone_fd = threads > 1;
    let session = Session::new(system, &directory, &config).map_err(|error| failed(&shown, error))?;
    Ok(Mounting { session, directory })
}

impl<F: Filesystem> Mounting<F> {
    pub fn session(&self) -> &Session<F> {
        &self.session
    }

    pub fn serve(self) -> Outcome<Mounted> {
        let Self { session, directory } = self;
        let shown = directory.display().to_string();
        let session = session.spawn().map_err(|error| failed(&shown, error))?;
        Ok(Mounted::new(session, directory))
    }
}

fn failed(directory: &str, error: std::io::Error) -> Failure {
    Failure::new(Kind::Unavailable, "The view could not be mounted")
        .with_detail(format!("{directory}: {error}"))
        .with_next_step("Load the kernel's fuse module, and run the host as root or install fusermount3.")
}
