//! Checks of what a body asks for; all that is wrong is said in one answer, in sentences that clients of Django forms know.

use capstan_api_http::{Given, Secret};

use crate::answer::Answer;
use crate::errors::Error;
use crate::field_errors::FieldErrors;

/// Characters of a name, and of a longer text such as a path or a pattern.
pub(crate) const NAME_LIMIT: usize = 255;
pub(crate) const TEXT_LIMIT: usize = 4_096;
/// Items of a list in a body.
pub(crate) const ITEMS_LIMIT: usize = 1_000;

pub(crate) const REQUIRED: &str = "This field is required.";
const BLANK: &str = "This field may not be blank.";

/// Whether what is left out is missing or stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    Create,
    Update,
}

pub(crate) struct Check {
    purpose: For,
    wrong: FieldErrors,
}

impl Check {
    pub(crate) fn new(purpose: For) -> Self {
        Self { purpose, wrong: FieldErrors::default() }
    }

    pub(crate) fn finish(self) -> Answer<()> {
        if self.wrong.is_empty() { Ok(()) } else { Err(Error::fields(self.wrong)) }
    }

    pub(crate) fn refuse(&mut self, field: &str, message: impl Into<String>) {
        self.wrong.add(field, message);
    }

    /// Must be given on create.
    pub(crate) fn required<T>(&mut self, field: &str, value: Option<&T>) {
        if value.is_none() && self.purpose == For::Create {
            self.refuse(field, REQUIRED);
        }
    }

    /// A text that must be given on create, and must not be blank: such as a name.
    pub(crate) fn name(&mut self, field: &str, value: Option<&str>, limit: usize) {
        self.required(field, value.as_ref());
        let Some(name) = value else { return };
        if name.trim().is_empty() {
            self.refuse(field, BLANK);
        } else if name.chars().any(char::is_control) {
            self.refuse(field, "Control characters are not allowed.");
        }
        self.at_most(field, name, limit);
    }

    /// The same, and of these characters only.
    pub(crate) fn word(&mut self, field: &str, value: Option<&str>, limit: usize, allowed: impl Fn(char) -> bool, what: &str) {
        self.name(field, value, limit);
        if value.is_some_and(|word| !word.trim().is_empty() && !word.chars().all(allowed)) {
            self.refuse(field, format!("Enter a valid value: {what}."));
        }
    }

    /// An optional text.
    pub(crate) fn text(&mut self, field: &str, value: Option<&str>) {
        let Some(text) = value else { return };
        self.at_most(field, text, TEXT_LIMIT);
        if text.contains('\0') {
            self.refuse(field, "Null characters are not allowed.");
        }
    }

    /// An optional text of one line.
    pub(crate) fn line(&mut self, field: &str, value: Option<&str>, limit: usize) {
        let Some(text) = value else { return };
        self.at_most(field, text, limit);
        if text.chars().any(char::is_control) {
            self.refuse(field, "Control characters are not allowed.");
        }
    }

    pub(crate) fn texts<'a>(&mut self, field: &str, values: impl IntoIterator<Item = &'a String>) {
        for (index, value) in values.into_iter().enumerate() {
            if index == ITEMS_LIMIT {
                return self.refuse(field, format!("Ensure this field has no more than {ITEMS_LIMIT} elements."));
            }
            self.text(&format!("{field}[{index}]"), Some(value));
        }
    }

    fn at_most(&mut self, field: &str, text: &str, limit: usize) {
        if text.chars().count() > limit {
            self.refuse(field, format!("Ensure this field has no more than {limit} characters."));
        }
    }

    /// Between these, both included.
    pub(crate) fn amount(&mut self, field: &str, value: Option<i64>, least: i64, most: i64) {
        if value.is_some_and(|value| value < least) {
            self.refuse(field, format!("Ensure this value is greater than or equal to {least}."));
        }
        if value.is_some_and(|value| value > most) {
            self.refuse(field, format!("Ensure this value is less than or equal to {most}."));
        }
    }

    /// A secret that must be given on create.
    pub(crate) fn secret(&mut self, field: &str, value: Option<&Secret>) {
        self.required(field, value);
        match value.map(Secret::reveal) {
            Some("") => self.refuse(field, BLANK),
            Some(text) => self.at_most(field, text, TEXT_LIMIT),
            None => {}
        }
    }

    /// An absolute path without steps that leave it.
    pub(crate) fn path(&mut self, field: &str, value: Option<&str>) {
        self.text(field, value);
        if value.is_some_and(|path| !path.starts_with('/') || leaves(path)) {
            self.refuse(field, "Enter an absolute path without the steps . and ..");
        }
    }

    /// Red, green and blue.
    pub(crate) fn color(&mut self, value: Option<&Vec<i64>>) {
        if value.is_some_and(|color| color.len() != 3 || color.iter().any(|part| !(0..=255).contains(part))) {
            self.refuse("color", "Enter three numbers from 0 to 255.");
        }
    }
}

/// Whether a path has steps that mean another place than they name.
pub(crate) fn leaves(path: &str) -> bool {
    path.split('/').any(|step| matches!(step, "." | ".."))
}

/// A member of a partial update, as it is if it was given.
pub(crate) fn given<T>(value: &Given<T>) -> Option<&T> {
    match value {
        Given::Value(value) => Some(value),
        Given::Absent | Given::Null => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(purpose: For, check: impl Fn(&mut Check)) -> bool {
        let mut found = Check::new(purpose);
        check(&mut found);
        found.finish().is_err()
    }

    #[test]
    fn what_is_left_out_is_missing_only_on_create() {
        assert!(wrong(For::Create, |check| check.name("name", None, 9)));
        assert!(!wrong(For::Update, |check| check.name("name", None, 9)));
    }

    #[test]
    fn names_are_visible_and_bounded() {
        for bad in ["", " ", "a\nb", "0123456789"] {
            assert!(wrong(For::Update, |check| check.name("name", Some(bad), 9)), "{bad:?}");
        }
        assert!(!wrong(For::Update, |check| check.name("name", Some("Größe 1 é"), 9)));
    }

    #[test]
    fn paths_are_absolute_and_stay_where_they_are() {
        for bad in ["", "a", "/a/../b", "/..", "/./a", "/a\0b"] {
            assert!(wrong(For::Update, |check| check.path("path", Some(bad))), "{bad:?}");
        }
        for good in ["/", "/a/b.c", "/a..b/...", "/a//b/"] {
            assert!(!wrong(For::Update, |check| check.path("path", Some(good))), "{good:?}");
        }
    }

    #[test]
    fn a_colour_is_three_bytes() {
        for (color, good) in [(vec![0, 128, 255], true), (vec![], false), (vec![1, 2], false), (vec![1, 2, 256], false)] {
            assert_eq!(!wrong(For::Update, |check| check.color(Some(&color))), good, "{color:?}");
        }
    }
}
