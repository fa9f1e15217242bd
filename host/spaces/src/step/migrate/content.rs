//! The content of a file of the raw tree, read while it stands still.

use std::sync::Arc;

use bytes::Bytes;
use capstan_domain::content::{Body, Source};
use capstan_domain::failure::{Kind, Retry};
use capstan_domain::{Failure, Outcome};
use capstan_stub::{Access, Look, RawFile, RawTree, Version};
use rustix::io::Errno;

use crate::on_disk::on_disk;
use crate::recorded::Attributes;

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;

/// A file that is data, open: it stays data for as long as this is held.
#[derive(Clone)]
pub(super) struct Standing {
    pub(super) file: RawFile,
    pub(super) version: Version,
    pub(super) look: Look,
    pub(super) attributes: Attributes,
    path: Arc<str>,
}

impl Standing {
    /// Fails with `Busy` (`file-in-use`) while somebody writes to it, or did a moment ago.
    pub(super) fn open(raw: &RawTree, path: &str) -> Outcome<Self> {
        let file = raw.file(path, Access::Read)?;
        let look = file.look()?;
        if !look.is_data() {
            return Err(changed(path).with_code(IS_A_STUB));
        }
        let version = Version::settled(&file)?;
        let stat = rustix::fs::fstat(&file).map_err(|errno| fault(path, errno))?;
        Ok(Self { file, version, look, attributes: Attributes::of(&stat), path: path.into() })
    }

    /// All of it, if it is no more than `limit` bytes; else `Conflict`, code "grown".
    pub(super) fn whole(&self, limit: u64) -> Outcome<Bytes> {
        if self.version.size > limit {
            return Err(changed(&self.path).with_code(GROWN));
        }
        let size = usize::try_from(self.version.size).unwrap_or(usize::MAX);
        self.read(0, size)
    }

    fn read(&self, offset: u64, length: usize) -> Outcome<Bytes> {
        let mut bytes = vec![0; length];
        let mut at = 0;
        while let Some(room) = bytes.get_mut(at..).filter(|room| !room.is_empty()) {
            match rustix::io::pread(&self.file, room, offset + at as u64) {
                Ok(0) => return Err(changed(&self.path)),
                Ok(read) => at += read,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(fault(&self.path, errno)),
            }
        }
        Ok(bytes.into())
    }

    /// Looked at after every read, so that no part of another content is handed on as good.
    fn chunk(&self, offset: u64, left: u64) -> Outcome<Bytes> {
        let bytes = self.read(offset, usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK))?;
        let look = self.file.look()?;
        if look.size == self.version.size && look.modified == self.version.modified {
            Ok(bytes)
        } else {
            Err(changed(&self.path))
        }
    }
}

/// Code of the failure of a file whose content went to a bucket meanwhile.
pub(super) const IS_A_STUB: &str = "is-a-stub";
/// Code of the failure of a file that is larger than it was found to be.
pub(super) const GROWN: &str = "grown";

impl Source for Standing {
    fn size(&self) -> u64 {
        self.version.size
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        Box::pin(futures::stream::unfold(Some((self.clone(), offset, length)), |state| async move {
            let (file, offset, left) = state?;
            if left == 0 {
                return None;
            }
            match on_disk(move || file.chunk(offset, left).map(|chunk| (chunk, file))).await.flatten() {
                Ok((chunk, file)) => {
                    let length = chunk.len() as u64;
                    Some((Ok(chunk), Some((file, offset + length, left - length))))
                }
                Err(failure) => Some((Err(failure), None)),
            }
        }))
    }
}

pub(super) fn changed(path: &str) -> Failure {
    Failure::new(Kind::Conflict, format!("{path:?} changed while it was read"))
        .with_code("source-changed")
        .with_retry(Retry::Later)
        .with_next_step("Run the task again once nobody writes to the file.")
}

fn fault(path: &str, errno: Errno) -> Failure {
    Failure::host(format!("{path:?} could not be read"), errno)
}
