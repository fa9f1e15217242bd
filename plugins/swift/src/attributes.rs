//! An object's attributes in headers, both ways.
//!
//! A value of metadata has 256 bytes at Swift. A longer one goes in pieces, under its name and under names that end in
//! `-capstan-2`, `-capstan-3` and so on; they come back as one. `X-Delete-At` is never set and never taken away.

use std::collections::BTreeMap;

use capstan_sdk::failure::invalid;
use capstan_sdk::http::{Headers, etag, expected, header};
use capstan_sdk::text::{base64, header_text, hex, number, unheader_text, unhex};
use capstan_sdk::types::{Checksum, Object, PutOptions};
use capstan_sdk::{NamedValue, Outcome, crypto, named, time};

const META: &str = "x-object-meta-";
/// Between the name of a value and the number of its piece.
const PIECE: &str = "-capstan-";
/// Pieces of one value; the host keeps all metadata below 2 KiB.
const MAX_PIECES: usize = 64;
/// Which attempt made an object, so that a conditional put whose answer was lost can be told from a stranger's. Never shown.
const ATTEMPT: &str = "capstan-attempt";
/// Bytes of that mark; a SHA-256 in hexadecimal has as many.
const MAX_ATTEMPT_MARK: usize = 64;
/// Which upload of ours a large object consists of. Never shown.
const UPLOAD: &str = "capstan-upload";
/// Ceph's gateway shows a mark of its own among the user's.
const HIDDEN: [&str; 3] = [ATTEMPT, UPLOAD, "static-large-object"];

/// What an object is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Make {
    Plain,
    /// A manifest names its segments (SLO).
    Static,
    /// All that begins with a prefix (DLO): read, never made.
    Dynamic,
}

/// Type and metadata of a new object. `limit`: bytes of one value.
pub(crate) fn put(options: &PutOptions, limit: usize, headers: &mut Headers) -> Outcome<()> {
    headers.extend(options.content_type.iter().map(|kind| ("content-type".to_owned(), kind.clone())));
    for NamedValue { name, value } in &options.metadata {
        let name = name.to_ascii_lowercase();
        for (piece, text) in pieces(value, limit)?.into_iter().enumerate() {
            let header = if piece == 0 { format!("{META}{name}") } else { format!("{META}{name}{PIECE}{}", piece + 1) };
            headers.push((header, text));
        }
    }
    Ok(())
}

/// A value as header texts of at most `limit` bytes. Pieces are of a form without spaces, which a header would lose at their ends.
fn pieces(value: &str, limit: usize) -> Outcome<Vec<String>> {
    let text = header_text(value);
    if text.len() <= limit {
        return Ok(vec![text]);
    }
    let word = format!("=?UTF-8?B?{}?=", base64(value.as_bytes()));
    let pieces: Vec<String> = word.as_bytes().chunks(limit).map(|piece| String::from_utf8_lossy(piece).into_owned()).collect();
    if pieces.len() > MAX_PIECES { Err(invalid("the metadata is larger than the target allows")) } else { Ok(pieces) }
}

/// The precondition of a put, and the mark that tells our own success from somebody else's.
pub(crate) fn condition(attempt: &str, options: &PutOptions, headers: &mut Headers) -> Outcome<()> {
    if options.if_absent {
        headers.push(("if-none-match".to_owned(), "*".to_owned()));
        if !attempt.is_empty() {
            headers.push((format!("{META}{ATTEMPT}"), attempt_mark(attempt)?));
        }
    }
    Ok(())
}

/// As much as every service takes as one value: of a longer attempt the hash.
fn attempt_mark(attempt: &str) -> Outcome<String> {
    let text = header_text(attempt);
    if text.len() <= MAX_ATTEMPT_MARK {
        Ok(text)
    } else {
        crypto::digest("sha256", attempt.as_bytes()).map(|digest| hex(&digest))
    }
}

/// The mark of the upload that a large object consists of.
pub(crate) fn mark_upload(upload: &str, headers: &mut Headers) {
    headers.push((format!("{META}{UPLOAD}"), upload.to_owned()));
}

/// Whether this attempt made the object.
pub(crate) fn is_by(headers: &[(String, String)], attempt: &str) -> Outcome<bool> {
    match header(headers, &format!("{META}{ATTEMPT}")) {
        Some(mark) if !attempt.is_empty() => attempt_mark(attempt).map(|own| own == mark),
        _ => Ok(false),
    }
}

/// The upload of ours that a large object consists of.
pub(crate) fn upload_of(headers: &[(String, String)]) -> Option<&str> {
    header(headers, &format!("{META}{UPLOAD}")).filter(|_| make_of(headers) == Make::Static)
}

pub(crate) fn make_of(headers: &[(String, String)]) -> Make {
    if header(headers, "x-static-large-object").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
        Make::Static
    } else if header(headers, "x-object-manifest").is_some() {
        Make::Dynamic
    } else {
        Make::Plain
    }
}

