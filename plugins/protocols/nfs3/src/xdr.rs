//! External data representation (RFC 4506): big-endian, in units of four bytes.

/// An answer that does not follow the protocol; what was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// Bytes that fill up a unit.
pub fn padding(length: usize) -> usize {
    length.wrapping_neg() % 4
}

#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    pub fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub fn bool(&mut self, value: bool) {
        self.u32(u32::from(value));
    }

    /// Bytes whose number the protocol fixes; a multiple of four.
    pub fn fixed(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Bytes with their number before them.
    pub fn opaque(&mut self, bytes: &[u8]) {
        // What a client sends is short; longer is refused by the server as any wrong length is.
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len() + padding(bytes.len()), 0);
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Reads without copying; never beyond the end.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes that were not read yet.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    pub fn fixed<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed(what))?;
        self.rest = rest;
        Ok(*bytes)
    }

    pub fn u32(&mut self, what: &'static str) -> Result<u32, Malformed> {
        self.fixed(what).map(u32::from_be_bytes)
    }

    pub fn u64(&mut self, what: &'static str) -> Result<u64, Malformed> {
        self.fixed(what).map(u64::from_be_bytes)
    }

    pub fn bool(&mut self, what: &'static str) -> Result<bool, Malformed> {
        match self.u32(what)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed(what)),
        }
    }

    /// At most `most` bytes.
    pub fn opaque(&mut self, most: usize, what: &'static str) -> Result<&'a [u8], Malformed> {
        let length = self.u32(what)? as usize;
        if length > most {
            return Err(Malformed(what));
        }
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed(what))?;
        self.rest = rest.get(padding(length)..).ok_or(Malformed(what))?;
        Ok(bytes)
    }

    /// What stands behind a flag that says whether it is there.
    pub fn optional<T>(
        &mut self,
        what: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        if self.bool(what)? { read(self).map(Some) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_filled_up_to_four() {
        let mut writer = Writer::default();
        writer.u32(7);
        writer.u64(1 << 40);
        writer.bool(true);
        writer.opaque(b"abcde");
        writer.opaque(b"");
        let bytes = writer.into_bytes();
        assert_eq!(bytes.len(), 4 + 8 + 4 + 4 + 8 + 4);
        let mut reader = Reader::new(&bytes);
        assert_eq!((reader.u32("a").unwrap(), reader.u64("b").unwrap(), reader.bool("c").unwrap()), (7, 1 << 40, true));
        assert_eq!((reader.opaque(5, "d").unwrap(), reader.opaque(0, "e").unwrap(), reader.left()), (&b"abcde"[..], &b""[..], 0));
    }

    #[test]
    fn a_length_beyond_the_bytes_is_malformed_and_allocates_nothing() {
        for bytes in [&b"\xff\xff\xff\xff"[..], b"\0\0\0\x05abcd", b"\0\0\0\x05abcde", b"\0\0"] {
            assert!(Reader::new(bytes).opaque(usize::MAX, "name").is_err(), "{bytes:?}");
        }
        assert!(Reader::new(b"\0\0\0\x04abcd").opaque(3, "name").is_err());
        assert!(Reader::new(b"\0\0\0\x02").bool("flag").is_err());
    }
}
