//! Where something lies.

use serde::{Deserialize, Serialize};

/// Where a section begins.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mark {
    /// Filemarks before it.
    pub section: u32,
    /// Blocks and filemarks before it.
    pub object: u64,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// Filemarks before it.
    pub section: u32,
    /// Blocks and filemarks before the block: its number, from 0, as LOCATE takes it.
    pub object: u64,
    /// Bytes of the block before it.
    pub offset: u32,
}

impl Place {
    /// So many bytes behind the beginning of a section; none: no tape is that long.
    pub(crate) fn within(section: Mark, bytes: u64, block: u32) -> Option<Self> {
        let blocks = bytes.checked_div(u64::from(block))?;
        let offset = u32::try_from(bytes.checked_rem(u64::from(block))?).ok()?;
        Some(Self { section: section.section, object: section.object.checked_add(blocks)?, offset })
    }
}
