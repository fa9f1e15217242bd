//! Objects put in parts, which the host keeps a table of.

use capstan_sdk::failure::{Failure, already_exists, invalid, malformed, not_found, unclear};
use capstan_sdk::http::{etag, expected, header, unquoted};
use capstan_sdk::text::{base64, hex, number, unbase64, unhex};
use capstan_sdk::types::{Checksum, GetOptions, Object, Part, PutOptions, Upload};
use capstan_sdk::{Outcome, crypto, xml};

use crate::checksum::{self, Mode};
use crate::client::{Call, Client, Payload, named_so};
use crate::writer::checked;
use crate::{attributes, begun, reader};

pub(crate) const MIN_PART_BYTES: u64 = 5 << 20;
pub(crate) const MAX_PART_BYTES: u64 = 5 << 30;
pub(crate) const MAX_PARTS: u64 = 10_000;
/// What one request may put or copy.
pub(crate) const MAX_SINGLE_BYTES: u64 = 5 << 30;
pub(crate) const MAX_OBJECT_BYTES: u64 = 5 << 40;
/// Parts of one page.
const MAX_PAGE: u32 = 1_000;

/// The configured size, grown to whole MiB where the object would have too many parts.
pub(crate) fn part_bytes(configured: u64, size: u64) -> Outcome<u64> {
    if size > MAX_OBJECT_BYTES {
        return Err(invalid(format!("an object has at most {MAX_OBJECT_BYTES} bytes")));
    }
    let needed = size.div_ceil(MAX_PARTS).div_ceil(1 << 20) << 20;
    Ok(configured.max(needed).clamp(MIN_PART_BYTES, MAX_PART_BYTES))
}

pub(crate) async fn begin(
    client: &Client,
    location: &str,
    key: &str,
    size: u64,
    attempt: &str,
    options: &PutOptions,
) -> Outcome<Upload> {
    let part_size = part_bytes(client.config.part_bytes, size)?;
    let upload = |id| Upload { id, part_size, extras: Vec::new() };
    if attempt.is_empty() {
        let mode = client.checksum_mode(location).await;
        return Ok(upload(initiate(client, location, key, mode, options).await?));
    }
    if let Some(id) = begun::find(client, location, key, attempt).await {
        return Ok(upload(id));
    }
    let mode = client.checksum_mode(location).await;
    begun::ask(client, location, key, attempt).await;
    match initiate(client, location, key, mode, options).await {
        Ok(id) => {
            begun::know(location, key, attempt, &id).await;
            Ok(upload(id))
        }
        Err(failure) => {
            // What was refused for certain is not looked for.
            if !failure.fault().maybe_done {
                begun::forget(location, key).await;
            }
            Err(failure)
        }
    }
}

/// Begins an upload and nothing else.
pub(crate) async fn initiate(client: &Client, location: &str, key: &str, mode: Mode, options: &PutOptions) -> Outcome<String> {
    let mut call = Call::object("POST", location, key).query("uploads", "");
    attributes::put(client, options, &mut call.headers);
    if let Some(algorithm) = mode.upload_algorithm() {
        call = call.header("x-amz-checksum-algorithm", algorithm);
        if mode == Mode::Crc64Nvme {
            // The only type this algorithm has.
            call = call.header("x-amz-checksum-type", "FULL_OBJECT");
        }
    }
    let reply = client.ask(&call, None).await.map_err(unclear)?.map_err(|refusal| unclear(refusal.failure(&call.subject())))?;
    let root = checked(&reply.body, &call.subject())?;
    root.text_of("UploadId")
        .map(str::to_owned)
        .ok_or_else(|| malformed("the target began an upload without an id", root.name.clone()))
}

pub(crate) async fn put_part(
    client: &Client,
    (location, key): (&str, &str),
    upload: &str,
    part_number: u32,
    payload: Payload<'_>,
) -> Outcome<Part> {
    let mode = client.checksum_mode(location).await;
    let checksum = mode.of(payload.content, payload.offset, payload.length).await?;
    let text = part_number.to_string();
    let mut call = Call::object("PUT", location, key).query("partNumber", &text).query("uploadId", upload);
    checksum::add_header(mode, checksum.as_ref(), &mut call.headers);
    let reply = client.upload(&call, payload).await?.map_err(|refusal| refusal.failure(&call.subject()))?;
    Ok(Part {
        number: part_number,
        size: payload.length,
        etag: unquoted(expected(&reply.headers, "etag")?),
        checksums: checksum.into_iter().collect(),
    })
}

