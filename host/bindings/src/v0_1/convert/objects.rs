//! Objects, uploads and their options.

use capstan_domain::ports;

use super::{named, pairs};
use crate::v0_1::types as wit;

impl From<wit::Checksum> for ports::Checksum {
    fn from(checksum: wit::Checksum) -> Self {
        Self { algorithm: checksum.algorithm, value: checksum.value }
    }
}

impl From<ports::Checksum> for wit::Checksum {
    fn from(checksum: ports::Checksum) -> Self {
        Self { algorithm: checksum.algorithm, value: checksum.value }
    }
}

fn checksums<A, B: From<A>>(list: Vec<A>) -> Vec<B> {
    list.into_iter().map(Into::into).collect()
}

impl From<wit::Object> for ports::Object {
    fn from(object: wit::Object) -> Self {
        Self {
            key: object.key,
            size: object.size,
            modified: object.modified,
            etag: object.etag,
            version: object.version,
            checksums: checksums(object.checksums),
            metadata: pairs(object.metadata),
            extras: pairs(object.extras),
        }
    }
}

impl From<wit::Entry> for ports::ObjectEntry {
    fn from(entry: wit::Entry) -> Self {
        Self { key: entry.key, size: entry.size, modified: entry.modified, etag: entry.etag, extras: pairs(entry.extras) }
    }
}

impl From<wit::Page> for ports::ObjectPage {
    fn from(page: wit::Page) -> Self {
        Self { entries: page.entries.into_iter().map(Into::into).collect(), prefixes: page.prefixes, next: page.next }
    }
}

impl From<wit::Outcome> for ports::KeyOutcome {
    fn from(outcome: wit::Outcome) -> Self {
        Self { key: outcome.key, result: outcome.failed.map_or(Ok(()), |failure| Err(failure.into())) }
    }
}

impl From<ports::ByteRange> for wit::ByteRange {
    fn from(range: ports::ByteRange) -> Self {
        Self { offset: range.offset, length: range.length }
    }
}

impl From<ports::PutOptions> for wit::PutOptions {
    fn from(options: ports::PutOptions) -> Self {
        Self {
            content_type: options.content_type,
            if_match: options.if_match,
            if_absent: options.if_absent,
            metadata: named(options.metadata),
            checksums: checksums(options.checksums),
            extras: named(options.extras),
        }
    }
}

impl From<ports::GetOptions> for wit::GetOptions {
    fn from(options: ports::GetOptions) -> Self {
        Self { if_match: options.if_match, version: options.version, extras: named(options.extras) }
    }
}

impl From<ports::ListOptions> for wit::ListOptions {
    fn from(options: ports::ListOptions) -> Self {
        Self {
            prefix: options.prefix,
            delimiter: options.delimiter,
            after: options.after,
            limit: options.limit,
            extras: named(options.extras),
        }
    }
}

impl From<wit::Upload> for ports::Upload {
    fn from(upload: wit::Upload) -> Self {
        Self { id: upload.id, part_size: upload.part_size, extras: pairs(upload.extras) }
    }
}

impl From<wit::Part> for ports::Part {
    fn from(part: wit::Part) -> Self {
        Self { number: part.number, size: part.size, etag: part.etag, checksums: checksums(part.checksums) }
    }
}

