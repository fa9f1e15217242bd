//! Which blocks a file's bytes lie in, and the bytes cut out of them.

use crate::{File, Malformed};

/// Blocks that lie one behind the other, and what of them is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The first block.
    pub object: u64,
    pub blocks: u64,
    /// Bytes of the first block before what is wanted.
    pub offset: u32,
    /// Bytes that are wanted.
    pub bytes: u64,
}

impl Extent {
    /// `length` bytes of a file from its byte `from` on, or as many as there are. `block`: the volume's.
    pub fn of(file: &File, block: u32, from: u64, length: u64) -> Option<Self> {
        let bytes = length.min(file.size.saturating_sub(from));
        let block = u64::from(block);
        let begins = u64::from(file.data.offset).checked_add(from.min(file.size))?;
        let offset = u32::try_from(begins.checked_rem(block)?).ok()?;
        let object = file.data.object.checked_add(begins.checked_div(block)?)?;
        let blocks = if bytes == 0 { 0 } else { u64::from(offset).checked_add(bytes)?.div_ceil(block) };
        Some(Self { object, blocks, offset, bytes })
    }
}

/// Cuts what is wanted out of the blocks of an extent, as they come.
#[derive(Clone, Copy, Debug)]
pub struct Cutter {
    block: u32,
    offset: u32,
    left: u64,
}

impl Cutter {
    pub fn new(extent: &Extent, block: u32) -> Self {
        Self { block, offset: extent.offset, left: extent.bytes }
    }

    /// Bytes that are still to come.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Of the next block. Refused: it is not as long as the volume's blocks are.
    pub fn cut<'a>(&mut self, block: &'a [u8]) -> Result<&'a [u8], Malformed> {
        const WHAT: &str = "a block of a file";
        if u32::try_from(block.len()) != Ok(self.block) {
            return Err(Malformed(WHAT));
        }
        let offset = usize::try_from(std::mem::take(&mut self.offset)).map_err(|_| Malformed(WHAT))?;
        let rest = block.get(offset..).ok_or(Malformed(WHAT))?;
        let wanted = usize::try_from(self.left).map_or(rest.len(), |left| left.min(rest.len()));
        self.left = self.left.saturating_sub(u64::try_from(wanted).unwrap_or(u64::MAX));
        rest.get(..wanted).ok_or(Malformed(WHAT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Place;

    fn file(object: u64, offset: u32, size: u64) -> File {
        let data = Place { section: 1, object, offset };
        File { size, blake3: None, header: data, data }
    }

    #[test]
    fn a_range_lies_in_the_blocks_that_hold_it_and_no_others() {
        let file = file(7, 1_000, 3_000);
        assert_eq!(Extent::of(&file, 1_024, 0, u64::MAX), Some(Extent { object: 7, blocks: 4, offset: 1_000, bytes: 3_000 }));
        assert_eq!(Extent::of(&file, 1_024, 24, 1_024), Some(Extent { object: 8, blocks: 1, offset: 0, bytes: 1_024 }));
        assert_eq!(Extent::of(&file, 1_024, 2_999, 9), Some(Extent { object: 10, blocks: 1, offset: 927, bytes: 1 }));
        assert_eq!(Extent::of(&file, 1_024, 3_000, 9).map(|extent| (extent.blocks, extent.bytes)), Some((0, 0)));
        assert_eq!(Extent::of(&file, 0, 0, 1), None);
    }

    #[test]
    fn a_block_of_another_length_is_refused() {
        let extent = Extent::of(&file(7, 1_000, 30), 1_024, 0, 30).unwrap();
        let mut cutter = Cutter::new(&extent, 1_024);
        assert!(cutter.cut(&[0; 1_000]).is_err());
        assert_eq!((cutter.cut(&[1; 1_024]).unwrap().len(), cutter.left()), (24, 6));
        assert_eq!((cutter.cut(&[1; 1_024]).unwrap().len(), cutter.left()), (6, 0));
    }
}
