//! What is kept beside a file's bytes: times, mode, owner, extended attributes.

use std::os::fd::OwnedFd;

use cap_std::fs::{Permissions, PermissionsExt};
use capstan_domain::{Failure, Kind, Outcome};
use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps, XattrFlags};

use super::directory::{Directory, Shared};
use super::errors;
use super::path::RelativePath;
use super::status::Status;
use crate::limits;

/// What to change; none leaves a value alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Nanoseconds since 1970.
    pub modified: Option<i64>,
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
}

/// The one name space a plugin may use: the others carry the host's own security decisions.
const USER: &str = "user.";

impl Directory {
    pub async fn set_attributes(&self, path: &str, changes: Changes) -> Outcome<Status> {
        let path = RelativePath::read(path)?;
        self.change(move |shared| shared.set_attributes(&path, changes)).await
    }

    /// Extended attributes of the name space "user.", by full name.
    pub async fn get_xattrs(&self, path: &str) -> Outcome<Vec<(String, Vec<u8>)>> {
        let path = RelativePath::read(path)?;
        self.run(move |shared| read_xattrs(&shared.open_plainly(&path)?)).await
    }

    /// None removes it; an absent one that is removed is a success.
    pub async fn set_xattr(&self, path: &str, name: &str, value: Option<Vec<u8>>) -> Outcome<()> {
        let path = RelativePath::read(path)?;
        let name = name.to_owned();
        if !name.starts_with(USER) {
            return Err(Failure::new(
                Kind::Denied,
                format!("`{name}` is not in the name space `{USER}`, the only one a plugin may write"),
            ));
        }
        if value.as_ref().is_some_and(|value| value.len() > limits::XATTR_BYTES) {
            return Err(Failure::invalid(format!("an extended attribute may have {} bytes", limits::XATTR_BYTES)));
        }
        self.change(move |shared| {
            let file = shared.open_plainly(&path)?;
            match value {
                Some(value) => rustix::fs::fsetxattr(&file, &name, &value, XattrFlags::empty()),
                None => match rustix::fs::fremovexattr(&file, &name) {
                    Err(rustix::io::Errno::NODATA) => Ok(()),
                    other => other,
                },
            }
            .map_err(|cause| errors::errno("the extended attribute cannot be set", cause))
        })
        .await
    }
}

impl Shared {
    fn set_attributes(&self, path: &RelativePath, changes: Changes) -> Outcome<Status> {
        let failed = |cause| errors::errno("the attributes cannot be set", cause);
        let (parent, name) = self.parent(path)?;
        if changes.uid.is_some() || changes.gid.is_some() {
            let owner = changes.uid.map(rustix::fs::Uid::from_raw);
            let group = changes.gid.map(rustix::fs::Gid::from_raw);
            rustix::fs::chownat(&parent, name, owner, group, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        }
        if let Some(mode) = changes.mode {
            // A plugin writes what it likes into a file; one that then runs with another's rights would be a way out.
            if mode & 0o6000 != 0 {
                return Err(Failure::new(Kind::Denied, "a plugin may not set set-user-id or set-group-id"));
            }
            parent
                .set_permissions(name, Permissions::from_mode(mode & 0o1777))
                .map_err(|cause| errors::io("the mode cannot be set", &cause))?;
        }
        if let Some(modified) = changes.modified {
            let times = Timestamps {
                last_access: Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
                last_modification: Timespec {
                    tv_sec: modified.div_euclid(1_000_000_000),
                    tv_nsec: modified.rem_euclid(1_000_000_000),
                },
            };
            rustix::fs::utimensat(&parent, name, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        }
        self.stat(path)
    }

    /// A descriptor for calls that need one; a link in the last place is refused, not followed.
    fn open_plainly(&self, path: &RelativePath) -> Outcome<OwnedFd> {
        if path.is_root() {
            return self.directory(path);
        }
        let (parent, name) = self.parent(path)?;
        rustix::fs::openat(&parent, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())
            .map_err(|cause| errors::errno("the file cannot be opened", cause))
    }
}

fn read_xattrs(file: &OwnedFd) -> Outcome<Vec<(String, Vec<u8>)>> {
    let failed = |cause| errors::errno("the extended attributes cannot be read", cause);
    let mut list = vec![0; limits::XATTR_BYTES];
    let length = match rustix::fs::flistxattr(file, &mut list) {
        Ok(length) => length,
        Err(rustix::io::Errno::NOTSUP) => return Ok(Vec::new()),
        Err(cause) => return Err(failed(cause)),
    };
    let mut found = Vec::new();
    for name in list.get(..length).unwrap_or_default().split(|byte| *byte == 0) {
        let Ok(name) = std::str::from_utf8(name) else { continue };
        if !name.starts_with(USER) {
            continue;
        }
        let mut value = vec![0; limits::XATTR_BYTES];
        match rustix::fs::fgetxattr(file, name, &mut value) {
            Ok(length) => {
                value.truncate(length);
                found.push((name.to_owned(), value));
            }
            // Removed since the list was made.
            Err(rustix::io::Errno::NODATA) => {}
            Err(cause) => return Err(failed(cause)),
        }
    }
    Ok(found)
}
