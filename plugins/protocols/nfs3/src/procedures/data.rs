//! Bytes of files.

use std::ops::Range;

use super::{Handle, Made, procedure};
use crate::attributes::{Attributes, SetAttributes};
use crate::xdr::Malformed;

/// CREATE (3.3.8).
#[derive(Clone, Debug)]
pub enum Create<'a> {
    /// Made if absent, and given the attributes; of one that is there most servers change the size alone.
    Unchecked { directory: Handle, name: &'a [u8], set: SetAttributes },
    /// Must be absent, or have been made with the same verifier before.
    Exclusive { directory: Handle, name: &'a [u8], verifier: [u8; 8] },
}

procedure!(
    Create<'_>,
    8,
    "CREATE",
    Made,
    |me, out| match me {
        Self::Unchecked { directory, name, set } => {
            directory.write_with(name, out);
            out.u32(0);
            set.write(out);
        }
        Self::Exclusive { directory, name, verifier } => {
            directory.write_with(name, out);
            out.u32(2);
            out.fixed(verifier);
        }
    },
    |answer| Made::read(answer)
);

/// READ (3.3.6).
#[derive(Clone, Debug)]
pub struct Read {
    pub file: Handle,
    pub offset: u64,
    pub count: u32,
}

/// Where in the record of the answer the bytes lie, and whether the file ends with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadAnswer {
    /// Counted from the end of the record, since the answer does not know what stood before it.
    from_end: Range<usize>,
    pub end_of_file: bool,
}

impl ReadAnswer {
    /// The bytes alone, in the memory they were received in.
    pub fn data(&self, mut record: Vec<u8>) -> Vec<u8> {
        let (start, end) = (record.len() - self.from_end.start, record.len() - self.from_end.end);
        record.truncate(end);
        record.drain(..start);
        record
    }

    pub fn len(&self) -> usize {
        self.from_end.start - self.from_end.end
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

procedure!(
    Read,
    6,
    "READ",
    ReadAnswer,
    |me, out| {
        me.file.write(out);
        out.u64(me.offset);
        out.u32(me.count);
    },
    |answer| {
        Attributes::read_optional(answer)?;
        let count = answer.u32("count")?;
        let end_of_file = answer.bool("end of file")?;
        let before = answer.left();
        let data = answer.opaque(before, "data")?;
        if data.len() != count as usize {
            return Err(Malformed("as many bytes as were counted"));
        }
        // The number of bytes stands before them.
        let start = before - 4;
        Ok(ReadAnswer { from_end: start..start - data.len(), end_of_file })
    }
);

/// How firmly a server holds what was written (`stable_how`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Until it restarts; COMMIT makes it last.
    Unstable,
    /// Data and metadata last.
    FileSync,
}

/// Changes when a server forgot what was written and not committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verifier(pub [u8; 8]);

/// WRITE (3.3.7). The bytes are not in the message: the caller sends `count` of them behind it, and the padding.
#[derive(Clone, Debug)]
pub struct Write {
    pub file: Handle,
    pub offset: u64,
    pub count: u32,
    pub durability: Durability,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Bytes, which may be fewer than were sent.
    pub count: u32,
    /// At least what was asked for.
    pub durability: Durability,
    pub verifier: Verifier,
}

procedure!(
    Write,
    7,
    "WRITE",
    Written,
    |me, out| {
        me.file.write(out);
        out.u64(me.offset);
        out.u32(me.count);
        out.u32(match me.durability {
            Durability::Unstable => 0,
            Durability::FileSync => 2,
        });
        out.u32(me.count);
    },
    |answer| {
        Attributes::read_change(answer)?;
        let count = answer.u32("count")?;
        let durability = match answer.u32("committed")? {
            0 => Durability::Unstable,
            // Data that lasts without its metadata (1) may lose its length: not enough.
            1 => Durability::Unstable,
            2 => Durability::FileSync,
            _ => return Err(Malformed("committed")),
        };
        Ok(Written { count, durability, verifier: Verifier(answer.fixed("verifier")?) })
    }
);

/// COMMIT (3.3.21) of a whole file.
#[derive(Clone, Debug)]
pub struct Commit {
    pub file: Handle,
}

procedure!(
    Commit,
    21,
    "COMMIT",
    Verifier,
    |me, out| {
        me.file.write(out);
        out.u64(0);
        out.u32(0);
    },
    |answer| {
        Attributes::read_change(answer)?;
        Ok(Verifier(answer.fixed("verifier")?))
    }
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::Procedure;
    use crate::xdr::{Reader, Writer};

    #[test]
    fn the_bytes_of_a_read_are_cut_out_of_their_record() {
        let mut out = Writer::default();
        out.fixed(b"head");
        out.u32(0);
        out.bool(false);
        out.u32(5);
        out.bool(true);
        out.opaque(b"bytes");
        let record = out.into_bytes();
        let answer = Read::read(&mut Reader::new(&record[4..])).unwrap().unwrap();
        assert!(answer.end_of_file && answer.len() == 5 && !answer.is_empty());
        assert_eq!(answer.data(record.clone()), b"bytes");
        let mut wrong = record;
        wrong[15] = 6;
        assert!(Read::read(&mut Reader::new(&wrong[4..])).is_err(), "a count that is not the data's");
    }

    #[test]
    fn a_write_says_how_many_bytes_follow_and_hears_what_became_of_them() {
        let mut out = Writer::default();
        let file = Handle::read(&mut Reader::new(b"\0\0\0\x04abcd")).unwrap();
        Write { file, offset: 1 << 33, count: 9, durability: Durability::FileSync }.ask(&mut out);
        let asked = out.into_bytes();
        assert_eq!(asked[8..], [0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 9]);
        let mut out = Writer::default();
        for word in [0, 0, 0, 7, 1] {
            out.u32(word);
        }
        out.fixed(b"verifier");
        let answered = out.into_bytes();
        let written = Write::read(&mut Reader::new(&answered)).unwrap().unwrap();
        assert_eq!(written, Written { count: 7, durability: Durability::Unstable, verifier: Verifier(*b"verifier") });
    }
}
