//! Pages of keys: List Blobs, flat or folded. The contract's marker is the service's own.

use capstan_sdk::failure::{invalid, malformed};
use capstan_sdk::http::unquoted;
use capstan_sdk::text::{number, unpercent};
use capstan_sdk::types::{Entry, ListOptions, Page};
use capstan_sdk::xml::{self, Element};
use capstan_sdk::{Outcome, named, time};

use crate::call::Call;
use crate::client::Client;
use crate::cold;

/// What the service answers at most.
const MAX_PAGE: u32 = 5_000;
/// The tier that is not worth its bytes in a page of thousands.
const USUAL: &str = "Hot";

pub(crate) async fn list(client: &Client, location: &str, options: &ListOptions) -> Outcome<Page> {
    let limit = options.limit.clamp(1, MAX_PAGE).to_string();
    let mut call = Call::container("GET", location).query("comp", "list").query("maxresults", &limit);
    if !options.prefix.is_empty() {
        call = call.query("prefix", &options.prefix);
    }
    call.query.extend(options.delimiter.as_deref().filter(|text| !text.is_empty()).map(|text| ("delimiter", text)));
    call.query.extend(options.after.as_deref().map(|marker| ("marker", marker)));
    if options.after.as_deref() == Some("") {
        return Err(invalid("the marker is none of this target's"));
    }
    let reply = client.exchange(&call, None).await?;
    page(&xml::parse(&reply.body)?)
}

fn page(root: &Element) -> Outcome<Page> {
    let Some(blobs) = root.child("Blobs") else {
        return Err(malformed("the target answered no list of blobs", root.name.clone()));
    };
    let entries = blobs.children("Blob").filter(|line| !is_directory(line)).map(entry).collect::<Outcome<Vec<_>>>()?;
    let prefixes = blobs.children("BlobPrefix").map(name).collect::<Outcome<Vec<_>>>()?;
    Ok(Page { entries, prefixes, next: root.text_of("NextMarker").map(str::to_owned) })
}

fn missing(what: &str) -> capstan_sdk::Failure {
    malformed(format!("the target listed a blob without a {what}"), "")
}

/// Accounts with a hierarchical namespace list their directories among the blobs, which hold nothing.
fn is_directory(line: &Element) -> bool {
    line.child("Properties").and_then(|properties| properties.text_of("ResourceType")) == Some("directory")
}

/// A name that no document can hold is percent-encoded, and says so.
fn name(line: &Element) -> Outcome<String> {
    let name = line.child("Name").filter(|name| !name.text.is_empty()).ok_or_else(|| missing("name"))?;
    let encoded = name.attribute("Encoded").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    // A plus is a plus.
    Ok(if encoded { unpercent(&name.text.replace('+', "%2B")) } else { name.text.clone() })
}

fn entry(line: &Element) -> Outcome<Entry> {
    let key = name(line)?;
    let properties = line.child("Properties").ok_or_else(|| missing("list of properties"))?;
    let text = |name: &str| properties.text_of(name);
    let tier = text("AccessTier");
    let mut extras = Vec::new();
    extras.extend(tier.filter(|tier| *tier != USUAL).map(|tier| named("storage-class", tier)));
    let state = cold::state(tier, text("ArchiveStatus"));
    extras.extend((state != "online").then(|| named("archive-state", state)));
    Ok(Entry {
        key,
        size: number(text("Content-Length").ok_or_else(|| missing("size"))?, "size")?,
        modified: text("Last-Modified").and_then(time::http_nanoseconds).ok_or_else(|| missing("time"))?,
        etag: text("Etag").map(unquoted),
        extras,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_with_its_encoded_names_and_its_marker() {
        let document = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"https://a/\" ContainerName=\"c\">\
          <MaxResults>3</MaxResults><Delimiter>/</Delimiter><Blobs>\
          <Blob><Name Encoded=\"true\">a%EF%BF%BEb+c</Name><Properties><Last-Modified>Sat, 21 Nov 2026 09:12:17 GMT</Last-Modified>\
            <Etag>0x8D1</Etag><Content-Length>5</Content-Length><AccessTier>Archive</AccessTier>\
            <ArchiveStatus>rehydrate-pending-to-hot</ArchiveStatus></Properties></Blob>\
          <Blob><Name>p%20+q&amp;</Name><Properties><Last-Modified>Sat, 21 Nov 2026 09:12:17 GMT</Last-Modified>\
            <Content-Length>0</Content-Length><AccessTier>Hot</AccessTier></Properties></Blob>\
          <Blob><Name>folder</Name><Properties><ResourceType>directory</ResourceType></Properties></Blob>\
          <BlobPrefix><Name>x/</Name></BlobPrefix></Blobs><NextMarker>2!92!abc</NextMarker></EnumerationResults>";
        let page = page(&xml::parse(document.as_bytes()).unwrap()).unwrap();
        let [first, second] = &page.entries[..] else { panic!("{page:?}") };
        assert_eq!((first.key.as_str(), first.size, first.etag.as_deref()), ("a\u{fffe}b+c", 5, Some("0x8D1")));
        assert_eq!(first.extras, [named("storage-class", "Archive"), named("archive-state", "restoring")]);
        assert_eq!((second.key.as_str(), second.extras.len()), ("p%20+q&", 0));
        assert_eq!((page.prefixes, page.next), (vec!["x/".to_owned()], Some("2!92!abc".to_owned())));
    }

    #[test]
    fn the_last_page_has_no_marker_and_a_page_that_is_none_is_malformed() {
        let last = b"<EnumerationResults><Blobs /><NextMarker /></EnumerationResults>";
        assert_eq!(page(&xml::parse(last).unwrap()).unwrap().next, None);
        assert!(page(&xml::parse(b"<html><body/></html>").unwrap()).is_err());
        let nameless = b"<E><Blobs><Blob><Properties/></Blob></Blobs></E>";
        assert!(page(&xml::parse(nameless).unwrap()).is_err());
    }
}
