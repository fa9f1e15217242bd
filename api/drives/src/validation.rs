//! Checks of what a body asks for; all that is wrong is said in one answer.

use uuid::Uuid;

use crate::errors::ErrorItem;
use crate::link::Named;
use crate::meta::{self, Meta};

/// Characters of a name.
pub const NAME_LIMIT: usize = 255;
/// Tags of an object, affinities of a drive, and the like; more is refused.
pub const REFERENCES_LIMIT: usize = 1_000;

/// Collects what is wrong with one object of a body.
pub(crate) struct Check {
    /// Stands before every point: empty, or `objects[2].` when there are several objects.
    prefix: String,
    wrong: Vec<ErrorItem>,
}

impl Check {
    pub(crate) fn new(prefix: String) -> Self {
        Self { prefix, wrong: Vec::new() }
    }

    pub(crate) fn finish(self) -> Vec<ErrorItem> {
        self.wrong
    }

    pub(crate) fn refuse(&mut self, point: &str, message: impl Into<String>) {
        self.wrong.push(ErrorItem::invalid(&self.at(point), message));
    }

    pub(crate) fn missing(&mut self, point: &str) {
        self.wrong.push(ErrorItem::required(&self.at(point)));
    }

    /// The prefix alone, without its dot, is the point of the whole object.
    pub(crate) fn at(&self, point: &str) -> String {
        if point.is_empty() { self.prefix.trim_end_matches('.').to_owned() } else { format!("{}{point}", self.prefix) }
    }

    pub(crate) fn required<T>(&mut self, point: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.missing(point);
        }
        value
    }

    /// A name that has to be given.
    pub(crate) fn name(&mut self, value: Option<String>) -> Option<String> {
        let name = self.optional_name(value);
        if name.is_none() {
            self.missing("name");
        }
        name
    }

    /// A name ends at its first NUL; one that is blank was not given.
    pub(crate) fn optional_name(&mut self, value: Option<String>) -> Option<String> {
        let mut name = value?;
        if let Some(end) = name.find('\0') {
            name.truncate(end);
        }
        if name.chars().count() > NAME_LIMIT {
            self.refuse("name", format!("Is longer than {NAME_LIMIT} characters"));
        } else if name.chars().any(char::is_control) {
            self.refuse("name", "Must not hold control characters");
        }
        Some(name).filter(|name| !name.trim().is_empty())
    }

    pub(crate) fn meta(&mut self, value: Option<Meta>) -> Meta {
        let meta = value.unwrap_or_default();
        meta::check(self, &meta);
        meta
    }

    /// Each once, in the order they were named.
    pub(crate) fn references(&mut self, point: &str, values: Vec<Named>) -> Vec<Uuid> {
        if values.len() > REFERENCES_LIMIT {
            self.refuse(point, format!("Names more than {REFERENCES_LIMIT}"));
        }
        let mut seen = std::collections::HashSet::new();
        values.into_iter().map(|Named(uuid)| uuid).filter(|uuid| seen.insert(*uuid)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(check: Check) -> Vec<String> {
        check.finish().into_iter().filter_map(|item| item.error_point).collect()
    }

    #[test]
    fn names_end_at_nul_and_are_visible_and_bounded() {
        let mut check = Check::new(String::new());
        assert_eq!(check.name(Some("a\0b".into())).as_deref(), Some("a"));
        assert_eq!(check.name(Some("Größe 😀".into())).as_deref(), Some("Größe 😀"));
        assert_eq!(check.name(Some("é".repeat(255))).map(|name| name.len()), Some(510));
        assert_eq!(points(check), [""; 0]);
        for bad in [None, Some(""), Some(" "), Some("\0a"), Some("a\nb"), Some(&"x".repeat(10_240)[..])] {
            let mut check = Check::new("objects[1].".into());
            check.name(bad.map(str::to_owned));
            assert_eq!(points(check), ["objects[1].name"], "{bad:?}");
        }
    }

    #[test]
    fn meta_is_bounded_in_every_direction() {
        let member = |key: String, text: String| Meta::from([(key, text)]);
        let many = (0..=meta::META_MEMBERS_LIMIT).map(|number| (number.to_string(), String::new())).collect();
        for (meta, wrong) in [
            (member("k".repeat(32), "t".repeat(1_000)), 0),
            (member("é".repeat(32), String::new()), 0),
            (member("k".repeat(33), String::new()), 1),
            (member("k".into(), "t".repeat(meta::META_BYTES_LIMIT)), 1),
            (many, 1),
        ] {
            let mut check = Check::new(String::new());
            check.meta(Some(meta));
            assert_eq!(points(check).len(), wrong);
        }
    }
}
