//! Keys of objects: the tree's prefix and the path, with the names a target cannot hold escaped.

use capstan_domain::ports::{NamedValues, ObjectEntry};
use capstan_domain::{Failure, Outcome};

use crate::names;

/// Bytes of a key, unless the target says otherwise with the capability "max-key-bytes".
const LONGEST_KEY: usize = 1024;

pub(crate) struct Keys {
    /// Ends in a slash, or is empty.
    prefix: String,
    longest: usize,
    /// From the capability "name-escape": characters beyond control characters that the target mangles or refuses.
    bad: String,
}

impl Keys {
    pub(crate) fn new(prefix: &str, capabilities: &NamedValues) -> Self {
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let said = |name: &str| capabilities.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let longest = said("max-key-bytes").and_then(|value| value.parse().ok()).unwrap_or(LONGEST_KEY);
        Self { prefix, longest, bad: said("name-escape").unwrap_or_default().to_owned() }
    }

    fn is_bad(&self, c: char) -> bool {
        // Listings are XML for most targets, which holds no control characters.
        c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') || self.bad.contains(c)
    }

    /// The key of a path.
    pub(crate) fn of(&self, path: &str) -> Outcome<String> {
        let path = names::checked(path)?;
        let names: Vec<String> = path.split('/').map(|name| names::to_native(name, |c| self.is_bad(c))).collect();
        let key = format!("{}{}", self.prefix, names.join("/"));
        if key.len() > self.longest {
            let message = format!("{path:?} makes a key of {} bytes; the target holds {}", key.len(), self.longest);
            return Err(Failure::invalid(message).with_code("name-too-long"));
        }
        Ok(key)
    }

    pub(crate) fn of_item(&self, item: &crate::item::Item) -> Outcome<String> {
        match &item.native {
            Some(native) => Ok(native.clone()),
            None => self.of(&item.path),
        }
    }

    /// What all keys under a folder begin with.
    pub(crate) fn under(&self, path: &str) -> Outcome<String> {
        if path.is_empty() { Ok(self.prefix.clone()) } else { Ok(format!("{}/", self.of(path)?)) }
    }

    /// The path of a listed key, and the key again where the path does not give it back. None: not a key of this tree.
    pub(crate) fn path_of(&self, entry: &ObjectEntry) -> Option<(String, Option<String>)> {
        let key = entry.key.strip_prefix(&self.prefix)?;
        let mut exact = true;
        let names: Vec<String> = key
            .split('/')
            .map(|name| {
                let (name, same) = names::from_native(name, |c| self.is_bad(c));
                exact &= same;
                name
            })
            .collect();
        Some((names.join("/"), (!exact).then(|| entry.key.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str) -> ObjectEntry {
        ObjectEntry { key: key.to_owned(), size: 0, modified: 0, etag: None, extras: Vec::new() }
    }

    #[test]
    fn a_path_comes_back_from_its_key() {
        let keys = Keys::new("/deep/prefix/", &Vec::new());
        for raw in [&b"plain"[..], b"new\nline", b"\xff\xfe", b"a%!41", b"..", b"spaces and \xc3\xa9"] {
            let path = format!("folder/{}", names::from_bytes(raw));
            let key = keys.of(&path).expect("a key");
            assert!(key.starts_with("deep/prefix/folder/") && !key.contains(|c: char| c.is_control()), "{key}");
            assert_eq!(keys.path_of(&entry(&key)), Some((path, None)));
        }
    }

    #[test]
    fn a_foreign_key_keeps_its_own_spelling() {
        let keys = Keys::new("", &Vec::new());
        let (path, native) = keys.path_of(&entry("a/../%!41")).expect("a path");
        assert_eq!((path.as_str(), native.as_deref()), ("a/%!2E%!2E/%!25!41", Some("a/../%!41")));
    }

    #[test]
    fn a_key_longer_than_the_target_holds_is_refused_with_its_length() {
        let keys = Keys::new("", &vec![("max-key-bytes".to_owned(), "10".to_owned())]);
        assert_eq!(keys.of("0123456789a").expect_err("too long").code.as_deref(), Some("name-too-long"));
        assert!(keys.of("0123456789").is_ok());
    }
}
