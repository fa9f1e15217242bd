//! The generator, which is the same in every run.

use crate::header::NONE;

/// xorshift64*.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.roll() >> 33).unwrap() % most.max(1)
    }

    pub(super) fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    pub(super) fn word(&mut self) -> u32 {
        match self.below(4) {
            0 => u32::try_from(self.below(4)).unwrap(),
            1 => NONE - u32::try_from(self.below(3)).unwrap(),
            _ => u32::try_from(self.roll() >> 32).unwrap(),
        }
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    pub(super) fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| u8::try_from(self.roll() >> 56).unwrap()).collect()
    }
}
