//! Which content of a file is meant: its inode, size and time of modification (D3).

use std::time::Duration;

use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use crate::fault;
use crate::file::RawFile;
use crate::lease::{Against, Lease};

/// A kernel stamps files by a clock that goes in ticks, of 10 ms at most: two changes within one leave the same time.
const TICK: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    pub modified: Timestamp,
}

impl Version {
    /// What is to be kept before a file is read, so that every later change can be told from it. The file is to be open for reading only.
    /// Fails with `Busy` while somebody has it open for writing, or mapped, since not every change through a mapping is stamped; and while
    /// it is so fresh that the next change might bear the same time.
    pub fn settled(file: &RawFile) -> Outcome<Self> {
        if file.is_writable()? {
            return Err(Failure::invalid(format!("{:?} is open for writing", file.shown())));
        }
        let _lease = Lease::take(file, Against::Writers)?;
        let version = file.found()?.version(file.shown())?;
        let age = Timestamp::now().0.abs_diff(version.modified.0);
        if u128::from(age) < TICK.as_nanos() {
            return Err(fault::busy(file.shown()).with_next_step("It was changed a moment ago: try again in a moment."));
        }
        Ok(version)
    }
}
