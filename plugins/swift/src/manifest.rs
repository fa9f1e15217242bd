//! The manifest of a static large object (API v1, "Static large objects"): which segments it consists of, in order.

use capstan_sdk::text::{hex, unhex};
use capstan_sdk::types::Part;
use capstan_sdk::{Outcome, crypto};
use serde::Serialize;

use crate::segments::Place;

/// One segment as it is sent.
#[derive(Debug, Serialize)]
struct Segment<'a> {
    path: String,
    etag: &'a str,
    size_bytes: u64,
}

/// The document that is put. Parts without bytes are left out: no manifest may name them.
pub(crate) fn document(place: &Place, upload: &str, parts: &[Part]) -> Vec<u8> {
    let segments: Vec<Segment<'_>> = parts
        .iter()
        .filter(|part| part.size > 0)
        .map(|part| Segment {
            path: format!("/{}/{}", place.container, place.segment(upload, part.number)),
            etag: &part.etag,
            size_bytes: part.size,
        })
        .collect();
    serde_json::to_vec(&segments).unwrap_or_default()
}

/// The tag of an object of these parts: the MD5 of their tags, in hexadecimal, one after the other. None: no part's tag is one.
pub(crate) fn joined_etag(parts: &[Part]) -> Outcome<Option<String>> {
    let tags: Vec<&str> = parts.iter().filter(|part| part.size > 0).map(|part| part.etag.as_str()).collect();
    if tags.iter().any(|tag| unhex(tag).is_none_or(|tag| tag.len() != 16)) {
        return Ok(None);
    }
    Ok(Some(hex(&crypto::digest("md5", tags.concat().as_bytes())?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_names_segments_with_bytes_only() {
        let part = |number, size| Part { number, size, etag: "e".to_owned(), checksums: Vec::new() };
        let place = Place { container: "c ü_segments".to_owned(), prefix: "0f/".to_owned() };
        let document = String::from_utf8(document(&place, "u", &[part(1, 5), part(2, 0)])).unwrap();
        assert_eq!(document, r#"[{"path":"/c ü_segments/0f/u/00000001","etag":"e","size_bytes":5}]"#);
    }
}
