//! What every partition of a volume begins with (section 7): a label construct, which is the record VOL1, a filemark, the LTFS label, a
//! filemark. The blocks of a partition are so, counted with its filemarks as drives do:
//!
//! | block | index partition `a` | data partition `b` |
//! |---|---|---|
//! | 0 | VOL1 | VOL1 |
//! | 1 | filemark | filemark |
//! | 2 | LTFS label, one block | LTFS label, one block |
//! | 3 | filemark | filemark |
//! | 4 … | index construct: filemark, index, filemark | index constructs and data in any order; an index at the end |

mod document;
pub(crate) use document::boolean;
mod volume;

pub use document::Label;
pub use volume::{VOLUME_LABEL_BYTES, VolumeLabel};

/// The block of the LTFS label.
pub const LABEL_BLOCK: u64 = 2;
/// The block behind a label construct, where the content of a partition begins.
pub const CONTENT_BLOCK: u64 = 4;
