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
