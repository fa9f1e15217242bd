//! What a change of the content takes from a file, and gets it back: its time, and, as the kernel guards them against changes, its
//! set-user-id bits and its capabilities.
//!
//! Owner, ACL and all other attributes stay as they are by themselves. A crash in between loses the bits and capabilities, which is the
//! safe side, and the time, which the record has.

use capstan_domain::Outcome;
use capstan_domain::time::Timestamp;
use rustix::fs::{Mode, Timespec, Timestamps, UTIME_OMIT, XattrFlags};
use rustix::io::Errno;

use crate::fault::Named;
use crate::file::RawFile;

const CAPABILITY_NAME: &str = "security.capability";
/// Bytes of a file's capabilities, in any of the kernel's versions.
const CAPABILITY_BYTES: usize = 64;
const NANOS: i64 = 1_000_000_000;

pub(crate) struct Attributes {
    mode: u32,
    capability: Option<Vec<u8>>,
}

impl Attributes {
    pub(crate) fn of(file: &RawFile) -> Outcome<Self> {
        Ok(Self { mode: file.found()?.mode, capability: capability(file).on(file.shown())? })
    }

    /// `modified`: of the content. The time of the last reading is left as it is.
    pub(crate) fn put_back(&self, file: &RawFile, modified: Timestamp) -> Outcome<()> {
        if file.found()?.mode != self.mode {
            rustix::fs::fchmod(file, Mode::from_raw_mode(self.mode)).on(file.shown())?;
        }
        if let Some(value) = &self.capability
            && capability(file).on(file.shown())?.is_none()
        {
            rustix::fs::fsetxattr(file, CAPABILITY_NAME, value, XattrFlags::empty()).on(file.shown())?;
        }
        set_modified(file, modified)
    }
}

pub(crate) fn set_modified(file: &RawFile, modified: Timestamp) -> Outcome<()> {
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: modified.0.div_euclid(NANOS), tv_nsec: modified.0.rem_euclid(NANOS) },
    };
    rustix::fs::futimens(file, &times).on(file.shown())
}

fn capability(file: &RawFile) -> Result<Option<Vec<u8>>, Errno> {
    let mut room = vec![0; CAPABILITY_BYTES];
    match rustix::fs::fgetxattr(file, CAPABILITY_NAME, room.as_mut_slice()) {
        Ok(length) => {
            room.truncate(length);
            Ok(Some(room))
        }
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
        Err(errno) => Err(errno),
    }
}
