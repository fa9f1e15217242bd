//! Looking: what a name is, what a directory holds, how full its file system is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use capstan_domain::{Failure, Outcome, names};
use rustix::fs::{AtFlags, FileType, Stat};

use super::directory::{Directory, Listing, Listings, Shared};
use super::errors;
use super::path::RelativePath;
use crate::limits;

/// How long the sorted names of a directory are kept between two pages.
const LISTING_KEPT: Duration = Duration::from_secs(120);
/// Directories whose names are kept at once. The oldest is forgotten and read again.
const LISTINGS_KEPT: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    File,
    Directory,
    Symlink,
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub kind: FileKind,
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: i64,
    pub changed: i64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub device: u64,
    pub inode: u64,
    pub links: u64,
    /// Bytes that it takes on the disk.
    pub allocated: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub entries: Vec<(String, Status)>,
    pub next: Option<String>,
    /// Entries whose names are not UTF-8 and stand escaped.
    pub escaped: u32,
}

impl From<&Stat> for Status {
    fn from(stat: &Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => FileKind::File,
            FileType::Directory => FileKind::Directory,
            FileType::Symlink => FileKind::Symlink,
            _ => FileKind::Other,
        };
        let nanos = |seconds: i64, nanos: u64| seconds.saturating_mul(1_000_000_000).saturating_add_unsigned(nanos);
        Self {
            kind,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: nanos(stat.st_mtime, stat.st_mtime_nsec),
            changed: nanos(stat.st_ctime, stat.st_ctime_nsec),
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            device: stat.st_dev,
            inode: stat.st_ino,
            links: stat.st_nlink,
            // POSIX leaves the unit open; Linux counts in 512 bytes.
            allocated: u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512),
        }
    }
}

impl Directory {
    /// Does not follow a link in the last component.
    pub async fn stat(&self, path: &str) -> Outcome<Status> {
        let path = RelativePath::read(path)?;
        self.run(move |shared| shared.stat(&path)).await
    }

    /// A page of names after `after`, ordered bytewise. Names that vanish between two pages are left out.
    pub async fn read_directory(&self, path: &str, after: Option<String>, limit: u32) -> Outcome<Page> {
        let path = RelativePath::read(path)?;
        self.run(move |shared| shared.page(&path, after.as_deref(), limit.clamp(1, limits::DIRECTORY_PAGE))).await
    }

    /// Where a link points, as it stands in the link.
    pub async fn read_link(&self, path: &str) -> Outcome<String> {
        let path = RelativePath::read(path)?;
        self.run(move |shared| {
            let (parent, name) = shared.parent(&path)?;
            let link = rustix::fs::readlinkat(&parent, name, Vec::new())
                .map_err(|cause| errors::errno("the link cannot be read", cause))?;
            Ok(names::escape(link.as_bytes(), |_| false))
        })
        .await
    }

    /// Bytes used and free on the file system of the root.
    pub async fn space(&self) -> Outcome<(u64, u64)> {
        self.run(|shared| {
            let space =
                rustix::fs::fstatvfs(&shared.dir).map_err(|cause| errors::errno("the file system cannot be asked", cause))?;
            Ok(((space.f_blocks - space.f_bfree).saturating_mul(space.f_frsize), space.f_bavail.saturating_mul(space.f_frsize)))
        })
        .await
    }
}

