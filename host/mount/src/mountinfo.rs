//! The kernel's table of mounts, as proc(5) describes `/proc/PID/mountinfo`: what `mount` reports of a view.

use std::path::Path;

use capstan_domain::{Failure, Outcome};

const TABLE: &str = "/proc/self/mountinfo";

/// A view's line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountLine {
    /// "major:minor".
    pub device: String,
    /// `fuse` where this process mounted it itself, as root may; `fuse.capstan` where fusermount did.
    pub kind: String,
    pub source: String,
}

/// What is mounted at the directory, the last of several; none where nothing is.
pub(crate) fn at(directory: &Path) -> Outcome<Option<MountLine>> {
    let table = std::fs::read(TABLE).map_err(|error| Failure::host("The host's mounts cannot be read", error))?;
    // The names of others' mounts need not be text.
    let table = String::from_utf8_lossy(&table);
    Ok(table.lines().rev().find_map(|line| line_at(line, directory)))
}

/// Number, parent, device, root, directory, options, any number of tags, a dash, type, source, options of the file system.
fn line_at(line: &str, directory: &Path) -> Option<MountLine> {
    let mut words = line.split(' ').skip(2);
    let device = words.next()?;
    if Path::new(&unescaped(words.nth(1)?)) != directory {
        return None;
    }
    let mut words = words.skip_while(|word| *word != "-").skip(1);
    Some(MountLine { device: device.to_owned(), kind: unescaped(words.next()?), source: unescaped(words.next()?) })
}

/// Blanks and backslashes stand in the table as a backslash and three octal digits.
fn unescaped(word: &str) -> String {
    let mut pieces = word.split('\\');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        match piece.split_at_checked(3).map(|(digits, rest)| (u8::from_str_radix(digits, 8), rest)) {
            Some((Ok(byte), rest)) => {
                bytes.push(byte);
                bytes.extend_from_slice(rest.as_bytes());
            }
            _ => {
                bytes.push(b'\\');
                bytes.extend_from_slice(piece.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r"36 35 0:52 / /mnt/two\040words rw,nosuid master:1 shared:7 - fuse.capstan a\134b\040c rw,user_id=0";

    #[test]
    fn a_line_is_found_by_its_directory_and_its_words_are_read_as_they_were_given() {
        let found = line_at(LINE, Path::new("/mnt/two words")).unwrap();
        let wanted = MountLine { device: "0:52".to_owned(), kind: "fuse.capstan".to_owned(), source: r"a\b c".to_owned() };
        assert_eq!(found, wanted);
        assert_eq!(line_at(LINE, Path::new("/mnt/two")), None);
        assert_eq!(line_at(r"36 35 0:52 / /mnt rw", Path::new("/mnt")), None);
    }

    #[test]
    fn a_backslash_that_escapes_nothing_stays() {
        for word in [r"a\", r"a\9zz", r"a\ünï", r"\777"] {
            assert_eq!(unescaped(word), word);
        }
    }
}
