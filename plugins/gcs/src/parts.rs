//! Objects put in parts, which the host keeps a table of: multipart uploads of the XML API, with a token as with a signature.
//!
//! Of the three ways the service has, this is the only one that fits parts in flight together that survive kill -9. A resumable session
//! takes bytes in order. Components that are composed (32 at a time) are objects of their own: other readers of the bucket see them, a
//! retention policy keeps them from being cleaned up, soft delete keeps them for a week, and in cold classes each is paid for at least
//! a month. Parts of a multipart upload are none of that: up to 10,000, at once, in any order, replaced by their number, listed, and gone
//! with the upload. What they lack are preconditions; uploads that have one go by way of `staging`.
//!
//! The service makes a new upload whenever it is asked; `begun` says how one attempt begins one all the same.
//!
//! | the process dies, or the answer is lost | then |
//! |---|---|
//! | after `begin` was asked for | the same attempt finds the upload, where uploads may be listed and only one can be it |
//! | in the middle of a part, or after it | the part is put again by its number, or is found when parts are listed |
//! | after `complete` was asked for | the upload is gone and the object carries its mark: the second completion finds it |
//! | after `abort` was asked for | it is gone or still there; aborting again is a success |

use capstan_sdk::failure::{Failure, invalid, malformed, unclear, unsupported};
use capstan_sdk::http::{Headers, Reply, expected, header, unquoted};
use capstan_sdk::text::number;
use capstan_sdk::types::{Object, Part, PutOptions, Upload};
use capstan_sdk::{Outcome, xml};

use crate::attributes::{self, UPLOAD};
use crate::client::{Call, Client, Place, Sent, object_subject, removed};
use crate::condition::Condition;
use crate::reader::{self, any};
use crate::upload_id::UploadId;
use crate::writer::check_key;
use crate::xml::checked;
use crate::{begun, checksum, staging};

pub(crate) const MIN_PART_BYTES: u64 = 5 << 20;
pub(crate) const MAX_PART_BYTES: u64 = 5 << 30;
pub(crate) const MAX_PARTS: u64 = 10_000;
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

pub(crate) async fn begin(client: &Client, place: Place<'_>, size: u64, attempt: &str, options: &PutOptions) -> Outcome<Upload> {
    check_key(place.1)?;
    let part_size = part_bytes(client.config.part_bytes, size)?;
    let upload = |id: &UploadId| Upload { id: id.to_string(), part_size, extras: Vec::new() };
    let has_attempt = !attempt.is_empty();
    if has_attempt && let Some(id) = begun::find(client, place, attempt).await {
        return Ok(upload(&id));
    }
    let condition = Condition::of(options, &object_subject(place))?;
    let id = UploadId::new(place, attempt, condition.holds())?;
    if has_attempt {
        begun::ask(client, place, attempt, &id).await;
    }
    match initiate(client, place, &id, options).await {
        Ok(given) => {
            let id = UploadId { upload: given, ..id };
            if has_attempt {
                begun::know(place, attempt, &id).await;
            }
            Ok(upload(&id))
        }
        Err(failure) => {
            // What was refused for certain is not looked for.
            if has_attempt && !failure.fault().maybe_done {
                begun::forget(place).await;
            }
            Err(failure)
        }
    }
}

async fn initiate(client: &Client, place: Place<'_>, id: &UploadId, options: &PutOptions) -> Outcome<String> {
    let key = id.key(place.1);
    let mut headers = Headers::new();
    attributes::put(client, options, Some((UPLOAD, &id.mark)), &mut headers);
    if id.staged {
        staging::cheapen(&mut headers);
    }
    let call = Call::object("POST", (place.0, &key)).with(headers).query("uploads", "");
    let reply =
        client.ask(&call, Sent::Nothing).await.map_err(unclear)?.map_err(|refusal| unclear(refusal.failure(&call.subject)))?;
    let root = checked(&reply.body, "InitiateMultipartUploadResult", &call.subject)?;
    root.text_of("UploadId")
        .map(str::to_owned)
        .ok_or_else(|| malformed("the service began an upload without an id", root.name.clone()))
}

