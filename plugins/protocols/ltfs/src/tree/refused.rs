//! Why something is not done to the tree.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    NotFound,
    Exists,
    NotADirectory,
    IsADirectory,
    NotEmpty,
    /// A part of the path is no name, or an attribute's is none.
    Name,
    /// Extents that are not those of a file: over each other, behind its end.
    Extents,
    /// More than the bounds allow; of what.
    TooMuch(&'static str),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "there is no such file or directory",
            Self::Exists => "there is something of that name",
            Self::NotADirectory => "a part of the path is no directory",
            Self::IsADirectory => "it is a directory",
            Self::NotEmpty => "the directory is not empty",
            Self::Name => "LTFS has no such names",
            Self::Extents => "extents that are not those of a file",
            Self::TooMuch(what) => return write!(f, "more than is kept: {what}"),
        })
    }
}

impl std::error::Error for Refused {}
