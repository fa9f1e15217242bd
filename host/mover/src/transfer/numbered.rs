//! Names for what is stored beside something that differs: "report.pdf", then "report (1).pdf", "report (2).pdf", …
//!
//! The number is the lowest whose name is free or holds the very content, so that a run that is repeated finds what it stored before
//! instead of storing it again.

use capstan_domain::Failure;
use capstan_domain::failure::Kind;

/// Names that are tried for one file; then it fails.
pub(super) const TRIES: u32 = 1_000;

/// The number goes before the extension; a name that only begins with a dot has none.
pub fn numbered(place: &str, number: u32) -> String {
    let (folder, name) = place.rsplit_once('/').map_or(("", place), |(folder, name)| (folder, name));
    let slash = if folder.is_empty() { "" } else { "/" };
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => format!("{folder}{slash}{stem} ({number}).{extension}"),
        _ => format!("{folder}{slash}{name} ({number})"),
    }
}

pub(super) fn none_free(place: &str) -> Failure {
    Failure::new(Kind::AlreadyExists, format!("{TRIES} files stand beside {place:?} already"))
        .with_code("differs")
        .with_next_step("Remove some of them, or choose another destination.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_stands_before_the_extension() {
        for (place, expected) in [
            ("a/report.pdf", "a/report (1).pdf"),
            ("report", "report (1)"),
            ("a.d/.profile", "a.d/.profile (1)"),
            ("x.tar.gz", "x.tar (1).gz"),
        ] {
            assert_eq!(numbered(place, 1), expected);
        }
    }
}