pub(crate) async fn put_part(client: &Client, place: Place<'_>, id: &UploadId, part: u32, sent: Sent<'_>) -> Outcome<Part> {
    check_number(part)?;
    let Sent::Content { content, offset, length } = sent else { return Err(invalid("a part is a range of the content")) };
    let sum = checksum::of(content, offset, length, None).await?;
    let (key, text) = (id.key(place.1), part.to_string());
    let mut call = Call::object("PUT", (place.0, &key)).query("partNumber", &text).query("uploadId", &id.upload);
    checksum::add_header(&sum, &mut call.headers);
    let subject = object_subject(place);
    let reply = client.ask(&call, sent).await?.map_err(|refusal| refusal.failure(&subject))?;
    checksum::check(&sum, &reply.headers, &subject)?;
    Ok(Part { number: part, size: length, etag: unquoted(expected(&reply.headers, "etag")?), checksums: vec![sum] })
}

pub(crate) async fn list(client: &Client, place: Place<'_>, id: &UploadId, after: u32, limit: u32) -> Outcome<Vec<Part>> {
    let (key, after, limit) = (id.key(place.1), after.to_string(), limit.clamp(1, MAX_PAGE).to_string());
    let call = Call::object("GET", (place.0, &key))
        .query("uploadId", &id.upload)
        .query("part-number-marker", &after)
        .query("max-parts", &limit);
    listed(&crate::xml::document(&client.exchange(&call, Sent::Nothing).await?.body, "ListPartsResult")?)
}

fn listed(root: &xml::Element) -> Outcome<Vec<Part>> {
    let missing = |what: &str| malformed(format!("the service listed a part without a {what}"), "");
    let mut parts = Vec::new();
    for line in root.children("Part") {
        let text = |name: &str| line.text_of(name).ok_or_else(|| missing(name));
        parts.push(Part {
            number: u32::try_from(number(text("PartNumber")?, "part number")?).map_err(|_| missing("usable number"))?,
            size: number(text("Size")?, "size")?,
            etag: unquoted(text("ETag")?),
            checksums: Vec::new(),
        });
    }
    parts.sort_by_key(|part| part.number);
    Ok(parts)
}

fn document(parts: &[Part]) -> String {
    let mut text = String::from("<CompleteMultipartUpload>");
    for part in parts {
        let etag = xml::escape(&part.etag).unwrap_or_default();
        text.push_str(&format!("<Part><PartNumber>{}</PartNumber><ETag>\"{etag}\"</ETag></Part>", part.number));
    }
    text.push_str("</CompleteMultipartUpload>");
    text
}

pub(crate) async fn complete(
    client: &Client,
    place: Place<'_>,
    id: &UploadId,
    mut parts: Vec<Part>,
    options: PutOptions,
) -> Outcome<Object> {
    if parts.is_empty() {
        return Err(invalid("an upload is completed with at least one part"));
    }
    let subject = object_subject(place);
    let condition = Condition::of(&options, &subject)?;
    if condition.holds() && !id.staged {
        // The parts lie under the key itself: the service makes the object of them whatever is there.
        return Err(unsupported("an upload that began without a condition cannot be completed under one")
            .next_step("Say the condition when the upload begins."));
    }
    parts.sort_by_key(|part| part.number);
    let size = parts.iter().map(|part| part.size).sum();
    let made = if id.staged {
        staging::complete(client, place, id, &parts, size, condition, options).await?
    } else {
        match assemble(client, place, id, &parts, size).await? {
            Some(made) => made,
            None => return Err(gone(&subject)),
        }
    };
    begun::forget(place).await;
    Ok(made)
}

