//! What can be wrong: with the server, with a request, with what was asked.

use std::fmt;

/// The server does not follow the protocol, or does not let this client in. The connection is of no more use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The first bytes are not those of an NBD server.
    NotNbd,
    /// It speaks an older negotiation, which this client does not.
    TooOld,
    /// What was due where something else came.
    Protocol(&'static str),
    /// More than [`bounds`](crate::bounds) allow.
    TooMuch(&'static str),
    /// The server does not give the export.
    Denied { denial: Denial, words: String },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNbd => f.write_str("what answers is no NBD server"),
            Self::TooOld => f.write_str("the server has no fixed newstyle negotiation"),
            Self::Protocol(due) => write!(f, "no {due} where one is due"),
            Self::TooMuch(what) => write!(f, "too many or too long: {what}"),
            Self::Denied { denial, words } if words.is_empty() => write!(f, "the server says {denial:?}"),
            Self::Denied { denial, words } => write!(f, "the server says {denial:?}: {words}"),
        }
    }
}

impl std::error::Error for Error {}

/// Why a server does not do what an option asks ("Option reply types").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    Unsupported,
    Policy,
    Invalid,
    Platform,
    TlsRequired,
    /// There is no such export.
    Unknown,
    Shutdown,
    BlockSizeRequired,
    TooBig,
    Other(u32),
}

impl Denial {
    pub(crate) fn read(kind: u32) -> Self {
        match kind & 0x7fff_ffff {
            1 => Self::Unsupported,
            2 => Self::Policy,
            3 => Self::Invalid,
            4 => Self::Platform,
            5 => Self::TlsRequired,
            6 => Self::Unknown,
            7 => Self::Shutdown,
            8 => Self::BlockSizeRequired,
            9 => Self::TooBig,
            other => Self::Other(other),
        }
    }
}

/// Why a server did not carry a request out ("Error values"). The connection stays good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub u32);

impl Errno {
    pub const PERM: Self = Self(1);
    pub const IO: Self = Self(5);
    pub const NOMEM: Self = Self(12);
    pub const INVAL: Self = Self(22);
    pub const NOSPC: Self = Self(28);
    pub const OVERFLOW: Self = Self(75);
    pub const NOTSUP: Self = Self(95);
    pub const SHUTDOWN: Self = Self(108);

    /// As the document spells it.
    pub fn name(self) -> String {
        match self {
            Self::PERM => "NBD_EPERM".to_owned(),
            Self::IO => "NBD_EIO".to_owned(),
            Self::NOMEM => "NBD_ENOMEM".to_owned(),
            Self::INVAL => "NBD_EINVAL".to_owned(),
            Self::NOSPC => "NBD_ENOSPC".to_owned(),
            Self::OVERFLOW => "NBD_EOVERFLOW".to_owned(),
            Self::NOTSUP => "NBD_ENOTSUP".to_owned(),
            Self::SHUTDOWN => "NBD_ESHUTDOWN".to_owned(),
            Self(other) => format!("NBD error {other}"),
        }
    }
}

/// The caller asks what cannot be asked. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A request before the negotiation is over, or after it failed.
    NotNow,
    Invalid(&'static str),
    /// The export or the server cannot do it.
    Unsupported(&'static str),
    /// Too many at once: take answers first.
    Full,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNow => f.write_str("the export is not open"),
            Self::Invalid(what) => write!(f, "not a request: {what}"),
            Self::Unsupported(what) => write!(f, "the server cannot: {what}"),
            Self::Full => f.write_str("too many requests at once"),
        }
    }
}

impl std::error::Error for Refused {}