impl Shared {
    pub(super) fn stat(&self, path: &RelativePath) -> Outcome<Status> {
        let stat = if path.is_root() {
            rustix::fs::fstat(&self.dir)
        } else {
            let (parent, name) = self.parent(path)?;
            rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)
        };
        Ok(Status::from(&stat.map_err(|cause| errors::errno("the file cannot be looked at", cause))?))
    }

    fn page(&self, path: &RelativePath, after: Option<&str>, limit: u32) -> Outcome<Page> {
        let directory = self.directory(path)?;
        let kept = after.and_then(|_| self.listings().find(path));
        let fresh = kept.is_none();
        let listing = match kept {
            Some(listing) => listing,
            None => {
                let read = Instant::now();
                Listing { read, used: read, names: read_names(&directory)? }
            }
        };
        let start = after.map_or(0, |after| listing.names.partition_point(|name| name.as_str() <= after));
        let mut page = Page { entries: Vec::new(), next: None, escaped: 0 };
        let mut rest = listing.names.iter().skip(start).peekable();
        while page.entries.len() < limit as usize {
            let Some(name) = rest.next() else { break };
            let raw = names::unescape(name);
            match rustix::fs::statat(&directory, raw.as_slice(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => {
                    page.escaped += u32::from(std::str::from_utf8(&raw).is_err());
                    page.entries.push((name.clone(), Status::from(&stat)));
                }
                Err(rustix::io::Errno::NOENT) => {}
                Err(cause) => return Err(errors::errno("a file of the directory cannot be looked at", cause)),
            }
        }
        if rest.peek().is_some() {
            page.next = page.entries.last().map(|(name, _)| name.clone());
            if fresh {
                self.listings().keep(path, listing);
            } else {
                self.listings().touch(path, &listing);
            }
        } else {
            self.listings().forget(path);
        }
        Ok(page)
    }
}

impl Listings {
    fn find(&self, path: &RelativePath) -> Option<Listing> {
        self.by_path.get(path).filter(|listing| listing.used.elapsed() < LISTING_KEPT).cloned()
    }

    /// Somebody may have read the names later than this and kept them already. They stay: who pages through them may look for one
    /// that is only there.
    fn keep(&mut self, path: &RelativePath, listing: Listing) {
        if self.by_path.get(path).is_some_and(|there| there.read > listing.read) {
            return;
        }
        self.forget(path);
        while self.order.len() >= LISTINGS_KEPT || self.names() + listing.names.len() > limits::DIRECTORY_NAMES {
            let Some(oldest) = self.order.pop_front() else { break };
            self.by_path.remove(&oldest);
        }
        self.order.push_back(path.clone());
        self.by_path.insert(path.clone(), listing);
    }

    /// It was used once more, and is kept as long again, unless other names have come in its place.
    fn touch(&mut self, path: &RelativePath, listing: &Listing) {
        let Some(there) = self.by_path.get_mut(path).filter(|there| there.read == listing.read) else { return };
        there.used = Instant::now();
        self.order.retain(|kept| kept != path);
        self.order.push_back(path.clone());
    }

    fn forget(&mut self, path: &RelativePath) {
        if self.by_path.remove(path).is_some() {
            self.order.retain(|kept| kept != path);
        }
    }

    fn names(&self) -> usize {
        self.by_path.values().map(|listing| listing.names.len()).sum()
    }
}

fn read_names(directory: &std::os::fd::OwnedFd) -> Outcome<Arc<[String]>> {
    let failed = |cause| errors::errno("the directory cannot be read", cause);
    let mut found = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        if found.len() >= limits::DIRECTORY_NAMES {
            return Err(Failure::unsupported(format!("the directory has more than {} names", limits::DIRECTORY_NAMES)));
        }
        found.push(names::escape(name, |_| false));
    }
    found.sort_unstable();
    Ok(found.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_were_read_earlier_never_take_the_place_of_later_ones() {
        let mut listings = Listings::default();
        let path = RelativePath::read("d").unwrap();
        let listing = |read, name: &str| Listing { read, used: read, names: [name.to_owned()].into() };
        let earlier = Instant::now();
        let later = earlier + Duration::from_millis(1);
        listings.keep(&path, listing(earlier, "first"));
        listings.keep(&path, listing(later, "second"));
        listings.keep(&path, listing(earlier, "first"));
        listings.touch(&path, &listing(earlier, "first"));
        assert_eq!(*listings.find(&path).unwrap().names, ["second"]);
        listings.forget(&path);
        listings.touch(&path, &listing(later, "second"));
        assert!(listings.find(&path).is_none() && listings.order.is_empty());
    }
}
