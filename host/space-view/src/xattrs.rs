//! Extended attributes, ACLs among them, as they stand beside the file; the record is the host's, and is neither shown nor set.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::XattrFlags;
use rustix::io::Errno;

use crate::inner::{Inner, proc_path};
use crate::refusal::{Answer, RESERVED};
use crate::table::ROOT;

/// Those of the host begin so: the record, the door.
const HIDDEN: &[u8] = b"user.capstan.";
const ACL: &str = "system.posix_acl_access";
/// Bytes of a value, or of all names together: the kernel's own bound.
const MOST_BYTES: usize = 64 << 10;

impl Inner {
    pub(crate) fn xattr(&self, number: u64, name: &OsStr) -> Answer<Vec<u8>> {
        if is_hidden(name) {
            return Err(Errno::NODATA.into());
        }
        let node = self.node(number)?;
        let mut value = vec![0; MOST_BYTES];
        let length = rustix::fs::getxattr(proc_path(&node), name, value.as_mut_slice())?;
        value.truncate(length);
        Ok(value)
    }

    pub(crate) fn xattrs(&self, number: u64) -> Answer<Vec<u8>> {
        let node = self.node(number)?;
        let mut names = vec![0; MOST_BYTES];
        let length = rustix::fs::listxattr(proc_path(&node), names.as_mut_slice())?;
        names.truncate(length);
        let shown = names.split_inclusive(|byte| *byte == 0).filter(|name| !is_hidden(OsStr::from_bytes(name)));
        Ok(shown.flatten().copied().collect())
    }

    pub(crate) fn set_xattr(&self, number: u64, name: &OsString, value: &[u8], flags: i32) -> Answer<()> {
        if is_hidden(name) {
            return Err(RESERVED);
        }
        if number == ROOT && name == ACL {
            // It would open the raw directory to others.
            return Err(Errno::OPNOTSUPP.into());
        }
        let flags = XattrFlags::from_bits_retain(flags.cast_unsigned());
        Ok(rustix::fs::setxattr(proc_path(&self.node(number)?), name.as_bytes(), value, flags)?)
    }

    pub(crate) fn remove_xattr(&self, number: u64, name: &OsStr) -> Answer<()> {
        if is_hidden(name) {
            return Err(Errno::NODATA.into());
        }
        Ok(rustix::fs::removexattr(proc_path(&self.node(number)?), name)?)
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(HIDDEN)
}
