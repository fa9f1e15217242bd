//! Owner and mode of the view's root. The raw directory is the service user's alone and stays so (D13): what the view shows of it, and
//! lets change, stands in an extended attribute of it.

use std::os::fd::AsFd;

use rustix::fs::{Statx, XattrFlags};
use rustix::io::Errno;

use crate::inner::proc_path;
use crate::refusal::{Answer, FAILED};

/// Hidden in the view, as all that begins like it.
const NAME: &str = "user.capstan.door";
/// Of a space of which nobody said anything.
const USUAL_MODE: u32 = 0o755;

/// As the attribute has it: three numbers, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Door {
    /// Permission bits.
    pub(crate) mode: u32,
    pub(crate) user: u32,
    pub(crate) group: u32,
}

impl Door {
    /// `stat`: of the raw directory.
    pub(crate) fn read(root: impl AsFd, stat: &Statx) -> Answer<Self> {
        let mut room = [0; 12];
        match rustix::fs::getxattr(proc_path(root), NAME, room.as_mut_slice()) {
            Ok(_) => {
                let ([mode, user, group], _) = room.as_chunks::<4>().0.split_first_chunk::<3>().ok_or(FAILED)?;
                let number = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
                Ok(Self { mode: number(mode) & 0o7777, user: number(user), group: number(group) })
            }
            Err(Errno::NODATA) => Ok(Self { mode: USUAL_MODE, user: stat.stx_uid, group: stat.stx_gid }),
            Err(errno) => Err(errno.into()),
        }
    }

    pub(crate) fn write(&self, root: impl AsFd) -> Answer<()> {
        let bytes = [self.mode & 0o7777, self.user, self.group].map(u32::to_le_bytes).concat();
        Ok(rustix::fs::setxattr(proc_path(root), NAME, &bytes, XattrFlags::empty())?)
    }

    /// The raw directory as the view shows it.
    pub(crate) fn shown(&self, stat: &mut Statx) {
        stat.stx_mode = stat.stx_mode & !0o7777 | u16::try_from(self.mode).unwrap_or_default();
        (stat.stx_uid, stat.stx_gid) = (self.user, self.group);
    }
}
