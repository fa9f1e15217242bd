//! Paths in a raw tree: relative, as the catalogue spells them, '/' between names, nothing that climbs.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use capstan_domain::{Failure, Outcome, names};

/// Bytes of a path, the kernel's own bound.
const PATH_BYTES: usize = 4096;
/// Bytes of a name.
const NAME_BYTES: usize = 255;
/// Temporary names begin and end so, as those of all files of the host that are under way.
const TEMPORARY: (&str, &str) = (".capstan-", ".part");
/// What in the root of a raw tree begins so is the host's own.
pub const OWN_PREFIX: &str = ".capstan-";
/// Hexadecimal digits between.
const TEMPORARY_DIGITS: usize = 16;

/// Where a file stands: the folder, and its name there.
#[derive(Debug)]
pub(crate) struct Spot {
    pub(crate) folder: PathBuf,
    pub(crate) name: OsString,
}

impl Spot {
    pub(crate) fn read(path: &str) -> Outcome<Self> {
        if path.len() > PATH_BYTES {
            return Err(wrong(format!("A path may have {PATH_BYTES} bytes")));
        }
        let mut names = path.split('/').map(read_name).collect::<Outcome<Vec<_>>>()?;
        let name = names.pop().ok_or_else(|| wrong("A path has a name"))?;
        let folder = if names.is_empty() { PathBuf::from(".") } else { names.iter().collect() };
        Ok(Self { folder, name })
    }

    pub(crate) fn whole(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    pub(crate) fn is_temporary(&self) -> bool {
        is_temporary(&self.name)
    }
}

/// Whether the name is one of a file of the host that is under way: a view shows it to nobody and lets nobody take it.
pub fn is_temporary(name: &OsStr) -> bool {
    let (begin, end) = TEMPORARY;
    let digits = name.as_bytes().strip_prefix(begin.as_bytes()).and_then(|rest| rest.strip_suffix(end.as_bytes()));
    digits.is_some_and(|digits| digits.len() == TEMPORARY_DIGITS && digits.iter().all(u8::is_ascii_hexdigit))
}

/// Whether the name, in the root of a raw tree, is one of the host's own: views and walks pass over it.
pub fn is_own(name: &OsStr) -> bool {
    name.as_bytes().starts_with(OWN_PREFIX.as_bytes())
}

/// The same for the same path, so that a later run replaces what a killed one left; and none that the copying of the same file uses.
pub(crate) fn temporary(path: &str) -> String {
    let hash = blake3::hash(format!("stub {path}").as_bytes()).to_hex();
    let digits = hash.get(..TEMPORARY_DIGITS).unwrap_or_default();
    format!("{}{digits}{}", TEMPORARY.0, TEMPORARY.1)
}

fn read_name(text: &str) -> Outcome<OsString> {
    let bytes = names::unescape(text);
    match bytes.as_slice() {
        b"" => Err(wrong("A path has no empty names")),
        b"." | b".." => Err(wrong("A path does not contain `.` or `..`")),
        name if name.iter().any(|byte| matches!(byte, b'/' | 0)) => Err(wrong("A name holds neither a slash nor a zero byte")),
        name if name.len() > NAME_BYTES => Err(wrong(format!("A name may have {NAME_BYTES} bytes")).with_code("name-too-long")),
        _ => Ok(OsString::from_vec(bytes)),
    }
}

fn wrong(message: impl Into<String>) -> Failure {
    Failure::invalid(message)
}
