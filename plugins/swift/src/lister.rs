//! Pages of names in JSON, ordered bytewise by the service.
//!
//! The contract's marker is the service's: the last name, or the last folded prefix, of the page. A page that is short need not be
//! the last one, so a listing ends with an empty page.
//!
//! A large object is listed as what its manifest is. Swift tells the whole size of a static one, and its tag beside; Ceph's gateway
//! tells the size of the manifest and the MD5 of nothing; a dynamic one is listed as empty everywhere. So whatever has the MD5 of
//! nothing is looked at, several at a time.

use capstan_sdk::failure::malformed;
use capstan_sdk::http::unquoted;
use capstan_sdk::types::{Entry, ListOptions, Page};
use capstan_sdk::{Outcome, time};
use futures::stream::{StreamExt, TryStreamExt};
use serde::Deserialize;

use crate::call::Call;
use crate::client::Client;
use crate::{attributes, reader};

/// Names of one page at most: what the answer's bound has room for.
const MAX_PAGE: u32 = 1_000;
/// Looks under way at a time.
const LOOKS: usize = 16;
/// Tag of an empty body.
const EMPTY_MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

#[derive(Deserialize)]
pub(crate) struct Line {
    pub(crate) name: Option<String>,
    subdir: Option<String>,
    #[serde(default)]
    pub(crate) hash: String,
    #[serde(default)]
    pub(crate) bytes: u64,
    last_modified: Option<String>,
    slo_etag: Option<String>,
}

/// One page of a container as it came, names after `marker`.
pub(crate) async fn lines(
    client: &Client,
    container: &str,
    prefix: &str,
    delimiter: Option<&str>,
    marker: Option<&str>,
    limit: u32,
) -> Outcome<Vec<Line>> {
    let limit = limit.clamp(1, MAX_PAGE.min(client.capabilities().await?.listing)).to_string();
    let mut call = Call::container("GET", container).query("format", "json").query("limit", &limit);
    for (name, value) in [("prefix", Some(prefix)), ("delimiter", delimiter), ("marker", marker)] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            call = call.query(name, value);
        }
    }
    let reply = client.exchange(&call, None).await?;
    read(reply.status, &reply.body)
}

fn read(status: u16, body: &[u8]) -> Outcome<Vec<Line>> {
    if status == 204 || body.is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_slice(body).map_err(|error| malformed("the target answered no list of objects", error.to_string()))
}

pub(crate) async fn list(client: &Client, location: &str, options: &ListOptions) -> Outcome<Page> {
    let lines =
        lines(client, location, &options.prefix, options.delimiter.as_deref(), options.after.as_deref(), options.limit).await?;
    let mut page = page(lines)?;
    let entries = std::mem::take(&mut page.entries);
    let looks = entries.into_iter().map(|entry| async move { true_entry(client, location, entry).await });
    page.entries =
        futures::stream::iter(looks).buffered(LOOKS).try_filter_map(|entry| async move { Ok(entry) }).try_collect().await?;
    Ok(page)
}

fn page(lines: Vec<Line>) -> Outcome<Page> {
    let mut page = Page { entries: Vec::with_capacity(lines.len()), prefixes: Vec::new(), next: None };
    for line in lines {
        let missing = |what: &str| malformed(format!("the target listed an object without a {what}"), "");
        let is_prefix = line.subdir.is_some();
        let key = line.subdir.or(line.name).ok_or_else(|| missing("name"))?;
        page.next = page.next.max(Some(key.clone()));
        if is_prefix {
            page.prefixes.push(key);
            continue;
        }
        page.entries.push(Entry {
            key,
            size: line.bytes,
            modified: line.last_modified.as_deref().and_then(time::iso).ok_or_else(|| missing("time"))?,
            etag: Some(unquoted(line.slo_etag.as_deref().unwrap_or(&line.hash))),
            extras: Vec::new(),
        });
    }
    Ok(page)
}

/// Nothing that is empty says whether it is a manifest. A folder's marker is none.
fn may_be_manifest(entry: &Entry) -> bool {
    entry.etag.as_deref() == Some(EMPTY_MD5) && !entry.key.ends_with('/')
}

/// The entry with the size and the tag of what is read under its key; none: it is gone by now.
async fn true_entry(client: &Client, location: &str, entry: Entry) -> Outcome<Option<Entry>> {
    if !may_be_manifest(&entry) {
        return Ok(Some(entry));
    }
    let Some(reply) = reader::look(client, location, &entry.key).await? else { return Ok(None) };
    let object = attributes::object(&entry.key, &reply.headers)?;
    Ok(Some(Entry { size: object.size, etag: object.etag, ..entry }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_with_large_objects_as_they_are_read() {
        let body = br#"[
            {"bytes": 5, "hash": "5d41402abc4b2a76b9719d911017c592", "name": "a b\u0001", "content_type": "x/y", "last_modified": "2026-11-21T20:03:21.134870"},
            {"subdir": "b/"},
            {"bytes": 11, "hash": "8eecac840bbb599134af8e732a6dbbff", "name": "slo", "last_modified": "2026-11-21T20:04:43.457Z", "slo_etag": "\"376d6eb5eac287b2ace69d78e7efbdeb\""}]"#;
        let page = page(read(200, body).unwrap()).unwrap();
        assert_eq!(page.entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["a b\u{1}", "slo"]);
        assert_eq!(page.entries[1].etag.as_deref(), Some("376d6eb5eac287b2ace69d78e7efbdeb"));
        assert_eq!(page.entries[0].modified, 1_795_291_401_134_870_000);
        assert_eq!((page.prefixes, page.next), (vec!["b/".to_owned()], Some("slo".to_owned())));
    }

    #[test]
    fn a_listing_ends_with_an_empty_page() {
        assert_eq!(page(read(200, b"[]").unwrap()).unwrap().next, None);
        assert_eq!(page(read(204, b"").unwrap()).unwrap().next, None);
        let folded = page(read(200, br#"[{"subdir": "b/"}]"#).unwrap()).unwrap();
        assert_eq!(folded.next.as_deref(), Some("b/"));
        assert!(read(200, b"<html>").is_err());
        assert!(page(read(200, br#"[{"bytes": 1}]"#).unwrap()).is_err());
    }

    #[test]
    fn whatever_has_the_tag_of_nothing_is_looked_at_but_the_markers_of_folders() {
        let entry = |key: &str, size, etag: &str| Entry {
            key: key.to_owned(),
            size,
            modified: 0,
            etag: Some(etag.to_owned()),
            extras: Vec::new(),
        };
        assert!(may_be_manifest(&entry("dynamic", 0, EMPTY_MD5)) && may_be_manifest(&entry("static at Ceph", 169, EMPTY_MD5)));
        assert!(!may_be_manifest(&entry("folder/", 0, EMPTY_MD5)) && !may_be_manifest(&entry("whole", 5, "5d41")));
    }
}
