//! Objects put in parts: blocks, several in flight, and the list that makes a blob of them.
//!
//! Until it is committed a block is nothing anybody sees; what never is, the service drops after a week. It has no way to drop
//! them sooner, so an aborted upload is forgotten here, and its blocks lie until then or until the blob is next written.

use capstan_sdk::Outcome;
use capstan_sdk::failure::{Failure, already_exists, invalid, malformed, not_found, unclear};
use capstan_sdk::http::{etag, expected, header};
use capstan_sdk::text::number;
use capstan_sdk::types::{GetOptions, Object, Part, PutOptions, Upload};
use capstan_sdk::xml::{self, Element};

use crate::call::{Call, Payload, Place};
use crate::client::Client;
use crate::error::Refusal;
use crate::uploads::{self, block_name, block_number};
use crate::{attributes, checksum, reader};

pub(crate) const MAX_PART_BYTES: u64 = 4_000 << 20;
pub(crate) const MAX_PARTS: u64 = 50_000;
/// What one Put Blob takes.
pub(crate) const MAX_SINGLE_BYTES: u64 = 5_000 << 20;
pub(crate) const MAX_OBJECT_BYTES: u64 = MAX_PART_BYTES * MAX_PARTS;

/// Parts an object is cut into before they grow: the host keeps a table of them.
const USUAL_PARTS: u64 = 10_000;

/// The configured size, grown to whole MiB where the blob would have too many blocks; there are more only of the largest.
fn part_bytes(configured: u64, size: u64) -> Outcome<u64> {
    if size > MAX_OBJECT_BYTES {
        return Err(invalid(format!("an object has at most {MAX_OBJECT_BYTES} bytes")));
    }
    let needed =
        if configured.saturating_mul(USUAL_PARTS) >= size { 0 } else { size.div_ceil(USUAL_PARTS).div_ceil(1 << 20) << 20 };
    Ok(configured.max(needed).clamp(1, MAX_PART_BYTES))
}

fn gone(call: &Call<'_>) -> Failure {
    not_found(format!("there is no such upload of {}", call.subject())).code("upload-gone")
}

pub(crate) async fn begin(client: &Client, place: Place<'_>, size: u64, attempt: &str) -> Outcome<Upload> {
    let part_size = part_bytes(client.config.part_bytes, size)?;
    look(client, place).await?;
    let id = uploads::begin(place, attempt, client.ordinal()).await?;
    Ok(Upload { id, part_size, extras: Vec::new() })
}

