//! What a program is told that asked for something it does not get: an error number of the kernel.

use capstan_domain::Failure;
use capstan_domain::failure::Kind;
use rustix::io::Errno;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) fuser::Errno);

pub(crate) type Answer<T> = Result<T, Refusal>;

/// What the kernel knows under a number stands elsewhere: it looks it up again.
pub(crate) const STALE: Refusal = Refusal(fuser::Errno::ESTALE);
pub(crate) const NOT_FOUND: Refusal = Refusal(fuser::Errno::ENOENT);
/// It is in use by the host, or too many wait: the same may succeed later.
pub(crate) const LATER: Refusal = Refusal(fuser::Errno::EAGAIN);
pub(crate) const FAILED: Refusal = Refusal(fuser::Errno::EIO);
pub(crate) const TIMED_OUT: Refusal = Refusal(fuser::Errno::ETIMEDOUT);
pub(crate) const INVALID: Refusal = Refusal(fuser::Errno::EINVAL);
pub(crate) const RESERVED: Refusal = Refusal(fuser::Errno::EPERM);

impl std::fmt::Display for Refusal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::io::Error::from_raw_os_error(i32::from(self.0)).fmt(out)
    }
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self(fuser::Errno::from_i32(errno.raw_os_error()))
    }
}

/// Of work on a file's content. That a copy is not found is not that the file is not there.
impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure.kind {
            Kind::TimedOut => TIMED_OUT,
            Kind::Busy => LATER,
            Kind::NotFound | Kind::AlreadyExists | Kind::Conflict | Kind::Invalid | Kind::Unsupported => FAILED,
            _ => Self(capstan_mount::errno::of(&failure)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_is_missing_is_an_input_output_error_of_a_file_that_is_there() {
        for kind in [Kind::NotFound, Kind::Corrupt, Kind::Offline, Kind::Unavailable, Kind::Conflict] {
            assert_eq!(Refusal::from(Failure::new(kind, "x")), FAILED, "{kind}");
        }
        assert_eq!(Refusal::from(Failure::new(Kind::TimedOut, "x")), TIMED_OUT);
        assert_eq!(Refusal::from(Failure::new(Kind::Busy, "x")), LATER);
    }
}
