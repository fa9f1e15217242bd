//! What is where in the granted directory.
//!
//! ```text
//! drive.NAME/disk                   the bytes of a drive: a raw, sparse file
//! drive.NAME/made-KEY-MOMENT/       by which attempt the drive was made, and when
//! drive.NAME/attached-…/            somebody reaches the bytes without this plugin
//! drive.NAME/snapshots/NAME/        disk and made-…, as of a drive
//! .capstan/                         what is being made, and what is being taken away
//! ```
//!
//! A dot is in no name of a drive, so a folder that somebody else put here is never taken for one. All drives share what stands
//! before their names: ordered by folder they are ordered by name.

use capstan_sdk::Outcome;
use capstan_sdk::drive::{check_name, is_name};
use capstan_sdk::failure::not_found;

/// The one location.
pub(crate) const LOCATION: &str = "drives";
/// Holds what is not there yet, or no more.
pub(crate) const HIDDEN: &str = ".capstan";
/// The file that has the bytes of a volume.
pub(crate) const DISK: &str = "disk";
const DRIVE: &str = "drive.";
const SNAPSHOTS: &str = "snapshots";

pub(crate) fn location(location: &str) -> Outcome<()> {
    if location == LOCATION { Ok(()) } else { Err(not_found(format!("there is no location {location:?}"))) }
}

/// The folder of a drive.
pub(crate) fn drive(in_location: &str, name: &str) -> Outcome<String> {
    location(in_location)?;
    check_name(name, "drive")?;
    Ok(format!("{DRIVE}{name}"))
}

/// The drive of a folder, if it is one's.
pub(crate) fn drive_of(folder: &str) -> Option<&str> {
    folder.strip_prefix(DRIVE).filter(|name| is_name(name))
}

/// The folder of a drive's snapshots, which is there from the first on.
pub(crate) fn snapshots(drive: &str) -> String {
    format!("{drive}/{SNAPSHOTS}")
}

pub(crate) fn snapshot(drive: &str, name: &str) -> Outcome<String> {
    check_name(name, "snapshot")?;
    Ok(format!("{drive}/{SNAPSHOTS}/{name}"))
}

pub(crate) fn snapshot_of(folder: &str) -> Option<&str> {
    Some(folder).filter(|name| is_name(name))
}

pub(crate) fn disk(volume: &str) -> String {
    format!("{volume}/{DISK}")
}

/// The folder that a path is in; the empty one is the granted directory.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}

/// What the caller calls what lies there.
pub(crate) fn shown(path: &str) -> String {
    let name = |folder: &str| folder.strip_prefix(DRIVE).unwrap_or(folder).to_owned();
    match path.split_once('/') {
        None => format!("drive {:?}", name(path)),
        Some((drive, below)) => {
            format!("snapshot {:?} of drive {:?}", below.rsplit('/').next().unwrap_or_default(), name(drive))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_small_letters_digits_and_hyphens() {
        let longest = "x".repeat(64);
        for name in ["a", "capstan-0b1c", "-", "0", &longest] {
            let folder = drive("drives", name).unwrap();
            assert_eq!(drive_of(&folder), Some(name));
            assert!(snapshot(&folder, name).is_ok());
        }
        for name in ["", "A", "a_b", "a.b", "..", "a/b", "ü", "a b", &"x".repeat(65)] {
            assert!(drive("drives", name).is_err() && snapshot("drive.a", name).is_err(), "{name:?}");
            assert_eq!(drive_of(&format!("drive.{name}")), None, "{name:?}");
        }
        assert!(matches!(drive("elsewhere", "a"), Err(capstan_sdk::Failure::NotFound(_))));
    }

    #[test]
    fn a_folder_that_is_not_of_a_drive_is_none() {
        for folder in ["lost+found", "a", "drive", "drive.", ".capstan", "disk"] {
            assert_eq!(drive_of(folder), None, "{folder}");
        }
    }

    #[test]
    fn folders_are_ordered_as_their_drives() {
        let mut names = ["b", "a-b", "a", "ab", "a0", "-", "0"];
        names.sort_unstable();
        let folders = names.map(|name| drive("drives", name).unwrap());
        assert!(folders.is_sorted());
    }

    #[test]
    fn a_failure_names_things_as_the_caller_does() {
        assert_eq!(shown("drive.a"), "drive \"a\"");
        assert_eq!(shown("drive.a/snapshots/b"), "snapshot \"b\" of drive \"a\"");
        assert_eq!((parent("drive.a/snapshots/b"), parent("drive.a")), ("drive.a/snapshots", ""));
    }
}
