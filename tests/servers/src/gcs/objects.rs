//! What both APIs do with objects: preconditions, names, classes, hashes, pages.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::Md5;
use serde_json::{Map, Value, json};
use sha2::Digest;

use super::http::Asked;
use super::store::name_of;

const CLASSES: [&str; 4] = ["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"];

pub(super) fn generation(resource: Option<&Value>) -> u64 {
    resource.and_then(|resource| resource["generation"].as_str()?.parse().ok()).unwrap_or(0)
}

/// "Object name requirements".
pub(super) fn is_key(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= 1024
        && !key.contains(['\r', '\n'])
        && !matches!(key, "." | "..")
        && !key.starts_with(".well-known/acme-challenge/")
}

/// "Bucket naming guidelines".
pub(super) fn is_bucket(name: &str) -> bool {
    let ends = name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.ends_with(|c: char| c.is_ascii_alphanumeric());
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte));
    ends && plain && (3..=222).contains(&name.len()) && !name.starts_with("goog") && name.split('.').all(|part| part.len() <= 63)
}

pub(super) fn is_class(class: &str) -> bool {
    CLASSES.contains(&class)
}

pub(super) fn crc32c(data: &[u8]) -> String {
    let crc = crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, data);
    STANDARD.encode(u32::try_from(crc).unwrap_or_default().to_be_bytes())
}

/// What `x-goog-hash` says holds of the data.
pub(super) fn hashes_hold<'a>(said: impl Iterator<Item = &'a str>, data: &[u8]) -> bool {
    said.flat_map(|value| value.split(',')).all(|pair| match pair.trim().split_once('=') {
        Some(("crc32c", value)) => value == crc32c(data),
        Some(("md5", value)) => value == STANDARD.encode(Md5::digest(data)),
        _ => false,
    })
}

/// The resource the headers of a put describe. None: a class there is not.
pub(super) fn described(asked: &Asked<'_>) -> Option<Value> {
    let metadata: Map<String, Value> = asked.headers_of("x-goog-meta-").map(|(name, value)| (name, json!(value))).collect();
    let mut resource = json!({ "metadata": metadata });
    resource["contentType"] = json!(asked.field("content-type").unwrap_or("application/octet-stream"));
    if let Some(class) = asked.field("x-goog-storage-class") {
        is_class(class).then_some(())?;
        resource["storageClass"] = json!(class);
    }
    Some(resource)
}

/// One page of a listing.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) items: Vec<Value>,
    pub(super) prefixes: Vec<String>,
    /// The last key or prefix of a page that is not the last.
    pub(super) next: Option<String>,
}

/// Keys and folded prefixes in one order, behind `after`.
pub(super) fn page(all: Vec<Value>, prefix: &str, delimiter: Option<&str>, after: Option<&str>, limit: usize) -> Page {
    let mut page = Page::default();
    let mut last: Option<String> = after.map(str::to_owned);
    for item in all {
        let name = name_of(&item).to_owned();
        let Some(rest) = name.strip_prefix(prefix) else { continue };
        let folded = delimiter.and_then(|delimiter| {
            rest.find(delimiter).map(|at| format!("{prefix}{}", &rest.get(..at + delimiter.len()).unwrap_or(rest)))
        });
        let shown = folded.clone().unwrap_or(name);
        if last.as_deref().is_some_and(|last| shown.as_str() <= last) {
            continue;
        }
        if page.items.len() + page.prefixes.len() == limit {
            page.next = last;
            return page;
        }
        match folded {
            Some(folded) => page.prefixes.push(folded),
            None => page.items.push(item),
        }
        last = Some(shown);
    }
    page
}
