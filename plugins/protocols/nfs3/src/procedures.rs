//! The procedures of NFS version 3 (RFC 1813, section 3.3), as far as a file store needs them.

mod data;
mod directory;
mod names;
mod server;

pub use data::{Commit, Create, Durability, Read, ReadAnswer, Verifier, Write, Written};
pub use directory::{Cursor, DirectoryEntry, DirectoryPage, ReadDirectory, ReadDirectoryPlus};
pub use names::{
    GetAttributes, Link, Lookup, MakeDirectory, ReadLink, Remove, RemoveDirectory, Rename, SetFileAttributes, Symlink,
};
pub use server::{FileSystem, FileSystemInfo, Info, Null, Space};

use std::fmt;
use std::rc::Rc;

use crate::attributes::Attributes;
use crate::status::Status;
use crate::xdr::{Malformed, Reader, Writer};

pub const PROGRAM: u32 = 100_003;
pub const VERSION: u32 = 3;
/// Where it listens when nothing else is said; registered with IANA.
pub const PORT: u16 = 2049;
/// Bytes of a handle (section 2.4).
const HANDLE_BYTES: usize = 64;

/// What an answer is when the server did its part: the result, or why not.
pub type Answer<T> = Result<T, Status>;

/// A server's own name for a file. Stays the same when the file is renamed, and when the server restarts.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Handle(Rc<[u8]>);

impl Handle {
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let bytes = reader.opaque(HANDLE_BYTES, "file handle")?;
        if bytes.is_empty() { Err(Malformed("file handle")) } else { Ok(Self(bytes.into())) }
    }

    pub(crate) fn read_optional(reader: &mut Reader<'_>) -> Result<Option<Self>, Malformed> {
        reader.optional("file handle", Self::read)
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.opaque(&self.0);
    }

    /// `diropargs3`: a name in a directory.
    pub(crate) fn write_with(&self, name: &[u8], out: &mut Writer) {
        self.write(out);
        out.opaque(name);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// What a server gives a new name: its handle and attributes, each of which it may keep to itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    pub handle: Option<Handle>,
    pub attributes: Option<Attributes>,
}

impl Made {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { handle: Handle::read_optional(reader)?, attributes: Attributes::read_optional(reader)? })
    }
}

/// The status, and what stands behind a good one. What a server adds to a bad one is nobody's concern.
fn answered<T>(
    reader: &mut Reader<'_>,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, Malformed>,
) -> Result<Answer<T>, Malformed> {
    match reader.u32("status")? {
        0 => read(reader).map(Ok),
        status => Ok(Err(Status(status))),
    }
}

macro_rules! procedure {
    ($type:ty, $number:literal, $name:literal, $answer:ty, |$me:ident, $out:ident| $ask:expr, |$reader:ident| $read:expr) => {
        impl $crate::rpc::Procedure for $type {
            const PROGRAM: u32 = $crate::procedures::PROGRAM;
            const VERSION: u32 = $crate::procedures::VERSION;
            const NUMBER: u32 = $number;
            const NAME: &'static str = $name;
            type Answer = $crate::procedures::Answer<$answer>;

            fn ask(&self, $out: &mut $crate::xdr::Writer) {
                let $me = self;
                $ask;
            }

            fn read(answer: &mut $crate::xdr::Reader<'_>) -> Result<Self::Answer, $crate::xdr::Malformed> {
                $crate::procedures::answered(answer, |$reader| $read)
            }
        }
    };
}
use procedure;
