//! The evidence that a content may leave the disk: so many copies of it were read back from their targets and matched (D1).

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use capstan_digest::{self as digest, BLOCK, Value};
use capstan_domain::failure::{Blame, Kind, Retry};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use crate::record::{Content, Place};
use crate::version::Version;

/// Copies of one content that are looked at.
const MOST_COPIES: usize = 64;

/// What reading one copy back gave.
#[derive(Clone, Debug)]
pub struct VerifiedCopy {
    pub place: Place,
    pub size: u64,
    pub blake3: Value,
    pub verified: Timestamp,
}

/// Made by [`Proof::new`] only, so whoever has one has checked.
#[derive(Clone, Debug)]
pub struct Proof {
    version: Version,
    content: Content,
}

impl Proof {
    /// `version`: of the file when it was read, by [`Version::settled`]. `blocks`: the subtree values of each 16 MiB, or nothing.
    /// `wanted`: how many copies in different locations the policy asks for. Fails with `Conflict` when there are fewer, with `Corrupt`
    /// when the values do not give the hash.
    pub fn new(
        version: Version,
        blake3: Value,
        blocks: &[Value],
        copies: &[VerifiedCopy],
        wanted: NonZeroUsize,
    ) -> Outcome<Self> {
        let good: Vec<&VerifiedCopy> =
            copies.iter().take(MOST_COPIES).filter(|copy| copy.size == version.size && copy.blake3 == blake3).collect();
        let locations: BTreeSet<_> = good.iter().map(|copy| copy.place.location).collect();
        if locations.len() < wanted.get() {
            let message = format!("{} of {wanted} copies that are wanted were read back and matched", locations.len());
            return Err(Failure::new(Kind::Conflict, message)
                .with_retry(Retry::Later)
                .with_code("too-few-copies")
                .with_next_step("Store or verify more copies first; until then the content stays on the disk."));
        }
        check_blocks(blocks, version.size, &blake3)?;
        let content = Content {
            size: version.size,
            modified: version.modified,
            blake3,
            blocks: blocks.to_vec(),
            places: good.into_iter().map(|copy| copy.place.clone()).collect(),
        };
        Ok(Self { version, content })
    }

    pub fn version(&self) -> &Version {
        &self.version
    }

    pub fn content(&self) -> &Content {
        &self.content
    }
}

/// Values that are given must be those of the content. A file of one block has none, or its hash.
pub(crate) fn check_blocks(blocks: &[Value], size: u64, blake3: &Value) -> Outcome<()> {
    if blocks.is_empty() || digest::root(blocks, size, BLOCK).as_ref() == Some(blake3) {
        return Ok(());
    }
    Err(Failure::new(Kind::Corrupt, "The hashes of the content's blocks do not give the hash of the content")
        .with_blame(Blame::Host)
        .with_code("wrong-block-values")
        .with_next_step("Take them from another copy's record, or go without them."))
}
