//! What a volume does not do.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    NotFound,
    Exists,
    NotADirectory,
    IsADirectory,
    NotEmpty,
    /// A directory into itself.
    IntoItself,
    /// A name, a path, a link's target or an attribute's name that cannot be, and why.
    Name(&'static str),
    /// More than may be, and of what.
    TooMany(&'static str),
    /// Another file is being written.
    FileOpen,
    /// No file is being written.
    NoFile,
    /// More or fewer bytes came than the file has.
    WrongSize,
    /// Blocks are to be taken first: [`crate::Volume::take`].
    BlocksWaiting,
    /// The section is to be finished first: [`crate::Volume::finish`].
    MustFinish,
    /// The section is being finished.
    Finishing,
    /// The data has another hash than was told before.
    WrongHash,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "there is nothing of this name",
            Self::Exists => "there is something of this name",
            Self::NotADirectory => "a part of the path is no directory",
            Self::IsADirectory => "it is a directory",
            Self::NotEmpty => "the directory is not empty",
            Self::IntoItself => "a directory cannot move into itself",
            Self::Name(why) => why,
            Self::TooMany(what) => return write!(f, "too many {what}"),
            Self::FileOpen => "another file is being written",
            Self::NoFile => "no file is being written",
            Self::WrongSize => "the file has another size than was told",
            Self::BlocksWaiting => "blocks are to be written first",
            Self::MustFinish => "the section is to be finished first",
            Self::Finishing => "the section is being finished",
            Self::WrongHash => "the file has another hash than was told",
        })
    }
}

impl std::error::Error for Refused {}
