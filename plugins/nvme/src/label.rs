//! Names that say why something is there, by which attempt, and since when.
//!
//! An attempt is remembered as the name of an empty folder: what every file system can, and what is renamed, and lost, with the
//! volume it is in, never apart from it.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use capstan_sdk::{Outcome, crypto, text};

/// Hexadecimal digits of a key.
const KEY_DIGITS: usize = 32;
/// Hexadecimal digits of a moment.
const MOMENT_DIGITS: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// In a volume: what made it.
    Made,
    /// A volume that is being made.
    Part,
    /// A volume that is being taken away.
    Gone,
}

impl Purpose {
    const ALL: [Self; 3] = [Self::Made, Self::Part, Self::Gone];

    fn word(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Part => "part",
            Self::Gone => "gone",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) purpose: Purpose,
    /// Of the attempt, at the place that it is about.
    pub(crate) key: String,
    /// Nanoseconds since 1970.
    pub(crate) moment: u64,
}

impl Label {
    pub(crate) fn now(purpose: Purpose, key: &str) -> Self {
        Self { purpose, key: key.to_owned(), moment: now() }
    }

    pub(crate) fn read(name: &str) -> Option<Self> {
        let mut words = name.split('-');
        let (word, key, moment) = (words.next()?, words.next()?, words.next()?);
        let purpose = Purpose::ALL.into_iter().find(|purpose| purpose.word() == word)?;
        let digits = |text: &str, count| {
            text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        let whole = digits(key, KEY_DIGITS) && digits(moment, MOMENT_DIGITS) && words.next().is_none();
        let moment = u64::from_str_radix(moment, 16).ok()?;
        whole.then(|| Self { purpose, key: key.to_owned(), moment })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{:0MOMENT_DIGITS$x}", prefix(self.purpose, &self.key), self.moment)
    }
}

/// How the names of all labels of a key begin.
pub(crate) fn prefix(purpose: Purpose, key: &str) -> String {
    format!("{}-{key}-", purpose.word())
}

/// One key an attempt at a place.
pub(crate) fn key(attempt: &str, path: &str) -> Outcome<String> {
    Ok(shortened(&crypto::digest("blake3", format!("{attempt}\0{path}").as_bytes())?))
}

fn shortened(digest: &[u8]) -> String {
    text::hex(digest.get(..KEY_DIGITS / 2).unwrap_or(digest))
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_read_as_it_was_written_and_nothing_else_is_one() {
        let key = shortened(&[0xab; 32]);
        for purpose in Purpose::ALL {
            let label = Label { purpose, key: key.clone(), moment: 0x17d4_52f3_11aa };
            let name = label.to_string();
            assert!(name.starts_with(&prefix(purpose, &key)), "{name}");
            assert_eq!(Label::read(&name), Some(label));
        }
        let name = Label { purpose: Purpose::Part, key, moment: u64::MAX }.to_string();
        for other in ["", "part", "part--", "lost-and-found", &name[1..], &name[..name.len() - 1], &format!("{name}-")] {
            assert_eq!(Label::read(other), None, "{other}");
        }
        assert_eq!(Label::read(&name.to_uppercase()), None);
    }

    #[test]
    fn of_one_key_the_later_label_is_the_greater_name() {
        let label = |moment| Label { purpose: Purpose::Gone, key: "0".repeat(32), moment }.to_string();
        assert!(label(9) < label(10) && label(0xff) < label(0x100) && label(1 << 40) < label(u64::MAX));
    }
}
