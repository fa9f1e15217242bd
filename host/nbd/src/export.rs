//! What is exported: a name, and where its bytes are.

use std::sync::Arc;

use capstan_domain::{Failure, Outcome};

use crate::calls::CalledDrive;
use crate::file::FileDrive;
use crate::limits;
use crate::peer::PeerDrive;
use crate::wire::flag;

/// A drive under a name that clients ask for; the empty name means it too.
pub struct Export {
    name: String,
    pub(crate) backend: Backend,
}

/// Where the bytes of a drive are.
#[derive(Clone)]
pub enum Backend {
    /// In a file, which the kernel reads and writes.
    File(Arc<FileDrive>),
    /// Behind an NBD server, to which bytes are passed on as they come.
    Peer(Arc<PeerDrive>),
    /// Behind calls of the target's facet.
    Calls(Arc<CalledDrive>),
}

/// What a client is told of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) size: u64,
    pub(crate) flags: u16,
    pub(crate) blocks: Blocks,
}

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blocks {
    pub(crate) minimum: u32,
    pub(crate) preferred: u32,
    pub(crate) maximum: u32,
}

impl Default for Blocks {
    fn default() -> Self {
        Self { minimum: 1, preferred: 4096, maximum: limits::REQUEST_BYTES }
    }
}

impl Export {
    pub fn new(name: impl Into<String>, backend: Backend) -> Outcome<Self> {
        let name = name.into();
        if name.is_empty() || name.len() > limits::NAME_BYTES || name.chars().any(char::is_control) {
            return Err(Failure::invalid("an export has a name of 1 to 4096 bytes without control characters"));
        }
        Ok(Self { name, backend })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn is_called(&self, name: &[u8]) -> bool {
        name.is_empty() || name == self.name.as_bytes()
    }

    /// Of a drive that is served here. A client that does not keep to the smallest block is served all the same.
    pub(crate) fn facts(&self) -> Option<Facts> {
        let common = flag::HAS_FLAGS
            | flag::SEND_FLUSH
            | flag::SEND_FUA
            | flag::SEND_TRIM
            | flag::SEND_WRITE_ZEROES
            | flag::SEND_DF
            | flag::CAN_MULTI_CONN
            | flag::SEND_CACHE;
        let (size, read_only, flags, minimum) = match &self.backend {
            Backend::File(drive) => (drive.size(), drive.is_read_only(), common | flag::SEND_FAST_ZERO, 1),
            Backend::Calls(drive) => (drive.size(), drive.is_read_only(), common, drive.block()),
            Backend::Peer(_) => return None,
        };
        let flags = if read_only { flags | flag::READ_ONLY } else { flags };
        let blocks = Blocks { minimum, preferred: minimum.max(4096), ..Blocks::default() };
        Some(Facts { size, flags, blocks })
    }
}
