//! What an object does not have of its own rides along as metadata named `capstan-…`.

use capstan_domain::names::escape;
use capstan_domain::ports::{NamedValues, Object};
use capstan_domain::time::Timestamp;

use crate::item::{Identity, Item, ItemKind};
use crate::tree::Arrival;

const MODIFIED: &str = "capstan-mtime";
const MODE: &str = "capstan-mode";
const OWNER: &str = "capstan-uid";
const GROUP: &str = "capstan-gid";
const HASH: &str = "capstan-blake3";
const LINK: &str = "capstan-link";
const NAME: &str = "capstan-name";

/// Metadata for a file, a link or a folder. Values are ASCII: that is all that HTTP headers carry safely.
pub(super) fn metadata(arrival: &Arrival, key: &str, link: Option<&str>) -> NamedValues {
    let mut values = vec![(MODIFIED.to_owned(), arrival.modified.0.to_string())];
    let mut add = |name: &str, value: Option<String>| values.extend(value.map(|value| (name.to_owned(), value)));
    add(MODE, arrival.mode.map(|mode| format!("{mode:o}")));
    add(OWNER, arrival.uid.map(|uid| uid.to_string()));
    add(GROUP, arrival.gid.map(|gid| gid.to_string()));
    add(HASH, arrival.blake3.map(|hash| blake3::Hash::from_bytes(hash).to_hex().to_string()));
    add(LINK, link.map(ascii));
    // Only where the key does not end in the path: then it holds escaped names.
    add(NAME, (!key.ends_with(&arrival.path)).then(|| ascii(&arrival.path)));
    values
}

/// The item of a path with what its object says.
pub(super) fn item_of(path: String, object: &Object) -> Item {
    let value =
        |name: &str| object.metadata.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
    let kind = value(LINK).map_or(ItemKind::File, |to| ItemKind::Link { to: plain(to) });
    Item {
        kind,
        original: value(MODIFIED).and_then(|text| text.parse().ok()).map(Timestamp),
        mode: value(MODE).and_then(|text| u32::from_str_radix(text, 8).ok()),
        uid: value(OWNER).and_then(|text| text.parse().ok()),
        gid: value(GROUP).and_then(|text| text.parse().ok()),
        identity: Identity { inode: None, etag: object.etag.clone(), version: object.version.clone() },
        blake3: value(HASH).and_then(|text| blake3::Hash::from_hex(text).ok()).map(|hash| *hash.as_bytes()),
        ..Item::file(path, object.size, Timestamp(object.modified.unwrap_or(0)))
    }
}

fn ascii(text: &str) -> String {
    escape(text.as_bytes(), |c| !c.is_ascii() || c.is_ascii_control())
}

fn plain(text: &str) -> String {
    String::from_utf8_lossy(&capstan_domain::names::unescape(text)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_survive_the_way_through_metadata() {
        let arrival = Arrival {
            path: "d/é\u{1}".to_owned(),
            size: 5,
            modified: Timestamp(-1_234_567_890_123),
            mode: Some(0o640),
            uid: Some(1000),
            gid: Some(100),
            blake3: Some([7; 32]),
            attempt: "a".to_owned(),
            overwrite: false,
            storage_class: None,
        };
        let metadata = metadata(&arrival, "d/é%!01", Some("../ü%!FF"));
        assert!(metadata.iter().all(|(_, value)| value.is_ascii()), "{metadata:?}");
        let object = Object {
            key: "d/é%!01".to_owned(),
            size: 5,
            modified: Some(9),
            etag: Some("tag".to_owned()),
            version: None,
            checksums: Vec::new(),
            metadata,
            extras: Vec::new(),
        };
        let item = item_of(arrival.path.clone(), &object);
        assert_eq!(item.kind, ItemKind::Link { to: "../ü%!FF".to_owned() });
        assert_eq!((item.stamp(), item.mode, item.uid, item.gid), (arrival.modified, arrival.mode, arrival.uid, arrival.gid));
        assert_eq!((item.blake3, item.modified), (arrival.blake3, Timestamp(9)));
    }
}
