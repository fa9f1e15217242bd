//! BLAKE3 of a file in blocks that may be hashed in any order.
//!
//! A block's value is the chaining value of its BLAKE3 subtree, so that the values of all blocks give the file's ordinary BLAKE3,
//! and any block can be proved on its own (D8). Blocks are a power of two of bytes, at most 16 MiB; the catalogue keeps them at 16 MiB.

use blake3::hazmat::{ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root};

/// Bytes of a block as the catalogue keeps them.
pub const BLOCK: u64 = 16 << 20;
/// The smallest block worth keeping a value of.
pub const SMALLEST_BLOCK: u64 = 64 << 10;
/// Bytes of a value.
pub const VALUE: usize = 32;

pub type Value = [u8; VALUE];

/// The value of the block that starts at `offset` of a file larger than a block.
pub struct BlockHasher {
    hasher: blake3::Hasher,
}

impl BlockHasher {
    /// `offset`: a multiple of the block size.
    pub fn new(offset: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        if offset > 0 {
            hasher.set_input_offset(offset);
        }
        Self { hasher }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// The value of this block among others.
    pub fn finish(&self) -> Value {
        self.hasher.finalize_non_root()
    }

    /// The ordinary BLAKE3, for a file of a single block.
    pub fn finish_alone(&self) -> Value {
        *self.hasher.finalize().as_bytes()
    }
}

/// BLAKE3 of a whole file in memory.
pub fn of(bytes: &[u8]) -> Value {
    *blake3::hash(bytes).as_bytes()
}

/// The largest block size that divides `part` and that parts of this size can be hashed by; none: parts do not line up with blocks.
pub fn block_for(part: u64) -> Option<u64> {
    if part == 0 {
        return None;
    }
    let aligned = 1 << part.trailing_zeros().min(BLOCK.trailing_zeros());
    (aligned >= SMALLEST_BLOCK).then_some(aligned)
}

/// How many blocks a file of `size` bytes has.
pub fn blocks_in(size: u64, block: u64) -> u64 {
    size.div_ceil(block)
}

/// The file's BLAKE3 from its blocks' values; of a single block it is the ordinary hash already (`finish_alone`). None: the count
/// is not right.
pub fn root(values: &[Value], size: u64, block: u64) -> Option<Value> {
    if size == 0 {
        return Some(of(b""));
    }
    if values.len() as u64 != blocks_in(size, block) {
        return None;
    }
    if size <= block {
        return values.first().copied();
    }
    let left = left_subtree_len(size);
    let (left_values, right_values) = values.split_at_checked(usize::try_from(left / block).ok()?)?;
    let left_value = subtree(left_values, left, block)?;
    let right_value = subtree(right_values, size - left, block)?;
    Some(*merge_subtrees_root(&left_value, &right_value, Mode::Hash).as_bytes())
}

/// The same file's values at 16 MiB, from values of smaller blocks.
pub fn coarse(values: &[Value], size: u64, block: u64) -> Option<Vec<Value>> {
    if size <= BLOCK {
        return Some(Vec::new());
    }
    if block == BLOCK {
        return Some(values.to_vec());
    }
    let each = usize::try_from(BLOCK / block).ok()?;
    let mut left = size;
    values
        .chunks(each)
        .map(|run| {
            let bytes = left.min(BLOCK);
            left -= bytes;
            subtree(run, bytes, block)
        })
        .collect()
}

fn subtree(values: &[Value], size: u64, block: u64) -> Option<ChainingValue> {
    if size <= block {
        return match values {
            [value] => Some(*value),
            _ => None,
        };
    }
    let left = left_subtree_len(size);
    let (left_values, right_values) = values.split_at_checked(usize::try_from(left / block).ok()?)?;
    let left_value = subtree(left_values, left, block)?;
    let right_value = subtree(right_values, size - left, block)?;
    Some(merge_subtrees_non_root(&left_value, &right_value, Mode::Hash))
}

/// Values one after the other, as rows keep them.
pub fn to_bytes(values: &[Value]) -> Vec<u8> {
    values.concat()
}

/// None: not a whole number of values.
pub fn from_bytes(bytes: &[u8]) -> Option<Vec<Value>> {
    let (values, rest) = bytes.as_chunks::<VALUE>();
    rest.is_empty().then(|| values.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(content: &[u8], block: usize) -> Vec<Value> {
        content
            .chunks(block)
            .enumerate()
            .map(|(index, bytes)| {
                let mut hasher = BlockHasher::new((index * block) as u64);
                hasher.update(bytes);
                hasher.finish()
            })
            .collect()
    }

    #[test]
    fn blocks_in_any_number_give_the_ordinary_hash() {
        let content: Vec<u8> = (0..40 * 65_536 + 17_u32).map(|n| (n * 31 % 251) as u8).collect();
        for block in [1 << 16, 1 << 18, 1 << 20] {
            for size in [block + 1, 2 * block, 2 * block + 1, 3 * block - 1, content.len()] {
                let Some(content) = content.get(..size) else { continue };
                let values = values(content, block);
                assert_eq!(root(&values, size as u64, block as u64), Some(of(content)), "block {block} size {size}");
            }
        }
    }

    #[test]
    fn small_blocks_merge_into_those_of_16_mib() {
        let content = vec![7_u8; (BLOCK * 2 + 5_000_000) as usize];
        let fine = values(&content, 1 << 20);
        let expected = values(&content, BLOCK as usize);
        assert_eq!(coarse(&fine, content.len() as u64, 1 << 20), Some(expected));
        assert_eq!(root(&fine, content.len() as u64, 1 << 20), Some(of(&content)));
    }

    #[test]
    fn only_parts_that_line_up_have_blocks() {
        assert_eq!(block_for(16 << 20), Some(BLOCK));
        assert_eq!(block_for(64 << 20), Some(BLOCK));
        assert_eq!(block_for(5 << 20), Some(1 << 20));
        assert_eq!(block_for(10_000_000), None);
        assert_eq!(block_for(0), None);
    }
}
