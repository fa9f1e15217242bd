//! Names of directories, a page at a time.

use super::{Handle, procedure};
use crate::attributes::Attributes;
use crate::xdr::{Malformed, Reader};

/// Bytes of a name that is taken from a server. POSIX has 255; what is longer would not pass any host.
const NAME_BYTES: usize = 4096;

/// Where a listing goes on: after the name with this cookie, as long as the verifier holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    pub cookie: u64,
    pub verifier: [u8; 8],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    pub name: Vec<u8>,
    pub cookie: u64,
    pub attributes: Option<Attributes>,
    pub handle: Option<Handle>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryPage {
    pub verifier: [u8; 8],
    pub entries: Vec<DirectoryEntry>,
    pub end: bool,
}

/// READDIRPLUS (3.3.17): names, attributes and handles.
#[derive(Clone, Debug)]
pub struct ReadDirectoryPlus {
    pub directory: Handle,
    pub cursor: Cursor,
    /// Bytes of names alone, and of the whole answer.
    pub names: u32,
    pub most: u32,
}

procedure!(
    ReadDirectoryPlus,
    17,
    "READDIRPLUS",
    DirectoryPage,
    |me, out| {
        me.directory.write(out);
        out.u64(me.cursor.cookie);
        out.fixed(&me.cursor.verifier);
        out.u32(me.names);
        out.u32(me.most);
    },
    |answer| page(answer, |answer| Ok((Attributes::read_optional(answer)?, Handle::read_optional(answer)?)))
);

/// READDIR (3.3.16), for servers that have no READDIRPLUS.
#[derive(Clone, Debug)]
pub struct ReadDirectory {
    pub directory: Handle,
    pub cursor: Cursor,
    /// Bytes of the whole answer.
    pub most: u32,
}

procedure!(
    ReadDirectory,
    16,
    "READDIR",
    DirectoryPage,
    |me, out| {
        me.directory.write(out);
        out.u64(me.cursor.cookie);
        out.fixed(&me.cursor.verifier);
        out.u32(me.most);
    },
    |answer| page(answer, |_| Ok((None, None)))
);

type More = (Option<Attributes>, Option<Handle>);

fn page(answer: &mut Reader<'_>, more: impl Fn(&mut Reader<'_>) -> Result<More, Malformed>) -> Result<DirectoryPage, Malformed> {
    Attributes::read_optional(answer)?;
    let verifier = answer.fixed("cookie verifier")?;
    let mut entries = Vec::new();
    while answer.bool("one more entry")? {
        answer.u64("fileid")?;
        let name = answer.opaque(NAME_BYTES, "name")?.to_vec();
        let cookie = answer.u64("cookie")?;
        let (attributes, handle) = more(answer)?;
        entries.push(DirectoryEntry { name, cookie, attributes, handle });
    }
    Ok(DirectoryPage { verifier, entries, end: answer.bool("end of directory")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::Procedure;
    use crate::xdr::Writer;

    #[test]
    fn a_page_is_read_to_its_end_also_where_the_server_tells_little() {
        let mut out = Writer::default();
        out.u32(0);
        out.bool(false);
        out.fixed(b"verifier");
        for (name, cookie) in [(&b"a"[..], 3), (b"\xff\xfe", 9)] {
            out.bool(true);
            out.u64(1);
            out.opaque(name);
            out.u64(cookie);
            out.bool(false);
            out.bool(true);
            out.opaque(b"handle");
        }
        out.bool(false);
        out.bool(true);
        let bytes = out.into_bytes();
        let page = ReadDirectoryPlus::read(&mut Reader::new(&bytes)).unwrap().unwrap();
        let names: Vec<_> = page.entries.iter().map(|entry| (entry.name.as_slice(), entry.cookie)).collect();
        assert_eq!((names, page.end, page.verifier), (vec![(&b"a"[..], 3), (b"\xff\xfe", 9)], true, *b"verifier"));
        assert!(page.entries.iter().all(|entry| entry.handle.is_some() && entry.attributes.is_none()));
        for cut in 1..bytes.len() {
            assert!(ReadDirectoryPlus::read(&mut Reader::new(&bytes[..cut])).is_err(), "{cut}");
        }
    }
}
