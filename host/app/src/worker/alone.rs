//! A data directory is one worker's, for as long as that lives.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use capstan_domain::{Failure, Kind, Outcome};
use rustix::fs::FlockOperation;
use rustix::io::Errno;

/// In the data directory.
const LOCK_FILE: &str = "worker.lock";

/// The lock dies with the process, however that ends.
pub(super) struct Alone {
    _held: File,
}

impl Alone {
    /// `Conflict` "in-use" while another worker has it.
    pub(super) fn in_directory(data: &Path) -> Outcome<Self> {
        let path = data.join(LOCK_FILE);
        let fault = |error: std::io::Error| Failure::host(format!("{} cannot be used", path.display()), error);
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(fault)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _held: file }),
            Err(Errno::WOULDBLOCK) => {
                Err(Failure::new(Kind::Conflict, format!("another worker uses the data directory {}", data.display()))
                    .with_code("in-use")
                    .with_next_step("Stop it, or give this one a directory of its own."))
            }
            Err(errno) => Err(fault(errno.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_one_workers_until_it_ends() {
        let data = tempfile::tempdir().unwrap();
        let first = Alone::in_directory(data.path()).unwrap();
        assert_eq!(Alone::in_directory(data.path()).err().and_then(|refused| refused.code).as_deref(), Some("in-use"));
        drop(first);
        assert!(Alone::in_directory(data.path()).is_ok());
    }
}