pub(crate) async fn list(client: &Client, location: &str, key: &str, upload: &str, after: u32, limit: u32) -> Outcome<Vec<Part>> {
    let (after, limit) = (after.to_string(), limit.clamp(1, MAX_PAGE).to_string());
    let call = Call::object("GET", location, key)
        .query("uploadId", upload)
        .query("part-number-marker", &after)
        .query("max-parts", &limit);
    let root = xml::parse(&client.exchange(&call, None).await?.body)?;
    listed(&named_so(root, "ListPartsResult")?)
}

fn listed(root: &xml::Element) -> Outcome<Vec<Part>> {
    let missing = |what: &str| malformed(format!("the target listed a part without a {what}"), "");
    let mut parts = Vec::new();
    for line in root.children("Part") {
        let text = |name: &str| line.text_of(name).ok_or_else(|| missing(name));
        let checksums = [Mode::Crc32c, Mode::Crc64Nvme, Mode::Sha256].into_iter().filter_map(|mode| {
            let value = unbase64(line.text_of(mode.element()?)?)?;
            Some(Checksum { algorithm: mode.algorithm()?.to_owned(), value })
        });
        parts.push(Part {
            number: u32::try_from(number(text("PartNumber")?, "part number")?).map_err(|_| missing("usable number"))?,
            size: number(text("Size")?, "size")?,
            etag: unquoted(text("ETag")?),
            checksums: checksums.collect(),
        });
    }
    // Some services answer them in the order they arrived.
    parts.sort_by_key(|part| part.number);
    Ok(parts)
}

fn document(mode: Mode, parts: &[Part]) -> String {
    let mut text = String::from("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for part in parts {
        let etag = xml::escape(&part.etag).unwrap_or_default();
        text.push_str(&format!("<Part><PartNumber>{}</PartNumber><ETag>\"{etag}\"</ETag>", part.number));
        let checksum = part.checksums.iter().find(|checksum| Some(checksum.algorithm.as_str()) == mode.algorithm());
        if let (Some(element), Some(checksum)) = (mode.element(), checksum) {
            text.push_str(&format!("<{element}>{}</{element}>", base64(&checksum.value)));
        }
        text.push_str("</Part>");
    }
    text.push_str("</CompleteMultipartUpload>");
    text
}

/// The tag S3 gives an object of these parts: the MD5 of their tags' bytes, and their number.
fn joined_etag(parts: &[Part]) -> Option<String> {
    let tags: Option<Vec<Vec<u8>>> = parts.iter().map(|part| unhex(&part.etag).filter(|tag| tag.len() == 16)).collect();
    let digest = crypto::digest("md5", &tags?.concat()).ok()?;
    Some(format!("{}-{}", hex(&digest), parts.len()))
}

pub(crate) async fn complete(
    client: &Client,
    location: &str,
    key: &str,
    upload: &str,
    mut parts: Vec<Part>,
    options: PutOptions,
) -> Outcome<Object> {
    if parts.is_empty() {
        return Err(invalid("an upload is completed with at least one part"));
    }
    parts.sort_by_key(|part| part.number);
    let mode = client.checksum_mode(location).await;
    let mut call = Call::object("POST", location, key).query("uploadId", upload).header("content-type", "application/xml");
    attributes::condition(client, "", &options, &mut call.headers);
    // Looked at first as well: not every service holds the condition when an upload is completed.
    let any = GetOptions { if_match: None, version: None, extras: Vec::new() };
    if options.if_absent && reader::head(client, location, key, &any).await.is_ok() {
        return completed_before(client, location, key, &parts)
            .await
            .ok_or_else(|| already_exists(format!("there is an {} already", call.subject())));
    }
    let document = document(mode, &parts);
    let answer = client.ask(&call, Some(document.as_bytes())).await.map_err(unclear)?;
    let reply = match answer {
        Ok(reply) => reply,
        Err(refusal) if refusal.code == "NoSuchUpload" || refusal.status == 404 => {
            return completed_before(client, location, key, &parts)
                .await
                .ok_or_else(|| refusal.failure(&format!("upload of {}", call.subject())));
        }
        Err(refusal) if options.if_absent && refusal.status == 412 => {
            return Err(already_exists(format!("there is an {} already", call.subject())).code(refusal.code));
        }
        // Ceph's gateway answers the completion of an upload that is gone like this.
        Err(refusal) if refusal.status >= 500 && is_gone(client, location, key, upload).await => {
            return completed_before(client, location, key, &parts)
                .await
                .ok_or_else(|| not_found(format!("there is no such upload of {}", call.subject())).code("NoSuchUpload"));
        }
        Err(refusal) => return Err(unclear(refusal.failure(&call.subject()))),
    };
    let root = checked(&reply.body, &call.subject())?;
    begun::forget(location, key).await;
    let Some(etag) = root.text_of("ETag").map(unquoted).or_else(|| etag(&reply.headers)) else {
        // Ceph's gateway leaves it out of the first answer; the object itself has it.
        return reader::head(client, location, key, &GetOptions { if_match: None, version: None, extras: Vec::new() }).await;
    };
    Ok(Object {
        key: key.to_owned(),
        size: parts.iter().map(|part| part.size).sum(),
        modified: None,
        etag: Some(etag),
        version: header(&reply.headers, "x-amz-version-id").map(str::to_owned),
        checksums: Vec::new(),
        metadata: options.metadata,
        extras: Vec::new(),
    })
}

