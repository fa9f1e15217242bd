//! What the host says in a negotiation.

use crate::export::{Blocks, Facts};
use crate::wire::{self, BASE_ALLOCATION, Put, answer, info};

pub(super) fn greeting(out: &mut Vec<u8>) {
    out.put_u64(wire::GREETING);
    out.put_u64(wire::OPTION);
    out.put_u16(wire::FIXED_NEWSTYLE | wire::NO_ZEROES);
}

/// Replies to one option, to be sent together.
pub(super) struct Replies {
    option: u32,
    bytes: Vec<u8>,
}

impl Replies {
    pub(super) fn to(option: u32) -> Self {
        Self { option, bytes: Vec::new() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn done(&mut self) {
        self.put(answer::ACK, &[]);
    }

    /// With a word for people.
    pub(super) fn refuse(&mut self, kind: u32, why: &str) {
        self.put(kind, why.as_bytes());
    }

    pub(super) fn server(&mut self, name: &str) {
        let mut data = Vec::new();
        data.put_u32(u32::try_from(name.len()).unwrap_or(u32::MAX));
        data.put(name.as_bytes());
        self.put(answer::SERVER, &data);
    }

    pub(super) fn export(&mut self, facts: &Facts) {
        let mut data = Vec::new();
        data.put_u16(info::EXPORT);
        data.put_u64(facts.size);
        data.put_u16(facts.flags);
        self.put(answer::INFO, &data);
    }

    pub(super) fn name(&mut self, name: &str) {
        let mut data = Vec::new();
        data.put_u16(info::NAME);
        data.put(name.as_bytes());
        self.put(answer::INFO, &data);
    }

    pub(super) fn blocks(&mut self, blocks: &Blocks) {
        let mut data = Vec::new();
        data.put_u16(info::BLOCK_SIZE);
        data.put_u32(blocks.minimum);
        data.put_u32(blocks.preferred);
        data.put_u32(blocks.maximum);
        self.put(answer::INFO, &data);
    }

    pub(super) fn context(&mut self, number: u32) {
        let mut data = Vec::new();
        data.put_u32(number);
        data.put(BASE_ALLOCATION.as_bytes());
        self.put(answer::META_CONTEXT, &data);
    }

    /// The answer to `EXPORT_NAME`, which has a form of its own.
    pub(super) fn old(&mut self, facts: &Facts, no_zeroes: bool) {
        self.bytes.put_u64(facts.size);
        self.bytes.put_u16(facts.flags);
        if !no_zeroes {
            self.bytes.put(&[0; wire::OLD_PADDING]);
        }
    }

    fn put(&mut self, kind: u32, data: &[u8]) {
        self.bytes.put_u64(wire::OPTION_REPLY);
        self.bytes.put_u32(self.option);
        self.bytes.put_u32(kind);
        self.bytes.put_u32(u32::try_from(data.len()).unwrap_or(u32::MAX));
        self.bytes.put(data);
    }
}
