//! A file of a granted directory, opened for the host itself: it reads and writes there on the target's behalf, without the guest.

use std::fs::File;
use std::os::fd::OwnedFd;

use cap_std::fs::{OpenOptions, OpenOptionsExt};
use capstan_domain::{Failure, Outcome};
use rustix::fs::OFlags;

use super::directory::{Directory, Shared};
use super::errors;
use super::path::RelativePath;
use super::status::FileKind;

impl Directory {
    /// A regular file that is there. To write it the directory has to be granted for writing.
    pub async fn lend(&self, path: &str, write: bool) -> Outcome<File> {
        let path = RelativePath::read(path)?;
        if write {
            return self.change(move |shared| shared.open_for_both(&path, true)).await;
        }
        self.run(move |shared| shared.open_for_both(&path, false)).await
    }
}

impl Shared {
    fn open_for_both(&self, path: &RelativePath, write: bool) -> Outcome<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(write).custom_flags(i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0));
        let file = self.dir.open_with(path.whole(), &options).map_err(|cause| errors::io("the file cannot be opened", &cause))?;
        let file = OwnedFd::from(file);
        let status = self.status_of(&file)?;
        if status.kind != FileKind::File {
            return Err(Failure::invalid("only regular files are opened for others"));
        }
        Ok(File::from(file))
    }
}
