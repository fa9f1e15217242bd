//! Files as blocks. Small files share blocks, so that a million of them are no million blocks (section 6.3.2); a large one goes over as many
//! as it needs. What a file's extents say is true once its last block, and an index with them, are on the tape.

use crate::{Extent, Partition};

#[derive(Debug)]
pub struct Packer {
    block_bytes: usize,
    partition: Partition,
    /// The number that the block which is being filled will have.
    block: u64,
    filling: Vec<u8>,
    file: Option<Open>,
}

#[derive(Debug)]
struct Open {
    offset: u64,
    extents: Vec<Extent>,
    /// Where it began, to go back there.
    block: u64,
    byte: usize,
}

impl Packer {
    /// `block`: the number of the next block that is written to the partition.
    pub fn new(partition: Partition, block_bytes: u32, block: u64) -> Self {
        Self { block_bytes: block_bytes.max(1) as usize, partition, block, filling: Vec::new(), file: None }
    }

    /// The number of the block that is being filled.
    pub fn block(&self) -> u64 {
        self.block
    }

    /// Bytes that are in no block yet.
    pub fn waiting(&self) -> usize {
        self.filling.len()
    }

    /// After something else was written (an index with its filemarks): the number of the next block. False, and nothing changes: bytes
    /// wait, which were to be flushed before.
    #[must_use]
    pub fn go_on_at(&mut self, block: u64) -> bool {
        let is_free = self.filling.is_empty();
        if is_free {
            self.block = block;
        }
        is_free
    }

    /// The next file begins here; one that was not finished is given up.
    pub fn begin(&mut self) {
        self.abandon();
        self.file = Some(Open { offset: 0, extents: Vec::new(), block: self.block, byte: self.filling.len() });
    }

    /// Takes bytes of the file off the front, as many as make a block full, and gives it out then: to be written at once, before any other
    /// call's. None: all were taken.
    pub fn push(&mut self, bytes: &mut &[u8]) -> Option<Vec<u8>> {
        if bytes.is_empty() {
            return None;
        }
        let (block, byte) = (self.block, self.filling.len());
        let (taken, rest) = bytes.split_at_checked(self.block_bytes - byte).unwrap_or((bytes, &[]));
        *bytes = rest;
        if self.filling.capacity() == 0 {
            self.filling.reserve_exact(self.block_bytes);
        }
        self.filling.extend_from_slice(taken);
        if let Some(file) = &mut self.file {
            file.add(self.partition, block, byte, taken.len() as u64, self.block_bytes);
        }
        (self.filling.len() == self.block_bytes).then(|| self.take_block())
    }

    /// So many zeros of a file that are not written.
    pub fn hole(&mut self, bytes: u64) {
        if let Some(file) = &mut self.file {
            file.offset = file.offset.saturating_add(bytes);
        }
    }

    /// The file's length and extents.
    pub fn finish(&mut self) -> (u64, Vec<Extent>) {
        self.file.take().map(|file| (file.offset, file.extents)).unwrap_or_default()
    }

    /// The file came to nothing. What of it is in no block yet goes; blocks that were given out are on the tape, and nothing points to them.
    pub fn abandon(&mut self) {
        if let Some(file) = self.file.take() {
            self.filling.truncate(if file.block == self.block { file.byte } else { 0 });
        }
    }

    /// The last block, which may be short: before filemarks and whenever what was finished has to be on the tape.
    pub fn flush(&mut self) -> Option<Vec<u8>> {
        (!self.filling.is_empty()).then(|| self.take_block())
    }

    fn take_block(&mut self) -> Vec<u8> {
        self.block += 1;
        std::mem::take(&mut self.filling)
    }
}

