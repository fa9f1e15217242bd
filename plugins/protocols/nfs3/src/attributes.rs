//! What a server tells of a file, and what a client may change (RFC 1813, sections 2.5 and 3.3.2).

use crate::xdr::{Malformed, Reader, Writer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    File,
    Directory,
    Symlink,
    /// A device, a socket, a pipe.
    Other,
}

/// `fattr3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    pub kind: FileKind,
    pub mode: u32,
    pub links: u32,
    pub uid: u32,
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// The filesystem, and the file in it: together what no two files share.
    pub fsid: u64,
    pub fileid: u64,
    /// When it was last read, its content changed, or anything of it changed: the protocol's seconds and nanoseconds.
    pub accessed: (u32, u32),
    pub modified: (u32, u32),
    pub changed: (u32, u32),
}

impl Attributes {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let kind = match reader.u32("file type")? {
            1 => FileKind::File,
            2 => FileKind::Directory,
            5 => FileKind::Symlink,
            3 | 4 | 6 | 7 => FileKind::Other,
            _ => return Err(Malformed("file type")),
        };
        let mode = reader.u32("mode")?;
        let links = reader.u32("links")?;
        let (uid, gid) = (reader.u32("uid")?, reader.u32("gid")?);
        let size = reader.u64("size")?;
        reader.u64("bytes used")?;
        reader.u64("device number")?;
        let (fsid, fileid) = (reader.u64("fsid")?, reader.u64("fileid")?);
        let mut time = |what| Ok((reader.u32(what)?, reader.u32(what)?));
        let (accessed, modified, changed) = (time("atime")?, time("mtime")?, time("ctime")?);
        Ok(Self { kind, mode, links, uid, gid, size, fsid, fileid, accessed, modified, changed })
    }

    /// `post_op_attr`: a server may leave them out.
    pub(crate) fn read_optional(reader: &mut Reader<'_>) -> Result<Option<Self>, Malformed> {
        reader.optional("attributes", Self::read)
    }

    /// `wcc_data`: what stood there before, which nobody here asks for, and what does now.
    pub(crate) fn read_change(reader: &mut Reader<'_>) -> Result<Option<Self>, Malformed> {
        reader.optional("attributes before", |reader| reader.fixed::<24>("attributes before"))?;
        Self::read_optional(reader)
    }
}

/// `sattr3`. What is none stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetAttributes {
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub size: Option<u64>,
    pub accessed: Option<(u32, u32)>,
    pub modified: Option<(u32, u32)>,
}

impl SetAttributes {
    pub(crate) fn write(&self, out: &mut Writer) {
        for word in [self.mode, self.uid, self.gid] {
            out.bool(word.is_some());
            if let Some(word) = word {
                out.u32(word);
            }
        }
        out.bool(self.size.is_some());
        if let Some(size) = self.size {
            out.u64(size);
        }
        for time in [self.accessed, self.modified] {
            // 2: to the client's time.
            out.u32(if time.is_some() { 2 } else { 0 });
            if let Some((seconds, nanoseconds)) = time {
                out.u32(seconds);
                out.u32(nanoseconds);
            }
        }
    }
}
