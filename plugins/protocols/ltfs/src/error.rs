//! Why something that a tape holds cannot be used.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Not what the format says; what was looked for.
    Malformed(&'static str),
    /// More than the bounds allow; of what.
    TooMuch(&'static str),
    /// A version of the format that nobody here knows.
    Version(Box<str>),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "malformed: {what}"),
            Self::TooMuch(what) => write!(f, "too much: {what}"),
            Self::Version(version) => write!(f, "LTFS {version:?} is not known"),
        }
    }
}

impl std::error::Error for Error {}
