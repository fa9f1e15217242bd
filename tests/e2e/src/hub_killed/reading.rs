//! A file read and held against what it must hold.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::content::{CHUNK, Content};

#[derive(Debug)]
pub(super) enum Trouble {
    /// What was read is not what it must be.
    Differs(String),
    Failed(io::Error),
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs(how) => write!(formatter, "{how}"),
            Self::Failed(error) => write!(formatter, "{error}"),
        }
    }
}

impl Trouble {
    /// Nothing is there; or it went while it was opened.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Failed(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::StaleNetworkFileHandle))
    }
}

/// Its size, and all of its bytes.
pub(super) fn whole(path: &Path, content: &Content) -> Result<(), Trouble> {
    part(path, content, 0, content.size)
}

/// Its size, and some of its bytes.
pub(super) fn part(path: &Path, content: &Content, from: u64, length: u64) -> Result<(), Trouble> {
    let file = File::open(path).map_err(Trouble::Failed)?;
    let size = file.metadata().map_err(Trouble::Failed)?.len();
    if size != content.size {
        return Err(Trouble::Differs(format!("it has {size} bytes instead of {}", content.size)));
    }
    let end = from.saturating_add(length).min(size);
    let mut at = from;
    while at < end {
        let wanted = content.bytes(at, CHUNK.min(end - at));
        let mut bytes = vec![0; wanted.len()];
        match file.read_exact_at(&mut bytes, at) {
            Ok(()) => same(&bytes, &wanted, at)?,
            // A file of this size ends nowhere before.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(Trouble::Differs(format!("it ends between {at} and {end}")));
            }
            Err(error) => return Err(Trouble::Failed(error)),
        }
        at += CHUNK;
    }
    Ok(())
}

fn same(bytes: &[u8], wanted: &[u8], at: u64) -> Result<(), Trouble> {
    let Some(first) = bytes.iter().zip(wanted).position(|(one, other)| one != other) else { return Ok(()) };
    let wrong = bytes.iter().zip(wanted).filter(|(one, other)| one != other).count();
    let zeros = bytes.iter().skip(first).take_while(|byte| **byte == 0).count();
    let first = at + first as u64;
    Err(Trouble::Differs(format!(
        "{wrong} of {} bytes from {at} on are wrong, the first at {first}, where {zeros} zeros are",
        wanted.len()
    )))
}