async fn is_gone(client: &Client, location: &str, key: &str, upload: &str) -> bool {
    matches!(list(client, location, key, upload, 0, 1).await, Err(Failure::NotFound(_)))
}

/// The upload is gone: did it become the object that is there? The answer to the first completion may have been lost.
async fn completed_before(client: &Client, location: &str, key: &str, parts: &[Part]) -> Option<Object> {
    let wanted = joined_etag(parts)?;
    let options = GetOptions { if_match: None, version: None, extras: Vec::new() };
    let object = reader::head(client, location, key, &options).await.ok()?;
    let same = object.etag.as_deref() == Some(&wanted) && object.size == parts.iter().map(|part| part.size).sum::<u64>();
    if same {
        begun::forget(location, key).await;
    }
    same.then_some(object)
}

pub(crate) async fn abort(client: &Client, location: &str, key: &str, upload: &str) -> Outcome<()> {
    let call = Call::object("DELETE", location, key).query("uploadId", upload);
    let gone = match client.exchange(&call, None).await {
        Ok(_) => Ok(()),
        Err(Failure::NotFound(_)) => Ok(()),
        Err(failure) => Err(failure),
    };
    if gone.is_ok() {
        begun::forget(location, key).await;
    }
    gone
}

/// A number outside what S3 has.
pub(crate) fn check_number(number: u32) -> Outcome<()> {
    if number == 0 || u64::from(number) > MAX_PARTS { Err(invalid("parts have the numbers 1 to 10,000")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_where_ten_thousand_would_not_do() {
        assert_eq!(part_bytes(16 << 20, 1 << 30).unwrap(), 16 << 20);
        let size = 1 << 40;
        let grown = part_bytes(16 << 20, size).unwrap();
        assert!(size.div_ceil(grown) <= MAX_PARTS && grown.is_multiple_of(1 << 20));
        assert!(MAX_OBJECT_BYTES.div_ceil(part_bytes(1, MAX_OBJECT_BYTES).unwrap()) <= MAX_PARTS);
        assert!(part_bytes(1, MAX_OBJECT_BYTES + 1).is_err());
    }

    #[test]
    fn the_document_names_parts_with_tags_and_checksums() {
        let checksum = Checksum { algorithm: "crc32c".to_owned(), value: vec![0, 0, 0, 1] };
        let part = Part { number: 1, size: 5, etag: "a&b".to_owned(), checksums: vec![checksum] };
        let text = document(Mode::Crc32c, std::slice::from_ref(&part));
        assert!(
            text.contains("<PartNumber>1</PartNumber><ETag>\"a&amp;b\"</ETag><ChecksumCRC32C>AAAAAQ==</ChecksumCRC32C>"),
            "{text}"
        );
        assert!(!document(Mode::None, &[part]).contains("Checksum"));
    }

    #[test]
    fn listed_parts_are_put_in_order() {
        let document = b"<ListPartsResult><Part><PartNumber>2</PartNumber><ETag>\"b\"</ETag><Size>1</Size></Part>\
            <Part><PartNumber>1</PartNumber><ETag>\"a\"</ETag><Size>5</Size></Part></ListPartsResult>";
        let parts = listed(&xml::parse(document).unwrap()).unwrap();
        assert_eq!(parts.iter().map(|part| (part.number, part.etag.as_str())).collect::<Vec<_>>(), [(1, "a"), (2, "b")]);
    }

    #[test]
    fn a_part_number_s3_does_not_have_is_refused() {
        assert!(check_number(0).is_err() && check_number(10_001).is_err() && check_number(10_000).is_ok());
    }
}
