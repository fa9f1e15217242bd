//! An object's attributes in headers, both ways.

use capstan_sdk::http::{Headers, etag, expected, header};
use capstan_sdk::text::{header_text, number, unheader_text};
use capstan_sdk::types::{Object, PutOptions};
use capstan_sdk::{NamedValue, Outcome, named};

use crate::client::Client;

const META: &str = "x-amz-meta-";
/// Metadata that marks which attempt made an object, so that a conditional put whose answer was lost can be told from a
/// stranger's. Never shown.
pub(crate) const ATTEMPT: &str = "capstan-attempt";

/// Type, class and metadata of a new object.
pub(crate) fn put(client: &Client, options: &PutOptions, headers: &mut Headers) {
    headers.extend(options.content_type.iter().map(|kind| ("content-type".to_owned(), kind.clone())));
    headers.extend(client.storage_class(options).map(|class| ("x-amz-storage-class".to_owned(), class.to_owned())));
    for NamedValue { name, value } in &options.metadata {
        headers.push((format!("{META}{}", name.to_ascii_lowercase()), header_text(value)));
    }
}

/// The precondition of a put, and the mark that tells our own success from somebody else's.
pub(crate) fn condition(client: &Client, attempt: &str, options: &PutOptions, headers: &mut Headers) -> bool {
    if options.if_absent {
        headers.push(("if-none-match".to_owned(), "*".to_owned()));
    }
    let mark = if client.bare_tags.get() { "" } else { "\"" };
    headers.extend(options.if_match.iter().map(|etag| ("if-match".to_owned(), format!("{mark}{etag}{mark}"))));
    let conditional = options.if_absent || options.if_match.is_some();
    if conditional && !attempt.is_empty() {
        headers.push((format!("{META}{ATTEMPT}"), header_text(attempt)));
    }
    conditional
}

/// The attempt that made an object, if it was marked.
pub(crate) fn attempt_of(headers: &[(String, String)]) -> Option<String> {
    header(headers, &format!("{META}{ATTEMPT}")).map(unheader_text)
}

/// What a HEAD or GET says of an object. The size is the whole object's, also where a range was asked for.
pub(crate) fn object(client: &Client, key: &str, headers: &[(String, String)]) -> Outcome<Object> {
    let whole = header(headers, "content-range").and_then(|range| range.rsplit_once('/')).map(|(_, size)| size);
    let size = match whole {
        Some(size) => number(size, "size")?,
        None => number(expected(headers, "content-length")?, "size")?,
    };
    let mut metadata = Vec::new();
    for (name, value) in headers {
        let lower = name.to_ascii_lowercase();
        if let Some(name) = lower.strip_prefix(META).filter(|name| *name != ATTEMPT) {
            metadata.push(named(name, unheader_text(value)));
        }
    }
    let class = header(headers, "x-amz-storage-class");
    let mut extras = vec![named("archive-state", archive_state(client, class, headers))];
    extras.extend(class.map(|class| named("storage-class", class)));
    extras.extend(header(headers, "content-type").map(|kind| named("content-type", kind)));
    extras.extend(header(headers, "x-amz-server-side-encryption").map(|kind| named("encryption", kind)));
    Ok(Object {
        key: key.to_owned(),
        size,
        modified: header(headers, "last-modified").and_then(capstan_sdk::time::http_nanoseconds),
        etag: etag(headers),
        version: header(headers, "x-amz-version-id").filter(|version| *version != "null").map(str::to_owned),
        // A ranged answer carries the whole object's, which is what the record means.
        checksums: crate::checksum::from_headers(headers),
        metadata,
        extras,
    })
}

