//! Bytes of a section, filled into blocks.

use std::collections::VecDeque;

use crate::tar;

#[derive(Debug)]
pub(crate) struct Section {
    /// Bytes of a block.
    block: usize,
    filling: Vec<u8>,
    full: VecDeque<Vec<u8>>,
    /// Bytes so far.
    bytes: u64,
    /// Blocks that are full so far, taken or not.
    blocks: u64,
}

impl Section {
    pub(crate) fn new(block: u32) -> Self {
        let block = usize::try_from(block).unwrap_or(usize::MAX);
        Self { block, filling: Vec::new(), full: VecDeque::new(), bytes: 0, blocks: 0 }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn blocks(&self) -> u64 {
        self.blocks
    }

    pub(crate) fn waiting(&self) -> usize {
        self.full.len()
    }

    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        self.full.pop_front()
    }

    /// As much as the block that is being filled has room for; how much that was.
    pub(crate) fn fill(&mut self, piece: &[u8]) -> usize {
        if self.filling.capacity() == 0 {
            self.filling.reserve_exact(self.block);
        }
        let room = self.block.saturating_sub(self.filling.len());
        let part = piece.get(..room).unwrap_or(piece);
        self.filling.extend_from_slice(part);
        self.bytes = self.bytes.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
        if self.filling.len() >= self.block {
            self.full.push_back(std::mem::take(&mut self.filling));
            self.blocks = self.blocks.saturating_add(1);
        }
        part.len()
    }

    /// All of it. Few bytes: they wait here until they are taken.
    pub(crate) fn put(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let filled = self.fill(bytes);
            bytes = bytes.get(filled..).unwrap_or_default();
        }
    }

    /// Zeros up to the next record of a tar.
    pub(crate) fn pad(&mut self) {
        let zeros = tar::padding(self.bytes);
        self.put(tar::ZEROS.get(..zeros).unwrap_or_default());
    }

    /// The end of a tar, two records of zeros, and zeros to the end of the block.
    pub(crate) fn end(&mut self) {
        self.pad();
        self.put(&tar::ZEROS);
        self.put(&tar::ZEROS);
        self.close();
    }

    /// Zeros to the end of the block, if it was begun.
    pub(crate) fn close(&mut self) {
        if self.filling.is_empty() {
            return;
        }
        let zeros = self.block.saturating_sub(self.filling.len());
        self.bytes = self.bytes.saturating_add(u64::try_from(zeros).unwrap_or(u64::MAX));
        self.filling.resize(self.block, 0);
        self.full.push_back(std::mem::take(&mut self.filling));
        self.blocks = self.blocks.saturating_add(1);
    }
}