/// Whether the container is there: else the first part would find out. Whether there is such a blob is all the same. Who may only
/// write is not allowed to look, and learns with the first part.
async fn look(client: &Client, place: Place<'_>) -> Outcome<()> {
    match client.exchange(&Call::blob("HEAD", place), None).await {
        Err(Failure::NotFound(fault)) if matches!(fault.code.as_deref(), Some("ContainerNotFound" | "ResourceNotFound")) => {
            Err(Failure::NotFound(fault))
        }
        Err(Failure::NotFound(_) | Failure::Denied(_)) | Ok(_) => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// A number or a length outside what the service has.
fn check(part_number: u32, length: u64) -> Outcome<()> {
    if part_number == 0 || u64::from(part_number) > MAX_PARTS {
        return Err(invalid("parts have the numbers 1 to 50,000"));
    }
    if length == 0 || length > MAX_PART_BYTES {
        return Err(invalid("a part has 1 byte to 4,000 MiB"));
    }
    Ok(())
}

pub(crate) async fn put_part(
    client: &Client,
    place: Place<'_>,
    upload: &str,
    part_number: u32,
    payload: Payload<'_>,
) -> Outcome<Part> {
    check(part_number, payload.length)?;
    if !uploads::is_begun(place, upload).await? {
        return Err(gone(&Call::blob("PUT", place)));
    }
    let mode = client.checksum_mode(place.0).await;
    let checksum = mode.of(payload.content, payload.offset, payload.length).await?;
    let name = block_name(upload, part_number);
    let mut call = Call::blob("PUT", place).query("comp", "block").query("blockid", &name);
    checksum::add_header(checksum.as_ref(), &mut call.headers);
    client.upload(&call, payload).await?.map_err(|refusal| client.failed(&refusal, &call))?;
    Ok(Part { number: part_number, size: payload.length, etag: name, checksums: checksum.into_iter().collect() })
}

/// Names and sizes of a blob's blocks. None: there is not even an uncommitted blob.
async fn blocks(client: &Client, place: Place<'_>, which: &'static str) -> Outcome<Option<Vec<(String, u64)>>> {
    let call = Call::blob("GET", place).query("comp", "blocklist").query("blocklisttype", which);
    let reply = match client.ask(&call, None).await? {
        Ok(reply) => reply,
        Err(refusal) if refusal.is_absent_blob() => return Ok(None),
        Err(refusal) => return Err(client.failed(&refusal, &call)),
    };
    listed(&xml::parse(&reply.body)?, which).map(Some)
}

fn listed(root: &Element, which: &str) -> Outcome<Vec<(String, u64)>> {
    let element = if which == "committed" { "CommittedBlocks" } else { "UncommittedBlocks" };
    let missing = |what: &str| malformed(format!("the target listed a block without a {what}"), "");
    let Some(list) = root.child(element) else { return Ok(Vec::new()) };
    let block = |block: &Element| {
        let name = block.text_of("Name").ok_or_else(|| missing("name"))?;
        Ok((name.to_owned(), number(block.text_of("Size").ok_or_else(|| missing("size"))?, "size")?))
    };
    list.children("Block").map(block).collect()
}

/// The blocks of this upload, by number.
fn of_upload(upload: &str, blocks: Vec<(String, u64)>) -> Vec<Part> {
    let part = |(name, size): (String, u64)| {
        Some(Part { number: block_number(upload, &name)?, size, etag: name, checksums: Vec::new() })
    };
    let mut parts: Vec<Part> = blocks.into_iter().filter_map(part).collect();
    parts.sort_by_key(|part| part.number);
    parts
}

pub(crate) async fn list(client: &Client, place: Place<'_>, upload: &str, after: u32, limit: u32) -> Outcome<Vec<Part>> {
    if !uploads::is_begun(place, upload).await? {
        return Err(gone(&Call::blob("GET", place)));
    }
    let mut parts = of_upload(upload, blocks(client, place, "uncommitted").await?.unwrap_or_default());
    parts.retain(|part| part.number > after);
    parts.truncate(usize::try_from(limit.max(1)).unwrap_or(usize::MAX));
    Ok(parts)
}

fn document(parts: &[Part]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
    for part in parts {
        text.push_str("<Uncommitted>");
        text.push_str(&xml::escape(&part.etag).unwrap_or_default());
        text.push_str("</Uncommitted>");
    }
    text.push_str("</BlockList>");
    text
}

pub(crate) async fn complete(
    client: &Client,
    place: Place<'_>,
    upload: &str,
    mut parts: Vec<Part>,
    options: PutOptions,
) -> Outcome<Object> {
    if parts.is_empty() {
        return Err(invalid("an upload is completed with at least one part"));
    }
    parts.sort_by_key(|part| part.number);
    if parts.iter().any(|part| block_number(upload, &part.etag) != Some(part.number)) {
        return Err(invalid("a part is none of this upload's"));
    }
    if !uploads::is_begun(place, upload).await? {
        // Completed already, or given up: then its blocks may still lie there.
        return committed(client, place, &parts).await?.ok_or_else(|| gone(&Call::blob("PUT", place)));
    }
    let mut call = Call::blob("PUT", place).query("comp", "blocklist").header("content-type", "application/xml");
    attributes::put(client, &options, &mut call.headers);
    attributes::condition("", &options, &mut call.headers);
    let reply = match client.ask(&call, Some(document(&parts).as_bytes())).await.map_err(unclear)? {
        Ok(reply) => reply,
        Err(refusal) if matches!(refusal.status, 400 | 404 | 409 | 412) => {
            return not_committed(client, place, upload, &parts, &options, &refusal).await;
        }
        Err(refusal) => return Err(unclear(client.failed(&refusal, &call))),
    };
    expected(&reply.headers, "etag").map_err(unclear)?;
    forget(place, upload).await;
    Ok(Object {
        key: place.1.to_owned(),
        size: parts.iter().map(|part| part.size).sum(),
        modified: None,
        etag: etag(&reply.headers),
        version: header(&reply.headers, "x-ms-version-id").map(str::to_owned),
        checksums: Vec::new(),
        metadata: options.metadata,
        extras: Vec::new(),
    })
}

/// The list was refused. If the blob consists of these very blocks it was committed before, and the answer was lost.
async fn not_committed(
    client: &Client,
    place: Place<'_>,
    upload: &str,
    parts: &[Part],
    options: &PutOptions,
    refusal: &Refusal,
) -> Outcome<Object> {
    let call = Call::blob("PUT", place);
    if let Some(made) = committed(client, place, parts).await? {
        forget(place, upload).await;
        return Ok(made);
    }
    if matches!(refusal.code.as_str(), "InvalidBlockList" | "BlobNotFound") {
        // Its blocks went when somebody else wrote the blob, or they are older than a week.
        let left = of_upload(upload, blocks(client, place, "uncommitted").await?.unwrap_or_default());
        if left.is_empty() {
            return Err(gone(&call).detail(refusal.detail()));
        }
        return Err(invalid(format!("a part of {} is missing", call.subject()))
            .code("InvalidBlockList")
            .detail(refusal.detail()));
    }
    if options.if_absent && refusal.status == 412 && refusal.code != "LeaseIdMissing" {
        return Err(already_exists(format!("there is a {} already", call.subject())).code(&refusal.code));
    }
    Err(unclear(client.failed(refusal, &call)))
}

/// The blob, if it consists of these very blocks.
async fn committed(client: &Client, place: Place<'_>, parts: &[Part]) -> Outcome<Option<Object>> {
    let committed = blocks(client, place, "committed").await?.unwrap_or_default();
    let there = committed.iter().map(|(name, size)| (name.as_str(), *size));
    if !there.eq(parts.iter().map(|part| (part.etag.as_str(), part.size))) {
        return Ok(None);
    }
    let any = GetOptions { if_match: None, version: None, extras: Vec::new() };
    reader::head(client, place, &any).await.map(Some)
}

/// The blob is there, and that counts; a record that stays is forgotten by age.
async fn forget(place: Place<'_>, upload: &str) {
    if let Err(failure) = uploads::end(place, upload).await {
        capstan_sdk::log!(debug, "the upload stays remembered", "why" => failure.fault().message);
    }
}

pub(crate) async fn abort(place: Place<'_>, upload: &str) -> Outcome<()> {
    uploads::end(place, upload).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef01234567";

    #[test]
    fn parts_grow_where_ten_thousand_would_not_do() {
        assert_eq!(part_bytes(16 << 20, 1 << 30).unwrap(), 16 << 20);
        let size = 2 << 40;
        let grown = part_bytes(16 << 20, size).unwrap();
        assert!(size.div_ceil(grown) <= USUAL_PARTS && grown.is_multiple_of(1 << 20));
        assert!(MAX_OBJECT_BYTES.div_ceil(part_bytes(1, MAX_OBJECT_BYTES).unwrap()) <= MAX_PARTS);
        assert!(part_bytes(1, MAX_OBJECT_BYTES + 1).is_err());
        assert_eq!(part_bytes(64 << 10, 0).unwrap(), 64 << 10);
    }

    #[test]
    fn only_an_uploads_own_blocks_are_its_parts_in_order() {
        let document = format!(
            "\u{feff}<?xml version=\"1.0\"?><BlockList><CommittedBlocks/><UncommittedBlocks>\
             <Block><Name>{}</Name><Size>7</Size></Block><Block><Name>{}</Name><Size>5</Size></Block>\
             <Block><Name>AAAAAA==</Name><Size>1</Size></Block></UncommittedBlocks></BlockList>",
            block_name(ID, 12),
            block_name(ID, 2)
        );
        let root = xml::parse(document.as_bytes()).unwrap();
        let parts = of_upload(ID, listed(&root, "uncommitted").unwrap());
        assert_eq!(parts.iter().map(|part| (part.number, part.size)).collect::<Vec<_>>(), [(2, 5), (12, 7)]);
        assert!(listed(&root, "committed").unwrap().is_empty());
    }

    #[test]
    fn a_list_names_blocks_that_are_uncommitted() {
        let part = Part { number: 1, size: 5, etag: "YQ==".to_owned(), checksums: vec![] };
        assert!(document(&[part]).ends_with("<BlockList><Uncommitted>YQ==</Uncommitted></BlockList>"));
    }

    #[test]
    fn a_part_the_service_does_not_have_is_refused() {
        for (number, length) in [(0, 1), (50_001, 1), (1, 0), (1, MAX_PART_BYTES + 1)] {
            assert!(check(number, length).is_err(), "{number} {length}");
        }
        assert!(check(50_000, MAX_PART_BYTES).is_ok());
    }
}