impl From<ports::Part> for wit::Part {
    fn from(part: ports::Part) -> Self {
        Self { number: part.number, size: part.size, etag: part.etag, checksums: checksums(part.checksums) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v0_1::host::types::NamedValue;

    fn named(name: &str, value: &str) -> NamedValue {
        NamedValue { name: name.to_owned(), value: value.to_owned() }
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    fn object() -> wit::Object {
        wit::Object {
            key: "k".to_owned(),
            size: 5,
            modified: Some(-7),
            etag: Some("e".to_owned()),
            version: Some("v".to_owned()),
            checksums: vec![wit::Checksum { algorithm: "md5".to_owned(), value: vec![1, 2] }],
            metadata: vec![named("owner", "me"), named("owner", "me too")],
            extras: vec![named("storage-class", "COLD")],
        }
    }

    #[test]
    fn an_object_keeps_every_member_and_the_order_of_its_lists() {
        let wanted = ports::Object {
            key: "k".to_owned(),
            size: 5,
            modified: Some(-7),
            etag: Some("e".to_owned()),
            version: Some("v".to_owned()),
            checksums: vec![ports::Checksum { algorithm: "md5".to_owned(), value: vec![1, 2] }],
            metadata: vec![pair("owner", "me"), pair("owner", "me too")],
            extras: vec![pair("storage-class", "COLD")],
        };
        assert_eq!(ports::Object::from(object()), wanted);
    }

    #[test]
    fn a_page_keeps_entries_prefixes_and_marker() {
        let entry = wit::Entry { key: "k".to_owned(), size: 1, modified: 2, etag: None, extras: vec![named("a", "b")] };
        let page = wit::Page { entries: vec![entry], prefixes: vec!["p/".to_owned()], next: Some("n".to_owned()) };
        let entry = ports::ObjectEntry { key: "k".to_owned(), size: 1, modified: 2, etag: None, extras: vec![pair("a", "b")] };
        let wanted = ports::ObjectPage { entries: vec![entry], prefixes: vec!["p/".to_owned()], next: Some("n".to_owned()) };
        assert_eq!(ports::ObjectPage::from(page), wanted);
    }

    #[test]
    fn an_outcome_without_a_failure_is_a_success() {
        let outcome = |failed| ports::KeyOutcome::from(wit::Outcome { key: "k".to_owned(), failed }).result;
        assert!(outcome(None).is_ok());
        let failure = capstan_domain::Failure::not_found("gone");
        assert_eq!(outcome(Some(failure.clone().into())).unwrap_err(), failure);
    }

    #[test]
    fn options_go_out_with_every_member() {
        let put = wit::PutOptions::from(ports::PutOptions {
            content_type: Some("text/plain".to_owned()),
            if_match: Some("e".to_owned()),
            if_absent: true,
            metadata: vec![pair("m", "1")],
            checksums: vec![ports::Checksum { algorithm: "crc32c".to_owned(), value: vec![9] }],
            extras: vec![pair("storage-class", "COLD")],
        });
        assert_eq!((put.content_type.as_deref(), put.if_match.as_deref(), put.if_absent), (Some("text/plain"), Some("e"), true));
        assert_eq!((put.checksums[0].algorithm.as_str(), put.checksums[0].value.as_slice()), ("crc32c", &[9][..]));
        assert_eq!((put.metadata[0].name.as_str(), put.extras[0].value.as_str()), ("m", "COLD"));
        let get = wit::GetOptions::from(ports::GetOptions {
            if_match: Some("e".to_owned()),
            version: Some("v".to_owned()),
            extras: vec![],
        });
        assert_eq!((get.if_match.as_deref(), get.version.as_deref()), (Some("e"), Some("v")));
        let list = wit::ListOptions::from(ports::ListOptions {
            prefix: "p".to_owned(),
            delimiter: Some("/".to_owned()),
            after: Some("a".to_owned()),
            limit: 3,
            extras: vec![],
        });
        assert_eq!(
            (list.prefix.as_str(), list.delimiter.as_deref(), list.after.as_deref(), list.limit),
            ("p", Some("/"), Some("a"), 3)
        );
        let range = wit::ByteRange::from(ports::ByteRange { offset: 4, length: None });
        assert_eq!((range.offset, range.length), (4, None));
    }

    #[test]
    fn a_part_comes_back_as_it_went() {
        let part = ports::Part { number: 2, size: 3, etag: "e".to_owned(), checksums: vec![] };
        assert_eq!(ports::Part::from(wit::Part::from(part.clone())), part);
    }
}
