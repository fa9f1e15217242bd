//! Whose cartridge it is: section 0.

use serde::{Deserialize, Serialize};

use crate::section::Section;
use crate::tar::{self, Member, Type};
use crate::{FORMAT, LABEL_BLOCK, Malformed, Step, VERSION};

/// Bytes of a volume's blocks, in steps of a tar's records.
pub const BLOCKS: std::ops::RangeInclusive<u32> = (64 << 10)..=(8 << 20);
/// Bytes of a label as JSON.
pub(crate) const BYTES: u64 = 16 << 10;
/// Characters of a barcode, and of a volume's identifier.
const BARCODE: std::ops::RangeInclusive<usize> = 1..=32;
const VOLUME: std::ops::RangeInclusive<usize> = 1..=64;

pub(crate) const PATH: &str = ".capstan/label.json";

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Label {
    /// [`FORMAT`].
    format: String,
    version: u32,
    /// As the library reads it from the outside.
    pub barcode: String,
    /// Made anew in each format: a UUID.
    pub volume: String,
    /// Nanoseconds since 1970.
    pub formatted: i64,
    /// Bytes of the blocks behind the label.
    pub block: u32,
}

/// Why this is no label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotALabel {
    /// 1 to 32 letters, digits, `-` and `_`.
    Barcode,
    /// 1 to 64 of the same.
    Volume,
    /// One of [`BLOCKS`], a multiple of 512.
    Block,
    /// Another format, or a newer one.
    Format,
}

impl Label {
    /// Refused: what cannot be.
    pub fn new(barcode: &str, volume: &str, formatted: i64, block: u32) -> Result<Self, NotALabel> {
        let label = Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            barcode: barcode.to_owned(),
            volume: volume.to_owned(),
            formatted,
            block,
        };
        label.checked()
    }

    fn checked(self) -> Result<Self, NotALabel> {
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if self.format != FORMAT || self.version != VERSION {
            return Err(NotALabel::Format);
        }
        if !BARCODE.contains(&self.barcode.len()) || !plain(&self.barcode) {
            return Err(NotALabel::Barcode);
        }
        if !VOLUME.contains(&self.volume.len()) || !plain(&self.volume) {
            return Err(NotALabel::Volume);
        }
        if !BLOCKS.contains(&self.block) || !u64::from(self.block).is_multiple_of(tar::RECORD) {
            return Err(NotALabel::Block);
        }
        Ok(self)
    }

    /// What is to be written from the beginning of a cartridge on: the end of the data is behind it.
    pub fn format(&self) -> Vec<Step> {
        let json = serde_json::to_vec(self).unwrap_or_default();
        let mut section = Section::new(LABEL_BLOCK);
        let size = u64::try_from(json.len()).unwrap_or(u64::MAX);
        section.put(&tar::header(&Member::plain(PATH, Type::File, size, self.formatted)));
        section.put(&json);
        section.end();
        let blocks = std::iter::from_fn(|| section.take()).map(Step::Block);
        blocks.chain([Step::Filemark { durable: true }]).collect()
    }

    pub(crate) fn read(json: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "the label of a volume";
        let label: Self = serde_json::from_slice(json).map_err(|_| Malformed(WHAT))?;
        label.checked().map_err(|_| Malformed(WHAT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_says_only_what_can_be() {
        let label = Label::new("TST001L6", "8b0c1f9e-0000", 5, 512 << 10).unwrap();
        assert_eq!(Label::read(&serde_json::to_vec(&label).unwrap()), Ok(label.clone()));
        assert_eq!(Label::new("", "a", 0, 512 << 10), Err(NotALabel::Barcode));
        assert_eq!(Label::new("A B", "a", 0, 512 << 10), Err(NotALabel::Barcode));
        assert_eq!(Label::new("A", "", 0, 512 << 10), Err(NotALabel::Volume));
        for block in [0, 512, 65_537, u32::MAX] {
            assert_eq!(Label::new("A", "a", 0, block), Err(NotALabel::Block));
        }
        let newer = serde_json::to_string(&label).unwrap().replace("\"version\":1", "\"version\":2");
        assert!(Label::read(newer.as_bytes()).is_err() && Label::read(b"{}").is_err() && Label::read(&[0xff; 9]).is_err());
    }

    #[test]
    fn a_label_is_one_block_and_a_filemark() {
        let steps = Label::new("A", "a", 0, 512 << 10).unwrap().format();
        let [Step::Block(block), Step::Filemark { durable: true }] = &steps[..] else { panic!("{steps:?}") };
        assert_eq!(block.len(), 10_240);
    }
}
