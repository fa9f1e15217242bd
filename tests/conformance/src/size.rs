//! How much a run asks of the target.

use serde::Serialize;

/// `small` shows the rules in a minute or two; `full` shows that they hold at the size they are made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    #[default]
    Small,
    Full,
}

impl Size {
    /// Keys of a long listing.
    pub fn keys(self) -> usize {
        match self {
            Self::Small => 2_000,
            Self::Full => 100_000,
        }
    }

    /// Names of a large directory.
    pub fn names(self) -> usize {
        match self {
            Self::Small => 1_000,
            Self::Full => 20_000,
        }
    }

    /// Bytes of a large, sparse content.
    pub fn large(self) -> u64 {
        match self {
            Self::Small => 64 << 20,
            Self::Full => 5 << 30,
        }
    }

    /// Calls made at once.
    pub fn crowd(self) -> usize {
        match self {
            Self::Small => 32,
            Self::Full => 256,
        }
    }
}
