//! Names: making, removing, renaming, linking. All through the parent's descriptor, none follows a link in the last place.

use capstan_domain::{Failure, Outcome, names};
use rustix::fs::{AtFlags, Mode, RenameFlags};
use rustix::io::Errno;

use super::directory::Directory;
use super::errors;
use super::path::RelativePath;

impl Directory {
    pub async fn make_directory(&self, path: &str) -> Outcome<()> {
        let path = RelativePath::read(path)?;
        self.change(move |shared| {
            let (parent, name) = shared.parent(&path)?;
            rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o777))
                .map_err(|cause| errors::errno("the directory cannot be made", cause))
        })
        .await
    }

    /// A file, a link or an empty directory.
    pub async fn remove(&self, path: &str) -> Outcome<()> {
        let path = RelativePath::read(path)?;
        self.change(move |shared| {
            let (parent, name) = shared.parent(&path)?;
            let removed = match rustix::fs::unlinkat(&parent, name, AtFlags::empty()) {
                // Some file systems say PERM of a directory; if it is none, that was the answer.
                Err(first @ (Errno::ISDIR | Errno::PERM)) => match rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR) {
                    Err(Errno::NOTDIR) => Err(first),
                    other => other,
                },
                other => other,
            };
            removed.map_err(|cause| errors::errno("it cannot be removed", cause))
        })
        .await
    }

    /// Without `replace` the kernel itself refuses a name that is taken; a look before would race.
    pub async fn rename(&self, path: &str, to: &str, replace: bool) -> Outcome<()> {
        // The kernel has one word for this and for a file system that cannot do it at all.
        if to.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')) {
            return Err(Failure::invalid("a directory cannot be moved into itself"));
        }
        let (path, to) = (RelativePath::read(path)?, RelativePath::read(to)?);
        self.change(move |shared| {
            let (from_parent, from) = shared.parent(&path)?;
            let (to_parent, to) = shared.parent(&to)?;
            let renamed = if replace {
                rustix::fs::renameat(&from_parent, from, &to_parent, to)
            } else {
                rustix::fs::renameat_with(&from_parent, from, &to_parent, to, RenameFlags::NOREPLACE)
            };
            match renamed {
                Err(Errno::INVAL) if !replace => Err(no_exclusive_rename()),
                other => other.map_err(|cause| errors::errno("it cannot be renamed", cause)),
            }
        })
        .await
    }

    /// Any text may stand in a link; following it never leads out of the root.
    pub async fn make_link(&self, path: &str, target: &str) -> Outcome<()> {
        let path = RelativePath::read(path)?;
        let target = names::unescape(target);
        self.change(move |shared| {
            let (parent, name) = shared.parent(&path)?;
            rustix::fs::symlinkat(target.as_slice(), &parent, name)
                .map_err(|cause| errors::errno("the link cannot be made", cause))
        })
        .await
    }
}

fn no_exclusive_rename() -> Failure {
    Failure::unsupported("the file system cannot rename without replacing, or the directory would be moved into itself")
}
