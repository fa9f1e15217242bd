//! A blob's attributes in headers, both ways.

use capstan_sdk::http::{Headers, etag, expected, header};
use capstan_sdk::text::{base64, header_text, number, unheader_text};
use capstan_sdk::types::{Object, PutOptions};
use capstan_sdk::{NamedValue, Outcome, named};

use crate::checksum;
use crate::client::Client;
use crate::cold;
use crate::names::{from_metadata_name, metadata_name};

const META: &str = "x-ms-meta-";
/// Metadata that marks which attempt made a blob, so that a conditional put whose answer was lost can be told from a
/// stranger's. Never shown.
const ATTEMPT: &str = "capstan-attempt";

/// Type, tier and metadata of a new blob, and the MD5 of all of it where it is known.
pub(crate) fn put(client: &Client, options: &PutOptions, headers: &mut Headers) {
    headers.extend(options.content_type.iter().map(|kind| ("x-ms-blob-content-type".to_owned(), kind.clone())));
    headers.extend(client.storage_class(options).map(|class| ("x-ms-access-tier".to_owned(), class)));
    let md5 = options.checksums.iter().find(|checksum| checksum.algorithm == "md5");
    headers.extend(md5.map(|md5| ("x-ms-blob-content-md5".to_owned(), base64(&md5.value))));
    metadata(&options.metadata, headers);
}

pub(crate) fn metadata(metadata: &[NamedValue], headers: &mut Headers) {
    for NamedValue { name, value } in metadata {
        headers.push((format!("{META}{}", metadata_name(name)), header_text(value)));
    }
}

/// The precondition of a put, and the mark that tells our own success from somebody else's.
pub(crate) fn condition(attempt: &str, options: &PutOptions, headers: &mut Headers) -> bool {
    if options.if_absent {
        headers.push(("if-none-match".to_owned(), "*".to_owned()));
    }
    headers.extend(options.if_match.iter().map(|etag| ("if-match".to_owned(), format!("\"{etag}\""))));
    let conditional = options.if_absent || options.if_match.is_some();
    if conditional && !attempt.is_empty() {
        headers.push((format!("{META}{}", metadata_name(ATTEMPT)), header_text(attempt)));
    }
    conditional
}

/// The attempt that made a blob, if it was marked.
pub(crate) fn attempt_of(headers: &[(String, String)]) -> Option<String> {
    header(headers, &format!("{META}{}", metadata_name(ATTEMPT))).map(unheader_text)
}

/// What a look at a blob, or the beginning of its download, says. The size is the whole blob's, also where a range was asked for.
pub(crate) fn object(key: &str, headers: &[(String, String)]) -> Outcome<Object> {
    let whole = header(headers, "content-range").and_then(|range| range.rsplit_once('/')).map(|(_, size)| size);
    let size = match whole {
        Some(size) => number(size, "size")?,
        None => number(expected(headers, "content-length")?, "size")?,
    };
    let mut metadata = Vec::new();
    for (name, value) in headers {
        let lower = name.to_ascii_lowercase();
        if let Some(name) = lower.strip_prefix(META).map(from_metadata_name).filter(|name| name != ATTEMPT) {
            metadata.push(named(&name, unheader_text(value)));
        }
    }
    let tier = header(headers, "x-ms-access-tier");
    let mut extras = vec![named("archive-state", cold::state(tier, header(headers, "x-ms-archive-status")))];
    extras.extend(tier.map(|tier| named("storage-class", tier)));
    extras.extend(header(headers, "content-type").map(|kind| named("content-type", kind)));
    Ok(Object {
        key: key.to_owned(),
        size,
        modified: header(headers, "last-modified").and_then(capstan_sdk::time::http_nanoseconds),
        etag: etag(headers),
        version: header(headers, "x-ms-version-id").map(str::to_owned),
        checksums: checksum::kept(headers),
        metadata,
        extras,
    })
}

#[cfg(test)]
mod tests {
    use capstan_sdk::types::Checksum;

    use super::*;
    use crate::credentials::Credentials;

    fn client() -> Client {
        let config = capstan_sdk::config::parse(r#"{"account": "a", "storage-class": "Cool"}"#).unwrap();
        Client::new(config, Credentials::Key).unwrap()
    }

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn options(if_absent: bool) -> PutOptions {
        PutOptions {
            content_type: Some("text/plain".to_owned()),
            if_match: None,
            if_absent,
            metadata: vec![named("Capstan-Mtime", "grün")],
            checksums: vec![Checksum { algorithm: "md5".to_owned(), value: vec![0; 16] }],
            extras: Vec::new(),
        }
    }

    #[test]
    fn a_range_tells_the_size_of_the_whole() {
        let answer = headers(&[("Content-Length", "10"), ("Content-Range", "bytes 0-9/12345"), ("ETag", "\"0x8D\"")]);
        let object = object("k", &answer).unwrap();
        assert_eq!((object.size, object.etag.as_deref()), (12345, Some("0x8D")));
    }

    #[test]
    fn a_blob_is_put_with_its_type_tier_hash_and_metadata() {
        let mut sent = Headers::new();
        put(&client(), &options(false), &mut sent);
        let expected = headers(&[
            ("x-ms-blob-content-type", "text/plain"),
            ("x-ms-access-tier", "Cool"),
            ("x-ms-blob-content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="),
            ("x-ms-meta-capstan_x2d_mtime", "=?UTF-8?B?Z3LDvG4=?="),
        ]);
        assert_eq!(sent, expected);
    }

    #[test]
    fn metadata_comes_back_without_the_mark_of_the_attempt() {
        let (mut sent, mut plain) = (headers(&[("content-length", "0")]), Headers::new());
        assert!(!condition("a1", &options(false), &mut plain) && plain.is_empty());
        assert!(condition("a1", &options(true), &mut sent));
        metadata(&options(true).metadata, &mut sent);
        assert_eq!(object("k", &sent).unwrap().metadata, [named("capstan-mtime", "grün")]);
        assert_eq!(attempt_of(&sent).as_deref(), Some("a1"));
        assert!(sent.contains(&("if-none-match".to_owned(), "*".to_owned())));
    }
}