/// Makes the parts one object under the upload's own key. None: the upload is gone, and what is there was not made of it.
pub(crate) async fn assemble(
    client: &Client,
    place: Place<'_>,
    id: &UploadId,
    parts: &[Part],
    size: u64,
) -> Outcome<Option<Object>> {
    let key = id.key(place.1);
    let here = (place.0, key.as_str());
    let call = Call::object("POST", here).query("uploadId", &id.upload).header("content-type", "application/xml");
    let reply = match client.ask(&call, Sent::Bytes(document(parts).as_bytes())).await.map_err(unclear)? {
        Ok(reply) => reply,
        Err(refusal) if refusal.status == 404 => return completed_before(client, here, id, size).await,
        Err(refusal) => return Err(unclear(refusal.failure(&call.subject))),
    };
    checked(&reply.body, "CompleteMultipartUploadResult", &call.subject)?;
    let Some(generation) = header(&reply.headers, "x-goog-generation").map(str::to_owned) else {
        return reader::head(client, here, &any()).await.map(Some);
    };
    Ok(Some(Object {
        key: key.clone(),
        size,
        modified: None,
        etag: Some(generation.clone()),
        version: Some(generation),
        checksums: checksum::from_headers(&reply.headers),
        metadata: Vec::new(),
        extras: Vec::new(),
    }))
}

/// The upload is gone: did it become the object that is there? The answer to the first completion may have been lost.
async fn completed_before(client: &Client, here: Place<'_>, id: &UploadId, size: u64) -> Outcome<Option<Object>> {
    Ok(marked(client, here, id).await?.filter(|object| object.size == size))
}

/// The object under this key, if this upload made it.
pub(crate) async fn marked(client: &Client, here: Place<'_>, id: &UploadId) -> Outcome<Option<Object>> {
    let ours = |reply: &Reply| attributes::mark_of(&reply.headers, UPLOAD).as_deref() == Some(id.mark.as_str());
    Ok(reader::there(client, here).await?.filter(|(_, reply)| ours(reply)).map(|(object, _)| object))
}

pub(crate) fn gone(subject: &str) -> Failure {
    capstan_sdk::failure::not_found(format!("there is no upload of {subject}")).code("NoSuchUpload")
}

pub(crate) async fn abort(client: &Client, place: Place<'_>, id: &UploadId) -> Outcome<()> {
    let key = id.key(place.1);
    let call = Call::object("DELETE", (place.0, &key)).query("uploadId", &id.upload);
    match client.exchange(&call, Sent::Nothing).await {
        Ok(reply) => removed(&reply).map_err(unclear)?,
        Err(Failure::NotFound(_)) => {}
        Err(failure) => return Err(failure),
    }
    if id.staged {
        staging::clear(client, place, id).await?;
    }
    begun::forget(place).await;
    Ok(())
}

/// A number outside what the service has.
fn check_number(number: u32) -> Outcome<()> {
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
    fn the_document_names_parts_with_their_tags() {
        let part = Part { number: 1, size: 5, etag: "a&b".to_owned(), checksums: Vec::new() };
        assert!(document(&[part]).contains("<Part><PartNumber>1</PartNumber><ETag>\"a&amp;b\"</ETag></Part>"));
    }

    #[test]
    fn listed_parts_are_put_in_order() {
        let document = b"<ListPartsResult><Part><PartNumber>2</PartNumber><ETag>\"b\"</ETag><Size>1</Size></Part>\
            <Part><PartNumber>1</PartNumber><ETag>\"a\"</ETag><Size>5</Size></Part></ListPartsResult>";
        let parts = listed(&xml::parse(document).unwrap()).unwrap();
        assert_eq!(parts.iter().map(|part| (part.number, part.etag.as_str())).collect::<Vec<_>>(), [(1, "a"), (2, "b")]);
    }

    #[test]
    fn a_part_number_the_service_does_not_have_is_refused() {
        assert!(check_number(0).is_err() && check_number(10_001).is_err() && check_number(10_000).is_ok());
    }
}
