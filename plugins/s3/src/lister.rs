//! Pages of keys: ListObjectsV2, with keys percent-encoded so that every key fits into a document.
//!
//! The contract's marker is this page's continuation token behind a letter, or, where a service gives none, the last key. So a
//! caller may also pass a key of its own, as "k" and the key; a marker lives as long as the service lets its token live.

use capstan_sdk::Outcome;
use capstan_sdk::failure::malformed;
use capstan_sdk::http::unquoted;
use capstan_sdk::named;
use capstan_sdk::text::{number, unpercent};
use capstan_sdk::types::{Entry, ListOptions, Page};
use capstan_sdk::xml::{self, Element};

use crate::client::{Call, Client, named_so};

/// What S3 answers at most.
const MAX_PAGE: u32 = 1_000;

pub(crate) async fn list(client: &Client, location: &str, options: &ListOptions) -> Outcome<Page> {
    let limit = options.limit.clamp(1, MAX_PAGE).to_string();
    let mut call = Call::bucket("GET", location).query("list-type", "2").query("encoding-type", "url").query("max-keys", &limit);
    if !options.prefix.is_empty() {
        call = call.query("prefix", &options.prefix);
    }
    call.query.extend(options.delimiter.as_deref().filter(|text| !text.is_empty()).map(|text| ("delimiter", text)));
    if let Some(marker) = options.after.as_deref() {
        call = match marker.split_at_checked(1) {
            Some(("t", token)) => call.query("continuation-token", token),
            Some(("k", key)) => call.query("start-after", key),
            _ => return Err(capstan_sdk::failure::invalid("the marker is none of this target's")),
        };
    }
    let reply = client.exchange(&call, None).await?;
    page(&named_so(xml::parse(&reply.body)?, "ListBucketResult")?)
}

fn page(root: &Element) -> Outcome<Page> {
    let encoded = root.text_of("EncodingType") == Some("url");
    let decode = |text: &str| if encoded { unpercent(text) } else { text.to_owned() };
    let entries = root.children("Contents").map(|line| entry(line, &decode)).collect::<Outcome<Vec<_>>>()?;
    let prefixes: Vec<String> = root.children("CommonPrefixes").filter_map(|line| line.text_of("Prefix")).map(decode).collect();
    let more = root.text_of("IsTruncated") == Some("true");
    let next = match (more, root.text_of("NextContinuationToken")) {
        (false, _) => None,
        (true, Some(token)) => Some(format!("t{token}")),
        (true, None) => {
            let last = entries.iter().map(|entry| &entry.key).chain(&prefixes).max();
            let last = last.ok_or_else(|| malformed("the target answered an empty page that is not the last", ""))?;
            Some(format!("k{last}"))
        }
    };
    Ok(Page { entries, prefixes, next })
}

fn entry(line: &Element, decode: &impl Fn(&str) -> String) -> Outcome<Entry> {
    let missing = |what: &str| malformed(format!("the target listed an object without a {what}"), "");
    // A class that is the usual one is not worth its bytes in a page of a thousand.
    let class = line.text_of("StorageClass").filter(|class| *class != "STANDARD");
    Ok(Entry {
        key: decode(line.text_of("Key").ok_or_else(|| missing("key"))?),
        size: number(line.text_of("Size").ok_or_else(|| missing("size"))?, "size")?,
        modified: line.text_of("LastModified").and_then(capstan_sdk::time::iso).ok_or_else(|| missing("time"))?,
        etag: line.text_of("ETag").map(unquoted),
        extras: class.map(|class| named("storage-class", class)).into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_with_its_encoded_keys_and_its_marker() {
        let document = br#"<?xml version="1.0" encoding="UTF-8"?>
        <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><EncodingType>url</EncodingType>
          <IsTruncated>true</IsTruncated><NextContinuationToken>1/x==</NextContinuationToken>
          <Contents><Key>a%20b/%01</Key><LastModified>2026-11-21T09:12:17.000Z</LastModified><ETag>&quot;e1&quot;</ETag><Size>5</Size>
            <StorageClass>GLACIER</StorageClass></Contents>
          <CommonPrefixes><Prefix>a%2Fb/</Prefix></CommonPrefixes></ListBucketResult>"#;
        let page = page(&xml::parse(document).unwrap()).unwrap();
        let entry = &page.entries[0];
        assert_eq!((entry.key.as_str(), entry.size, entry.etag.as_deref()), ("a b/\u{1}", 5, Some("e1")));
        assert_eq!(entry.extras, [named("storage-class", "GLACIER")]);
        assert_eq!((page.prefixes, page.next), (vec!["a/b/".to_owned()], Some("t1/x==".to_owned())));
    }

    #[test]
    fn the_last_page_has_no_marker_and_a_service_without_tokens_goes_on_after_the_last_key() {
        let last = br"<R><IsTruncated>false</IsTruncated></R>";
        assert_eq!(page(&xml::parse(last).unwrap()).unwrap().next, None);
        let more = br"<R><IsTruncated>true</IsTruncated><Contents><Key>k%20</Key><Size>1</Size><LastModified>2026-11-21T09:12:17Z</LastModified></Contents></R>";
        assert_eq!(page(&xml::parse(more).unwrap()).unwrap().next.as_deref(), Some("kk%20"));
        assert!(page(&xml::parse(b"<R><IsTruncated>true</IsTruncated></R>").unwrap()).is_err());
    }
}
