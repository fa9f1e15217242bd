//! A catalogue: a tar with one member of lines of JSON. The first line is the [`Head`], each of the others a [`Change`], the last one a
//! checksum of all bytes before it. Names of fields, and of changes in `op`, are kebab-case; numbers are decimal, times nanoseconds since
//! 1970, hashes and values of extended attributes hexadecimal.

mod change;
mod reader;
mod writer;

use serde::{Deserialize, Serialize};

pub use change::{Change, NodeKind, Record};
pub(crate) use reader::{CatalogueReader, Contents};
pub(crate) use writer::Lines;

use crate::{FORMAT, Label, Malformed, Mark, VERSION};

/// Bytes of a line: a path, a link's target and a node's extended attributes have room in it.
pub const LINE: usize = 512 << 10;
/// Bytes of a catalogue.
pub const BYTES: u64 = 4 << 30;
/// Changes of a catalogue that is not full.
pub const CHANGES: usize = 262_144;

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Head {
    pub format: String,
    pub version: u32,
    /// Of the cartridge, as its label has them.
    pub barcode: String,
    pub volume: String,
    pub formatted: i64,
    /// Bytes of a block.
    pub block: u32,
    /// Counts catalogues, from 1.
    pub generation: u64,
    /// All there is, and not only what changed.
    pub full: bool,
    /// Where this one begins.
    pub at: Mark,
    /// Where the one before it begins.
    pub previous: Option<Mark>,
    /// Where the newest full one begins: this one, or one before it.
    pub base: Mark,
    /// What no node was called so far, nor any higher number.
    pub next_id: u64,
    /// Lines between this one and the last.
    pub changes: u64,
}

impl Head {
    pub(crate) fn label(&self) -> Option<Label> {
        Label::new(&self.barcode, &self.volume, self.formatted, self.block).ok()
    }

    /// Whether it can be what lies in this section, of this volume if that is known.
    pub(crate) fn check(&self, section: u32, label: Option<&Label>) -> Result<(), Malformed> {
        const WHAT: &str = "the head of a catalogue";
        let own = self.label().ok_or(Malformed(WHAT))?;
        let same = label.is_none_or(|label| *label == own);
        let before = |mark: Mark| is_catalogue(mark.section) && mark.section < section && mark.object < self.at.object;
        let based = if self.full { self.base == self.at } else { before(self.base) && self.previous.is_some() };
        let sound = self.format == FORMAT
            && self.version == VERSION
            && self.at.section == section
            // Nothing on a tape is that far away, and numbers behind it can be reckoned with.
            && self.at.object < 1 << 62
            && self.previous.is_none_or(before)
            && self.next_id < 1 << 62;
        if same && based && sound { Ok(()) } else { Err(Malformed(WHAT)) }
    }
}

/// The last line.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct End {
    blake3: String,
}

/// Catalogues lie in even sections, but for the first, which is the label.
pub(crate) fn is_catalogue(section: u32) -> bool {
    section >= 2 && section.is_multiple_of(2)
}

pub(crate) fn path(generation: u64) -> String {
    format!(".capstan/catalogue-{generation}.jsonl")
}
