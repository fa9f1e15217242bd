//! Fields of commands and parameter lists: big-endian, at fixed places. What lies behind the end of a short command reads as 0.

#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    pub(crate) fn byte(self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    pub(crate) fn bit(self, at: usize, mask: u8) -> bool {
        self.byte(at) & mask != 0
    }

    /// Of so many bytes, at most eight.
    fn number(self, at: usize, bytes: usize) -> u64 {
        (at..at + bytes).fold(0, |number, at| (number << 8) | u64::from(self.byte(at)))
    }

    pub(crate) fn two(self, at: usize) -> u16 {
        u16::from_be_bytes([self.byte(at), self.byte(at + 1)])
    }

    pub(crate) fn three(self, at: usize) -> u32 {
        u32::from_be_bytes([0, self.byte(at), self.byte(at + 1), self.byte(at + 2)])
    }

    pub(crate) fn four(self, at: usize) -> u32 {
        u32::from_be_bytes([self.byte(at), self.byte(at + 1), self.byte(at + 2), self.byte(at + 3)])
    }

    pub(crate) fn eight(self, at: usize) -> u64 {
        self.number(at, 8)
    }
}

/// The low three bytes of a number, as fields of three bytes have them.
pub(crate) fn three(number: usize) -> [u8; 3] {
    let [.., a, b, c] = number.to_be_bytes();
    [a, b, c]
}

/// The low two bytes.
pub(crate) fn two(number: usize) -> [u8; 2] {
    let [.., a, b] = number.to_be_bytes();
    [a, b]
}

/// The low four bytes.
pub(crate) fn four(number: usize) -> [u8; 4] {
    let [.., a, b, c, d] = number.to_be_bytes();
    [a, b, c, d]
}

/// Text on the left, blanks behind it, exactly so many bytes.
pub(crate) fn padded(text: &str, bytes: usize) -> Vec<u8> {
    text.bytes().chain(std::iter::repeat(b' ')).take(bytes).collect()
}

/// What is answered, where only so many bytes may be.
pub(crate) fn cut(mut data: Vec<u8>, allocated: usize) -> Vec<u8> {
    data.truncate(allocated);
    data
}