/// The user's metadata, pieces joined.
fn metadata(headers: &[(String, String)]) -> Vec<NamedValue> {
    let mut values: BTreeMap<String, BTreeMap<usize, &str>> = BTreeMap::new();
    for (name, text) in headers {
        let lower = name.to_ascii_lowercase();
        let Some(name) = lower.strip_prefix(META).filter(|name| !HIDDEN.contains(name)) else { continue };
        let piece = name.rsplit_once(PIECE).and_then(|(name, piece)| Some((name, piece.parse().ok()?)));
        let (name, piece) = piece.filter(|(_, piece)| (2..=MAX_PIECES).contains(piece)).unwrap_or((name, 1));
        values.entry(name.to_owned()).or_default().insert(piece, text);
    }
    values.into_iter().map(|(name, pieces)| named(&name, unheader_text(&pieces.into_values().collect::<String>()))).collect()
}

/// What a HEAD or GET says of an object. The size is the whole object's, also where a range was asked for.
pub(crate) fn object(key: &str, headers: &[(String, String)]) -> Outcome<Object> {
    let whole = header(headers, "content-range").and_then(|range| range.rsplit_once('/')).map(|(_, size)| size);
    let size = match whole {
        Some(size) => number(size, "size")?,
        None => number(expected(headers, "content-length")?, "size")?,
    };
    let etag = etag(headers);
    let mut extras = vec![named("archive-state", "online")];
    extras.extend(header(headers, "content-type").map(|kind| named("content-type", kind)));
    extras.extend(header(headers, "x-delete-at").map(|moment| named("delete-at", moment)));
    Ok(Object {
        key: key.to_owned(),
        size,
        modified: header(headers, "last-modified").and_then(time::http_nanoseconds),
        checksums: md5(headers, etag.as_deref()).into_iter().collect(),
        etag,
        version: header(headers, "x-object-version-id").filter(|version| *version != "null").map(str::to_owned),
        metadata: metadata(headers),
        extras,
    })
}

/// The tag of an object in one piece is its MD5. At Ceph one that was appended to, or put in parts over S3, has another.
fn md5(headers: &[(String, String)], etag: Option<&str>) -> Option<Checksum> {
    let whole = header(headers, "x-rgw-object-type").is_none_or(|kind| kind.eq_ignore_ascii_case("normal"));
    let value = unhex(etag?).filter(|value| value.len() == 16 && whole && make_of(headers) == Make::Plain)?;
    Some(Checksum { algorithm: "md5".to_owned(), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn options(metadata: Vec<NamedValue>, if_absent: bool) -> PutOptions {
        PutOptions { content_type: None, if_match: None, if_absent, metadata, checksums: Vec::new(), extras: Vec::new() }
    }

    #[test]
    fn metadata_of_any_length_comes_back_as_it_was() {
        let values = ["1", "grün", " padded ", &"x".repeat(256), &"a b ".repeat(300), &"日本".repeat(100)];
        let given: Vec<NamedValue> = values.iter().enumerate().map(|(at, value)| named(&format!("n{at}"), *value)).collect();
        let mut sent = Headers::new();
        put(&options(given.clone(), false), 256, &mut sent).unwrap();
        assert!(sent.iter().all(|(_, text)| text.len() <= 256 && text.trim() == text), "{sent:?}");
        assert!(sent.len() > values.len());
        // They come in any order, and spelt otherwise.
        sent.reverse();
        let answered: Headers = sent.into_iter().map(|(name, text)| (name.to_uppercase(), text)).collect();
        assert_eq!(metadata(&answered), given);
        assert!(put(&options(vec![named("n", "x".repeat(20_000))], false), 256, &mut Headers::new()).is_err());
    }

    #[test]
    fn marks_are_read_and_never_shown() {
        let mut sent = headers(&[("X-Static-Large-Object", "True"), ("x-object-meta-static-large-object", "True")]);
        condition("a1", &options(Vec::new(), true), &mut sent).unwrap();
        mark_upload("u1", &mut sent);
        assert_eq!(upload_of(&sent), Some("u1"));
        assert!(is_by(&sent, "a1").unwrap() && !is_by(&sent, "a2").unwrap() && !is_by(&sent, "").unwrap());
        assert!(metadata(&sent).is_empty());
        // A copy that is no large object any more has the mark of nothing.
        sent.retain(|(name, _)| name != "X-Static-Large-Object");
        assert_eq!(upload_of(&sent), None);
        let mut plain = Headers::new();
        condition("a1", &options(Vec::new(), false), &mut plain).unwrap();
        assert!(plain.is_empty());
    }

    #[test]
    fn only_a_whole_objects_tag_is_its_md5() {
        let tag = "5d41402abc4b2a76b9719d911017c592";
        let plain = headers(&[("content-length", "5"), ("Etag", tag), ("X-Delete-At", "1795291401")]);
        let object = object("k", &plain).unwrap();
        assert_eq!((object.size, object.etag.as_deref(), object.checksums.len()), (5, Some(tag), 1));
        assert!(object.extras.contains(&named("delete-at", "1795291401")));
        for more in [("x-static-large-object", "True"), ("x-object-manifest", "c/p"), ("x-rgw-object-type", "Appendable")] {
            let mut large = plain.clone();
            large.extend(headers(&[more]));
            assert!(super::object("k", &large).unwrap().checksums.is_empty(), "{more:?}");
        }
        let ranged = headers(&[("content-length", "2"), ("content-range", "bytes 3-4/5"), ("etag", "\"x-3\"")]);
        let object = super::object("k", &ranged).unwrap();
        assert_eq!((object.size, object.etag.as_deref(), object.checksums.len()), (5, Some("x-3"), 0));
    }
}
