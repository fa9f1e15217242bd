//! A raw tree is one process's: recalls, limits and the view are kept there, and another that worked on it would know of none of them.

use std::fs::File;
use std::path::Path;

use capstan_domain::{Failure, Kind, Outcome};
use rustix::fs::FlockOperation;
use rustix::io::Errno;

/// An advisory lock on the tree's directory, which dies with its holder, however that ends.
pub(crate) struct Claim(File);

impl Claim {
    pub(crate) fn take(directory: &Path) -> Outcome<Self> {
        let shown = directory.display();
        let fault = |error: std::io::Error| Failure::host(format!("The directory {shown} cannot be claimed"), error);
        let handle = File::open(directory).map_err(fault)?;
        match rustix::fs::flock(&handle, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(handle)),
            Err(Errno::WOULDBLOCK) => Err(Failure::new(Kind::Conflict, format!("Another process works on the files in {shown}"))
                .with_code("space-in-use")
                .with_next_step("One process works for a site: stop the other one.")),
            Err(errno) => Err(fault(errno.into())),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // A child that was started meanwhile may have the handle too.
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}
