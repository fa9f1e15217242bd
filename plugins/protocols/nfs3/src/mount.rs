//! The mount protocol, version 3 (RFC 1813, appendix I): from the path of an export to its root.

use crate::procedures::Handle;
use crate::rpc::Procedure;
use crate::xdr::{Malformed, Reader, Writer};

pub const PROGRAM: u32 = 100_005;
pub const VERSION: u32 = 3;
/// Where it listens when nothing else is said; registered with IANA.
pub const PORT: u16 = 20_048;
/// Bytes of a path and of a name (appendix I, section 5.1.2).
const PATH_BYTES: usize = 1024;
const NAME_BYTES: usize = 255;
/// The flavour of credentials that says user and groups by number.
pub const AUTH_SYS: u32 = 1;
/// Flavours in an answer that are looked at.
const FLAVOURS: u32 = 64;
/// Exports, and groups of one, that are looked at.
const EXPORTS: usize = 10_000;

/// `mountstat3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MountStatus(pub u32);

impl MountStatus {
    pub const PERM: Self = Self(1);
    pub const NOENT: Self = Self(2);
    pub const ACCES: Self = Self(13);
    pub const NOTDIR: Self = Self(20);
    pub const INVAL: Self = Self(22);
    pub const NAMETOOLONG: Self = Self(63);

    pub fn name(self) -> String {
        let name = match self.0 {
            1 => "MNT3ERR_PERM",
            2 => "MNT3ERR_NOENT",
            5 => "MNT3ERR_IO",
            13 => "MNT3ERR_ACCES",
            20 => "MNT3ERR_NOTDIR",
            22 => "MNT3ERR_INVAL",
            63 => "MNT3ERR_NAMETOOLONG",
            10_004 => "MNT3ERR_NOTSUPP",
            10_006 => "MNT3ERR_SERVERFAULT",
            other => return format!("mountstat3 {other}"),
        };
        name.to_owned()
    }
}

/// MNT: the root of an export, and the credentials it takes.
#[derive(Clone, Copy, Debug)]
pub struct Mount<'a> {
    pub path: &'a str,
}

/// What an export is entered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounted {
    pub root: Handle,
    pub flavours: Vec<u32>,
}

impl Procedure for Mount<'_> {
    const PROGRAM: u32 = PROGRAM;
    const VERSION: u32 = VERSION;
    const NUMBER: u32 = 1;
    const NAME: &'static str = "MNT";
    type Answer = Result<Mounted, MountStatus>;

    fn ask(&self, out: &mut Writer) {
        out.opaque(self.path.as_bytes());
    }

    fn read(answer: &mut Reader<'_>) -> Result<Self::Answer, Malformed> {
        match answer.u32("mount status")? {
            0 => {
                let root = Handle::read(answer)?;
                let count = answer.u32("flavours")?.min(FLAVOURS);
                let flavours = (0..count).map(|_| answer.u32("flavour")).collect::<Result<_, _>>()?;
                Ok(Ok(Mounted { root, flavours }))
            }
            status => Ok(Err(MountStatus(status))),
        }
    }
}

/// EXPORT: the paths a server gives out, whoever may have them.
#[derive(Clone, Copy, Debug)]
pub struct Exports;

impl Procedure for Exports {
    const PROGRAM: u32 = PROGRAM;
    const VERSION: u32 = VERSION;
    const NUMBER: u32 = 5;
    const NAME: &'static str = "EXPORT";
    type Answer = Vec<Vec<u8>>;

    fn ask(&self, _out: &mut Writer) {}

    fn read(answer: &mut Reader<'_>) -> Result<Self::Answer, Malformed> {
        let mut paths = Vec::new();
        let mut seen = 0;
        while answer.bool("one more export")? {
            paths.push(answer.opaque(PATH_BYTES, "path of an export")?.to_vec());
            while answer.bool("one more group")? {
                answer.opaque(NAME_BYTES, "name of a group")?;
                seen += 1;
            }
            seen += 1;
            if seen > EXPORTS {
                return Err(Malformed("a list of exports that ends"));
            }
        }
        Ok(paths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_entered_or_refused() {
        let mut out = Writer::default();
        out.u32(0);
        out.opaque(&[7; 28]);
        out.u32(2);
        out.u32(6);
        out.u32(AUTH_SYS);
        let bytes = out.into_bytes();
        let mounted = Mount::read(&mut Reader::new(&bytes)).unwrap().unwrap();
        assert_eq!((mounted.root.bytes(), mounted.flavours), (&[7; 28][..], vec![6, AUTH_SYS]));
        let refused = Mount::read(&mut Reader::new(&[0, 0, 0, 13])).unwrap().unwrap_err();
        assert_eq!((refused, refused.name()), (MountStatus::ACCES, "MNT3ERR_ACCES".to_owned()));
        assert!(Mount::read(&mut Reader::new(&[0, 0, 0, 0, 0, 0, 0, 65])).is_err(), "no handle is that long");
    }

    #[test]
    fn exports_are_read_with_their_groups() {
        let mut out = Writer::default();
        for (path, groups) in [("/a", &["*"][..]), ("/b", &[])] {
            out.bool(true);
            out.opaque(path.as_bytes());
            for group in groups {
                out.bool(true);
                out.opaque(group.as_bytes());
            }
            out.bool(false);
        }
        out.bool(false);
        assert_eq!(Exports::read(&mut Reader::new(&out.into_bytes())).unwrap(), [b"/a", b"/b"]);
    }
}
