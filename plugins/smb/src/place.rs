//! Paths of the location, and how the wire spells them.

use capstan_sdk::Outcome;
use capstan_sdk::failure::{invalid, not_found};

use crate::config::{Config, is_name};
use crate::names;

/// UTF-16 units of a path with the share's root, and of one name (MS-FSCC section 2.1.5).
const MAX_PATH: usize = 32_760;
const MAX_NAME: usize = 255;

/// A path of the location: names joined by "/"; empty: the location itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    root: String,
    pub(crate) path: String,
}

impl Place {
    pub(crate) fn new(config: &Config, location: &str, path: &str) -> Outcome<Self> {
        if location != config.location() {
            return Err(not_found(format!("there is no location {location:?}")));
        }
        if !path.is_empty() && !path.split('/').all(is_name) {
            return Err(invalid(format!("{path:?} is no path of names separated by slashes")));
        }
        let place = Self { root: config.root().to_owned(), path: path.to_owned() };
        let units = |text: &str| text.encode_utf16().count();
        let wire = place.wire();
        if units(&wire) > MAX_PATH || wire.split('\\').any(|name| units(name) > MAX_NAME) {
            return Err(invalid(format!("{} is too long a path, or has too long a name in it", place.subject())));
        }
        Ok(place)
    }

    /// As the server is asked for it: backslashes between names.
    pub(crate) fn wire(&self) -> String {
        let whole = match (self.root.as_str(), self.path.as_str()) {
            ("", path) => path.to_owned(),
            (root, "") => root.to_owned(),
            (root, path) => format!("{root}/{path}"),
        };
        whole.split('/').map(names::wire).collect::<Vec<_>>().join("\\")
    }

    /// None for the location itself.
    pub(crate) fn parent(&self) -> Option<Self> {
        if self.path.is_empty() {
            return None;
        }
        let path = self.path.rsplit_once('/').map_or("", |(parent, _)| parent);
        Some(Self { root: self.root.clone(), path: path.to_owned() })
    }

    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    pub(crate) fn child(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) };
        Self { root: self.root.clone(), path }
    }

    /// As a message names it.
    pub(crate) fn subject(&self) -> String {
        format!("{:?}", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(root: &str) -> Config {
        capstan_sdk::config::parse(&format!(r#"{{"host": "nas", "share": "media", "root": "{root}"}}"#)).unwrap()
    }

    #[test]
    fn a_place_lies_under_the_root_and_is_spelled_as_the_wire_wants_it() {
        let place = Place::new(&config("/films/"), "media", "a b/what?").unwrap();
        assert_eq!(place.wire(), "films\\a b\\what\u{f025}");
        assert_eq!((place.name(), place.parent().unwrap().wire().as_str()), ("what?", "films\\a b"));
        let top = Place::new(&config(""), "media", "").unwrap();
        assert_eq!((top.wire().as_str(), top.parent()), ("", None));
        assert_eq!(top.child("x").path, "x");
    }

    #[test]
    fn a_name_has_as_many_units_as_a_server_takes() {
        let long = |letter: &str, count| Place::new(&config(""), "media", &format!("a/{}", letter.repeat(count)));
        assert!(long("n", 255).is_ok() && long("ü", 255).is_ok() && long("🗄", 127).is_ok());
        for (letter, count) in [("n", 256), ("🗄", 128)] {
            assert!(matches!(long(letter, count), Err(capstan_sdk::Failure::Invalid(_))), "{letter}");
        }
    }

    #[test]
    fn nothing_leads_out_and_there_is_one_location() {
        for path in ["..", "a/../b", "/a", "a//b", "a/", "."] {
            assert!(matches!(Place::new(&config(""), "media", path), Err(capstan_sdk::Failure::Invalid(_))), "{path}");
        }
        assert!(matches!(Place::new(&config(""), "other", "a"), Err(capstan_sdk::Failure::NotFound(_))));
    }
}
