//! Names as the kernel sees them: bytes without a slash.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use capstan_domain::names::unescape;

/// The name of a path's last part. What no directory can hold keeps its escaped spelling.
pub(crate) fn shown(path: &str) -> OsString {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let raw = unescape(name);
    let holds = !raw.is_empty() && raw != b"." && raw != b".." && !raw.iter().any(|byte| matches!(byte, b'/' | 0));
    if holds { OsString::from_vec(raw) } else { OsString::from(name) }
}

/// The path of a name in a folder.
pub(crate) fn path(folder: &str, name: &OsStr) -> String {
    capstan_mover::names::join(folder, &capstan_mover::names::from_bytes(name.as_bytes()))
}
