//! What stands in the folders of a raw tree, for walks: names and attributes, no contents, no records.

use std::os::fd::AsFd;
use std::path::Path;

use capstan_domain::entry::EntryKind;
use capstan_domain::failure::Kind;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome, names};
use rustix::fs::{AtFlags, Dir, FileType, StatxFlags};
use rustix::io::Errno;

use crate::fault::Named;
use crate::file::instant;
use crate::path::{Spot, is_own, is_temporary};
use crate::tree::RawTree;

/// Entries of a folder; a larger one is not listed.
const MOST_IN_FOLDER: usize = 4_000_000;

/// An entry of a folder, as the file system shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Escaped where it is not UTF-8.
    pub name: String,
    pub kind: EntryKind,
    pub inode: u64,
    /// Bytes, wherever they lie; of a folder 0.
    pub size: u64,
    pub modified: Timestamp,
    /// The ctime.
    pub changed: Timestamp,
}

impl RawTree {
    /// What stands at a path; a link is not followed. None for what is neither file, folder nor link. Fails with `NotFound`.
    pub fn listed(&self, path: &str) -> Outcome<Option<Listed>> {
        let spot = Spot::read(path)?;
        let folder = self.folder(&spot.folder).on(path)?;
        stat(&folder, &spot.name).on(path)
    }

    /// What a folder holds, by name; empty for the root. The host's own names and what is neither file, folder nor link are left out.
    /// Fails with `Unsupported` "folder-too-large".
    pub fn list(&self, folder: &str) -> Outcome<Vec<Listed>> {
        let is_root = folder.is_empty();
        let path = if is_root { Path::new(".").to_owned() } else { Spot::read(folder)?.whole() };
        let handle = self.folder(&path).on(folder)?;
        let mut entries = Vec::new();
        for entry in Dir::read_from(&handle).on(folder)? {
            let entry = entry.on(folder)?;
            let name = std::os::unix::ffi::OsStrExt::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." || is_temporary(name) || (is_root && is_own(name)) {
                continue;
            }
            if entries.len() >= MOST_IN_FOLDER {
                let message = format!("The folder {folder:?} holds more than {MOST_IN_FOLDER} entries");
                return Err(Failure::new(Kind::Unsupported, message).with_code("folder-too-large"));
            }
            match stat(&handle, name) {
                Ok(listed) => entries.extend(listed),
                // It went while the folder was read.
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno).on(folder),
            }
        }
        entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }
}

fn stat(folder: impl AsFd, name: &std::ffi::OsStr) -> Result<Option<Listed>, Errno> {
    let stat = rustix::fs::statx(folder, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS)?;
    let kind = match FileType::from_raw_mode(u32::from(stat.stx_mode)) {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Folder,
        FileType::Symlink => EntryKind::Link,
        _ => return Ok(None),
    };
    Ok(Some(Listed {
        name: names::escape(name.as_encoded_bytes(), |_| false),
        kind,
        inode: stat.stx_ino,
        size: if kind == EntryKind::Folder { 0 } else { stat.stx_size },
        modified: instant(&stat.stx_mtime).unwrap_or_default(),
        changed: instant(&stat.stx_ctime).unwrap_or_default(),
    }))
}