impl Open {
    fn add(&mut self, partition: Partition, block: u64, byte: usize, count: u64, block_bytes: usize) {
        // After a flush in the middle of a file the last block was short: bytes behind it do not follow.
        let follows = |last: &&mut Extent| {
            let end = u64::from(last.byte_offset) + last.byte_count;
            last.file_offset + last.byte_count == self.offset
                && last.start_block + end / block_bytes as u64 == block
                && end % block_bytes as u64 == byte as u64
        };
        match self.extents.last_mut().filter(|last| follows(last)) {
            Some(last) => last.byte_count += count,
            None => {
                // Less than a block, which is what a u32 counts.
                let byte_offset = u32::try_from(byte).unwrap_or(u32::MAX);
                let extent = Extent { file_offset: self.offset, start_block: block, byte_count: count, byte_offset, partition };
                self.extents.push(extent);
            }
        }
        self.offset += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Run, runs};

    fn write(packer: &mut Packer, tape: &mut Vec<Vec<u8>>, mut bytes: &[u8]) {
        while let Some(block) = packer.push(&mut bytes) {
            tape.push(block);
        }
        assert!(bytes.is_empty());
    }

    fn read(tape: &[Vec<u8>], first: u64, length: u64, extents: &[Extent], block_bytes: u32) -> Vec<u8> {
        let mut out = Vec::new();
        for run in runs(extents, length, 0, length, block_bytes) {
            match run {
                Run::Hole { bytes } => out.resize(out.len() + usize::try_from(bytes).unwrap(), 0),
                Run::Data { block, skip, bytes, .. } => {
                    let blocks = tape.iter().skip(usize::try_from(block - first).unwrap()).flatten();
                    out.extend(blocks.skip(skip as usize).take(usize::try_from(bytes).unwrap()));
                }
            }
        }
        out
    }

    #[test]
    fn small_files_share_a_block_and_large_ones_go_over_many() {
        let (mut packer, mut tape) = (Packer::new(Partition::B, 8, 10), Vec::new());
        let mut files = Vec::new();
        for content in [&b"abc"[..], b"", b"defghijklmnopqrstuvwxyz", b"1", b"23456789"] {
            packer.begin();
            write(&mut packer, &mut tape, content);
            files.push((content, packer.finish()));
        }
        tape.extend(packer.flush());
        assert_eq!(tape.iter().map(Vec::len).collect::<Vec<_>>(), [8, 8, 8, 8, 3]);
        assert_eq!(packer.block(), 15);
        for (content, (length, extents)) in files {
            assert_eq!((length, extents.len()), (content.len() as u64, usize::from(!content.is_empty())));
            assert_eq!(read(&tape, 10, length, &extents, 8), content);
        }
    }

    #[test]
    fn a_file_with_holes_or_a_flush_in_it_has_several_extents() {
        let (mut packer, mut tape) = (Packer::new(Partition::B, 4, 0), Vec::new());
        packer.begin();
        packer.hole(2);
        write(&mut packer, &mut tape, b"ab");
        packer.hole(3);
        write(&mut packer, &mut tape, b"cdefg");
        tape.extend(packer.flush());
        write(&mut packer, &mut tape, b"h");
        packer.hole(1);
        let (length, extents) = packer.finish();
        tape.extend(packer.flush());
        assert_eq!((length, extents.len()), (14, 3));
        assert_eq!(read(&tape, 0, length, &extents, 4), b"\0\0ab\0\0\0cdefgh\0");
    }

    #[test]
    fn a_file_that_is_given_up_leaves_its_neighbours_alone() {
        let (mut packer, mut tape) = (Packer::new(Partition::B, 4, 0), Vec::new());
        packer.begin();
        write(&mut packer, &mut tape, b"ab");
        let first = packer.finish();
        packer.begin();
        write(&mut packer, &mut tape, b"x");
        packer.begin();
        write(&mut packer, &mut tape, b"yyyyyyy");
        packer.abandon();
        packer.begin();
        write(&mut packer, &mut tape, b"cd");
        let last = packer.finish();
        tape.extend(packer.flush());
        assert_eq!(tape, [b"abyy".to_vec(), b"yyyy".to_vec(), b"cd".to_vec()]);
        assert_eq!((read(&tape, 0, 2, &first.1, 4), read(&tape, 0, 2, &last.1, 4)), (b"ab".to_vec(), b"cd".to_vec()));
        assert!(packer.go_on_at(9));
        assert_eq!((packer.block(), packer.waiting(), packer.flush()), (9, 0, None));
    }
}