/// "x-amz-restore" is there once a restore was asked for; "x-amz-archive-status" where the service moved the object by itself.
fn archive_state(client: &Client, class: Option<&str>, headers: &[(String, String)]) -> &'static str {
    let cold = class.is_some_and(|class| client.config.cold_classes.iter().any(|cold| cold == class));
    let cold = cold || header(headers, "x-amz-archive-status").is_some();
    match header(headers, "x-amz-restore") {
        Some(restore) if restore.contains("ongoing-request=\"true\"") => "restoring",
        Some(_) => "restored",
        None if cold => "archived",
        None => "online",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client::new(capstan_sdk::config::parse(r#"{"endpoint": "http://h", "storage-class": "COOL"}"#).unwrap()).unwrap()
    }

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn options(if_absent: bool) -> PutOptions {
        PutOptions {
            content_type: None,
            if_match: None,
            if_absent,
            metadata: vec![named("Mtime", "1")],
            checksums: Vec::new(),
            extras: Vec::new(),
        }
    }

    #[test]
    fn a_range_tells_the_size_of_the_whole() {
        let answer = headers(&[("Content-Length", "10"), ("Content-Range", "bytes 0-9/12345"), ("ETag", "\"abc\"")]);
        let object = object(&client(), "k", &answer).unwrap();
        assert_eq!((object.size, object.etag.as_deref()), (12345, Some("abc")));
    }

    #[test]
    fn metadata_comes_back_without_the_mark_of_the_attempt() {
        let answer = headers(&[("content-length", "0"), ("X-Amz-Meta-Mtime", "1"), ("x-amz-meta-capstan-attempt", "a1")]);
        assert_eq!(object(&client(), "k", &answer).unwrap().metadata, [named("mtime", "1")]);
        assert_eq!(attempt_of(&answer).as_deref(), Some("a1"));
    }

    #[test]
    fn a_cold_object_says_how_far_its_restore_is() {
        let state = |pairs: &[(&str, &str)]| {
            let mut answer = headers(pairs);
            answer.push(("content-length".to_owned(), "1".to_owned()));
            let object = object(&client(), "k", &answer).unwrap();
            capstan_sdk::find(&object.extras, "archive-state").unwrap().to_owned()
        };
        assert_eq!(state(&[]), "online");
        assert_eq!(state(&[("x-amz-storage-class", "STANDARD_IA")]), "online");
        assert_eq!(state(&[("x-amz-storage-class", "GLACIER")]), "archived");
        assert_eq!(state(&[("x-amz-storage-class", "GLACIER"), ("x-amz-restore", "ongoing-request=\"true\"")]), "restoring");
        let done = "ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2026 00:00:00 GMT\"";
        assert_eq!(state(&[("x-amz-storage-class", "GLACIER"), ("x-amz-restore", done)]), "restored");
    }

    #[test]
    fn only_a_conditional_put_is_marked_with_its_attempt() {
        let (mut plain, mut conditional) = (Headers::new(), Headers::new());
        assert!(!condition(&client(), "a", &options(false), &mut plain) && plain.is_empty());
        assert!(condition(&client(), "a", &options(true), &mut conditional));
        assert_eq!(conditional, headers(&[("if-none-match", "*"), ("x-amz-meta-capstan-attempt", "a")]));
    }

    #[test]
    fn a_tag_stands_in_quotes_until_the_service_is_known_to_want_it_bare() {
        let (client, mut quoted, mut bare) = (client(), Headers::new(), Headers::new());
        let options = PutOptions { if_match: Some("e".to_owned()), ..options(false) };
        condition(&client, "", &options, &mut quoted);
        client.bare_tags.set(true);
        condition(&client, "", &options, &mut bare);
        assert_eq!((quoted, bare), (headers(&[("if-match", "\"e\"")]), headers(&[("if-match", "e")])));
    }

    #[test]
    fn the_configured_class_holds_where_the_call_names_none() {
        let mut sent = Headers::new();
        put(&client(), &options(false), &mut sent);
        assert_eq!(sent, headers(&[("x-amz-storage-class", "COOL"), ("x-amz-meta-mtime", "1")]));
    }
}
