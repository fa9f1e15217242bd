//! Free text that clients keep with an object: names of up to 32 characters, and texts. An update replaces all of it.

use std::collections::BTreeMap;

use crate::validation::Check;

/// Replaced as a whole by every update.
pub type Meta = BTreeMap<String, String>;

/// Characters of a name, by the published API.
pub const META_KEY_LIMIT: usize = 32;
/// Members, and bytes of all names and texts together; more is refused.
pub const META_MEMBERS_LIMIT: usize = 128;
pub const META_BYTES_LIMIT: usize = 64 * 1024;

pub(crate) fn check(check: &mut Check, meta: &Meta) {
    if let Some(key) = meta.keys().find(|key| key.chars().count() > META_KEY_LIMIT) {
        check.refuse("meta", format!("{key:?} is longer than {META_KEY_LIMIT} characters"));
    }
    if meta.len() > META_MEMBERS_LIMIT {
        check.refuse("meta", format!("Has more than {META_MEMBERS_LIMIT} members"));
    }
    if meta.iter().map(|(key, text)| key.len() + text.len()).sum::<usize>() > META_BYTES_LIMIT {
        check.refuse("meta", format!("Holds more than {META_BYTES_LIMIT} bytes"));
    }
}
