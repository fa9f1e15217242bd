//! What a partition consists of, and how its index file tells of it.
//!
//! The index is only ever appended to: entries of 16 bytes, each a record behind those before it, or a cut, from which on what was there is
//! gone. So it holds at any moment what the medium of a drive without power would.

/// Bytes of the tape that a record takes beside its data.
pub(crate) const OVERHEAD: u64 = 4;
pub(crate) const ENTRY: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its bytes are in the data file.
    Block,
    /// Its bytes were not kept.
    Sunk,
    Filemark,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    pub(crate) length: u32,
    /// In the data file; of a sunk one, which pattern it has.
    pub(crate) offset: u64,
    /// Bytes of the tape up to its end.
    pub(crate) end: u64,
}

/// One entry of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Record {
        kind: Kind,
        length: u32,
        offset: u64,
    },
    /// Only so many records are left.
    Cut(u64),
}

impl Entry {
    pub(crate) fn bytes(self) -> [u8; ENTRY] {
        let (number, length, kind) = match self {
            Self::Record { kind, length, offset } => {
                let kind: u32 = match kind {
                    Kind::Block => 0,
                    Kind::Filemark => 1,
                    Kind::Sunk => 2,
                };
                (offset, length, kind)
            }
            Self::Cut(count) => (count, 0, 3),
        };
        let number = (u128::from(number) << 64) | (u128::from(length) << 32) | u128::from(kind);
        number.to_be_bytes()
    }

    /// None: no entry.
    pub(crate) fn read(bytes: [u8; ENTRY]) -> Option<Self> {
        let number = u128::from_be_bytes(bytes);
        let (offset, length) = ((number >> 64) as u64, (number >> 32) as u32);
        let kind = match number as u32 {
            0 => Kind::Block,
            1 => Kind::Filemark,
            2 => Kind::Sunk,
            3 => return Some(Self::Cut(offset)),
            _ => return None,
        };
        Some(Self::Record { kind, length, offset })
    }
}
