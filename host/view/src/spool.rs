//! Where files wait until they are whole: a directory of the host's own, with a bound.
//!
//! What lies there was not promised to anybody: a file is stored when it is closed or synced, and whoever does that hears whether it
//! was. So a process that dies loses what was still being written, and the next one begins with an empty spool.

use std::fs::File;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use capstan_domain::failure::{Blame, Kind};
use capstan_domain::{Failure, Outcome};

pub struct Spool {
    directory: PathBuf,
    /// Bytes that all files together may have; a write beyond is refused.
    most: u64,
    used: AtomicU64,
    next: AtomicU64,
}

impl Spool {
    /// Makes the directory anew. Blocking.
    pub fn empty(directory: &Path, most: u64) -> Outcome<Self> {
        let fault = |error| Failure::host("The directory for files that are being written cannot be made", error);
        match std::fs::remove_dir_all(directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(fault(error)),
            _ => {}
        }
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(fault)?;
        Ok(Self { directory: directory.to_owned(), most, used: AtomicU64::new(0), next: AtomicU64::new(1) })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A new empty file and its name. Blocking.
    pub(crate) fn create(&self) -> Outcome<(String, File)> {
        let name = self.next.fetch_add(1, Relaxed).to_string();
        let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(self.directory.join(&name));
        file.map(|file| (name, file)).map_err(|error| Failure::host("A file cannot be begun", error))
    }

    /// Makes room for a file that grows, or says that there is none.
    pub(crate) fn grow(&self, bytes: u64) -> Outcome<()> {
        let grown = self.used.try_update(Relaxed, Relaxed, |used| used.checked_add(bytes).filter(|used| *used <= self.most));
        match grown {
            Ok(_) => Ok(()),
            Err(_) => {
                let message = format!("The files that are being written would take more than {} bytes together", self.most);
                Err(Failure::new(Kind::NoSpace, message).with_blame(Blame::Host).with_code("spool-full"))
            }
        }
    }

    pub(crate) fn shrink(&self, bytes: u64) {
        let _ = self.used.try_update(Relaxed, Relaxed, |used| Some(used.saturating_sub(bytes)));
    }

    /// Blocking.
    pub(crate) fn remove(&self, name: &str) {
        if let Err(error) = std::fs::remove_file(self.directory.join(name)) {
            tracing::warn!(%error, name, "a file of the spool could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_is_bounded_and_begins_empty() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spool");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("left"), b"behind").unwrap();
        let spool = Spool::empty(&path, 10).unwrap();
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
        spool.grow(10).unwrap();
        assert_eq!(spool.grow(1).unwrap_err().kind, Kind::NoSpace);
        spool.shrink(4);
        spool.grow(4).unwrap();
    }
}
