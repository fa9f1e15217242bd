//! An object's attributes in headers of the XML API, both ways.

use capstan_sdk::http::{Headers, expected, header};
use capstan_sdk::text::{header_text, number, unheader_text};
use capstan_sdk::types::{Object, PutOptions};
use capstan_sdk::{NamedValue, Outcome, named};

use crate::checksum;
use crate::client::Client;

const META: &str = "x-goog-meta-";
/// Metadata that marks which attempt made an object, so that a change whose answer was lost can be told from a stranger's. Never shown.
pub(crate) const ATTEMPT: &str = "capstan-attempt";
/// The same for an upload in parts.
pub(crate) const UPLOAD: &str = "capstan-upload";

impl Client {
    /// The class a new object goes to: what the call says, else what the target is configured for.
    pub(crate) fn storage_class<'a>(&'a self, options: &'a PutOptions) -> Option<&'a str> {
        let asked = capstan_sdk::find(&options.extras, "storage-class");
        asked.or(self.config.storage_class.as_deref()).filter(|class| !class.is_empty())
    }
}

/// Type, class and metadata of a new object, and the mark it gets.
pub(crate) fn put(client: &Client, options: &PutOptions, mark: Option<(&str, &str)>, headers: &mut Headers) {
    headers.extend(options.content_type.iter().map(|kind| ("content-type".to_owned(), kind.clone())));
    headers.extend(client.storage_class(options).map(|class| ("x-goog-storage-class".to_owned(), class.to_owned())));
    for NamedValue { name, value } in &options.metadata {
        headers.push((format!("{META}{}", name.to_ascii_lowercase()), header_text(value)));
    }
    headers.extend(mark.map(|(name, value)| (format!("{META}{name}"), header_text(value))));
}

/// The mark an object has.
pub(crate) fn mark_of(headers: &[(String, String)], mark: &str) -> Option<String> {
    header(headers, &format!("{META}{mark}")).map(unheader_text)
}

/// What a HEAD or GET says of an object. The size is the whole object's, also where a range was asked for.
pub(crate) fn object(key: &str, headers: &[(String, String)]) -> Outcome<Object> {
    let whole = header(headers, "content-range").and_then(|range| range.rsplit_once('/')).map(|(_, size)| size);
    let size = match whole {
        Some(size) => number(size, "size")?,
        None => number(expected(headers, "content-length")?, "size")?,
    };
    let mut metadata = Vec::new();
    for (name, value) in headers {
        let lower = name.to_ascii_lowercase();
        if let Some(name) = lower.strip_prefix(META).filter(|name| *name != ATTEMPT && *name != UPLOAD) {
            metadata.push(named(name, unheader_text(value)));
        }
    }
    // Objects of every class are read at once; only the price differs.
    let mut extras = vec![named("archive-state", "online")];
    extras.extend(header(headers, "x-goog-storage-class").map(|class| named("storage-class", class)));
    extras.extend(header(headers, "content-type").map(|kind| named("content-type", kind)));
    let generation = Some(expected(headers, "x-goog-generation")?.to_owned());
    Ok(Object {
        key: key.to_owned(),
        size,
        modified: header(headers, "last-modified").and_then(capstan_sdk::time::http_nanoseconds),
        etag: generation.clone(),
        version: generation,
        checksums: checksum::from_headers(headers),
        metadata,
        extras,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client::new(capstan_sdk::config::parse(r#"{"access-key": "k", "storage-class": "COLDLINE"}"#).unwrap()).unwrap()
    }

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn options() -> PutOptions {
        PutOptions {
            content_type: None,
            if_match: None,
            if_absent: false,
            metadata: vec![named("Mtime", "1")],
            checksums: Vec::new(),
            extras: Vec::new(),
        }
    }

    #[test]
    fn a_range_tells_the_size_of_the_whole() {
        let answer = headers(&[("Content-Length", "10"), ("Content-Range", "bytes 0-9/12345"), ("X-Goog-Generation", "7")]);
        let object = object("k", &answer).unwrap();
        assert_eq!((object.size, object.etag.as_deref(), object.version.as_deref()), (12345, Some("7"), Some("7")));
    }

    #[test]
    fn an_answer_without_a_generation_is_no_objects() {
        let page = headers(&[("content-length", "118"), ("content-type", "text/html")]);
        assert!(object("k", &page).is_err_and(|failure| failure.fault().code.as_deref() == Some("malformed-answer")));
    }

    #[test]
    fn marks_are_not_the_users_metadata() {
        let answer = headers(&[
            ("content-length", "0"),
            ("x-goog-generation", "7"),
            ("X-Goog-Meta-Mtime", "1"),
            ("x-goog-meta-capstan-attempt", "a1"),
            ("x-goog-meta-capstan-upload", "u1"),
        ]);
        assert_eq!(object("k", &answer).unwrap().metadata, [named("mtime", "1")]);
        assert_eq!(mark_of(&answer, ATTEMPT).as_deref(), Some("a1"));
        assert_eq!(mark_of(&answer, UPLOAD).as_deref(), Some("u1"));
    }

    #[test]
    fn the_coldest_class_is_online() {
        let answer = headers(&[("content-length", "0"), ("x-goog-generation", "7"), ("x-goog-storage-class", "ARCHIVE")]);
        let object = object("k", &answer).unwrap();
        assert_eq!(capstan_sdk::find(&object.extras, "archive-state"), Some("online"));
        assert_eq!(capstan_sdk::find(&object.extras, "storage-class"), Some("ARCHIVE"));
    }

    #[test]
    fn the_configured_class_holds_where_the_call_names_none() {
        let mut sent = Headers::new();
        put(&client(), &options(), Some((ATTEMPT, "a")), &mut sent);
        let expected = [("x-goog-storage-class", "COLDLINE"), ("x-goog-meta-mtime", "1"), ("x-goog-meta-capstan-attempt", "a")];
        assert_eq!(sent, headers(&expected));
    }
}
