//! The field of a configuration that says whether headers and data carry CRC32C.

use capstan_iscsi::DigestUse;
use serde::Deserialize;

/// `preferred`: where the target does too (RFC 7143, section 13.1).
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Digests {
    #[default]
    Preferred,
    Required,
    Off,
}

impl From<Digests> for DigestUse {
    fn from(digests: Digests) -> Self {
        match digests {
            Digests::Preferred => Self::Preferred,
            Digests::Required => Self::Required,
            Digests::Off => Self::Off,
        }
    }
}
