//! The phase in which blocks move: requests, how they come, what makes one wrong, and answers.

pub(crate) mod allocation;
pub(crate) mod input;
pub(crate) mod reply;
pub(crate) mod request;

pub(crate) use request::{Request, Verdict};

/// What both sides agreed on before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) structured: bool,
    /// The allocation may be asked for.
    pub(crate) allocation: bool,
}

/// Why a request failed, as the protocol numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Error {
    NotPermitted = 1,
    Io = 5,
    NoMemory = 12,
    Invalid = 22,
    NoSpace = 28,
    NotSupported = 95,
    Shutdown = 108,
}

impl Error {
    pub(crate) fn number(self) -> u32 {
        self as u32
    }
}

impl From<rustix::io::Errno> for Error {
    fn from(cause: rustix::io::Errno) -> Self {
        use rustix::io::Errno;
        match cause {
            Errno::PERM | Errno::ACCESS | Errno::ROFS => Self::NotPermitted,
            Errno::NOMEM => Self::NoMemory,
            Errno::INVAL => Self::Invalid,
            Errno::NOSPC | Errno::DQUOT | Errno::FBIG => Self::NoSpace,
            Errno::OPNOTSUPP | Errno::NOSYS => Self::NotSupported,
            _ => Self::Io,
        }
    }
}

impl From<&capstan_domain::Failure> for Error {
    fn from(failure: &capstan_domain::Failure) -> Self {
        use capstan_domain::Kind;
        match failure.kind {
            Kind::Denied => Self::NotPermitted,
            Kind::Invalid => Self::Invalid,
            Kind::NoSpace => Self::NoSpace,
            Kind::Unsupported => Self::NotSupported,
            Kind::Cancelled => Self::Shutdown,
            _ => Self::Io,
        }
    }
}
