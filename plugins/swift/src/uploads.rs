//! Objects put in parts, which the host keeps a table of: segments in flight together, then the manifest, whose put completes them.
//!
//! An upload is an id with a mark (`segments.rs`) that is put before the first segment and taken away after the manifest; so that one
//! attempt begins one upload, its id, which is ours to choose, is remembered in the target's state before the mark is put and until
//! then. Not the attempt alone makes the id: one that was given up is not begun again.
//!
//! | dies after | what is there then | what follows |
//! |---|---|---|
//! | the id is in the state | nothing | begun again: no mark has this id, so another upload |
//! | `begin` has put the mark, or its answer is lost | a mark | the same attempt finds it by its id: the same upload |
//! | a part is sent in part | no segment of it: Swift shows none that is not whole | it is put again |
//! | a part is stored, its answer lost | the segment | it is put again under the same name |
//! | `complete` has put the manifest, or the answer to it is lost | the object; the mark | completed again: the same manifest; aborted: only the mark goes, for the object says what it consists of |
//! | the mark is gone | the object | completed again: the object's mark and tag say that it was |
//! | the segments of what it replaced are partly gone | the object; refuse | the next write of the key sweeps the rest |
//! | `abort` has deleted some segments | the others, and the mark | aborted again |
//! | `abort` has deleted the mark | nothing | aborted again is a success |

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use capstan_sdk::failure::{Failure, invalid, not_found, unclear, unsupported};
use capstan_sdk::http::{Reply, etag, expected, unquoted};
use capstan_sdk::text::hex;
use capstan_sdk::types::{Object, Part, PutOptions, Upload};
use capstan_sdk::{Outcome, crypto, state};
use serde_json::json;

use crate::call::{Call, Payload, check_key};
use crate::capabilities::Capabilities;
use crate::client::Client;
use crate::conditions::Conditions;
use crate::config::{MAX_PART_BYTES, MIN_PART_BYTES};
use crate::segments::{self, MARK, Own, Place};
use crate::{attributes, conditions, lister, manifest, reader, writer};

/// Segments of an object where the service tells no other number.
pub(crate) const USUAL_PARTS: u64 = 1_000;
/// What one request may put.
pub(crate) const MAX_SINGLE_BYTES: u64 = 5 << 30;
pub(crate) const MAX_OBJECT_BYTES: u64 = USUAL_PARTS * MAX_PART_BYTES;
/// Parts of one page.
const MAX_PAGE: u32 = 1_000;
/// How long the service may work at a manifest: it looks at each segment before it answers.
const MANIFEST_PATIENCE_MS: u64 = 300_000;

/// The configured size, grown to whole MiB where the object would have too many segments.
fn part_bytes(configured: u64, size: u64, allowed: &Capabilities) -> Outcome<u64> {
    let needed = size.div_ceil(allowed.most_segments).div_ceil(1 << 20) << 20;
    if needed > MAX_PART_BYTES {
        let most = allowed.most_segments.saturating_mul(MAX_PART_BYTES);
        return Err(invalid(format!("an object has at most {most} bytes at this service")));
    }
    Ok(configured.max(needed).max(allowed.least_segment_bytes).clamp(MIN_PART_BYTES, MAX_PART_BYTES))
}

fn is_id(upload: &str) -> bool {
    !upload.is_empty() && upload.len() <= 64 && upload.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn gone(upload: &str) -> Failure {
    not_found(format!("there is no upload {upload:?}"))
}

fn state_key(location: &str, key: &str) -> Outcome<String> {
    let digest = crypto::digest("sha256", format!("{location}\0{key}").as_bytes())?;
    Ok(format!("upload/{}", hex(&digest)))
}

/// The upload an earlier call of this attempt began, or wanted to begin.
async fn remembered(attempt: &str, state_key: &str) -> Option<String> {
    let value = state::get(state_key.to_owned()).await.ok()??;
    let text = String::from_utf8(value.data).ok()?;
    text.strip_prefix(attempt)?.strip_prefix('\n').filter(|upload| is_id(upload)).map(str::to_owned)
}

/// The upload this attempt began, if it still stands.
async fn find(client: &Client, place: &Place, attempt: &str, state_key: &str) -> Outcome<Option<String>> {
    let Some(upload) = remembered(attempt, state_key).await else { return Ok(None) };
    // Not knowing is no reason to begin another, and to leave this one behind.
    Ok(segments::stands(client, place, &upload).await?.then_some(upload))
}

async fn remember(attempt: &str, upload: &str, state_key: String) {
    if let Err(failure) = state::set(state_key, format!("{attempt}\n{upload}").into_bytes(), None).await {
        capstan_sdk::log!(warn, "the upload cannot be remembered", "why" => failure.fault().message);
    }
}

async fn forget(location: &str, key: &str) {
    if let Ok(state_key) = state_key(location, key)
        && let Err(failure) = state::remove(state_key, None).await
    {
        capstan_sdk::log!(debug, "the upload stays remembered", "why" => failure.fault().message);
    }
}

pub(crate) async fn begin(
    client: &Client,
    location: &str,
    key: &str,
    size: u64,
    attempt: &str,
    options: &PutOptions,
) -> Outcome<Upload> {
    conditions::check(client, location, options).await?;
    let capabilities = client.capabilities().await?;
    if !capabilities.large_objects {
        return Err(unsupported("this service has no static large objects"));
    }
    let part_size = part_bytes(client.config.part_bytes, size, &capabilities)?;
    let place = Place::of(location, key)?;
    if attempt.is_empty() {
        let id = initiate(client, location, key, size, attempt).await?;
        return Ok(Upload { id, part_size, extras: Vec::new() });
    }
    let state_key = state_key(location, key)?;
    if let Some(id) = find(client, &place, attempt, &state_key).await? {
        return Ok(Upload { id, part_size, extras: Vec::new() });
    }
    let id = new_id(location, key, attempt)?;
    remember(attempt, &id, state_key).await;
    if let Err(failure) = mark(client, (location, key), &id, size, attempt).await {
        // What was refused for certain is not looked for.
        if !failure.fault().maybe_done {
            forget(location, key).await;
        }
        return Err(failure);
    }
    Ok(Upload { id, part_size, extras: Vec::new() })
}

/// A new upload that nobody remembers.
pub(crate) async fn initiate(client: &Client, location: &str, key: &str, size: u64, attempt: &str) -> Outcome<String> {
    let id = new_id(location, key, attempt)?;
    mark(client, (location, key), &id, size, attempt).await?;
    Ok(id)
}

fn new_id(location: &str, key: &str, attempt: &str) -> Outcome<String> {
    let seed = crypto::digest("sha256", format!("{attempt}\0{location}\0{key}").as_bytes())?;
    let moment = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_nanos());
    Ok(format!("{moment:016x}-{}", hex(seed.get(..8).unwrap_or_default())))
}

/// Puts the mark of a new upload, which also tells people what it is.
async fn mark(client: &Client, (location, key): (&str, &str), id: &str, size: u64, attempt: &str) -> Outcome<()> {
    check_key(Some(key))?;
    let place = Place::of(location, key)?;
    let about = json!({ "container": location, "key": key, "size": size, "attempt": attempt }).to_string();
    let mark = place.segment(id, MARK);
    let call = Call::object("PUT", &place.container, &mark).header("content-type", "application/json");
    match client.exchange(&call, Some(about.as_bytes())).await {
        Ok(_) => {}
        Err(Failure::NotFound(_)) => {
            make_container(client, location, &place.container).await?;
            client.exchange(&call, Some(about.as_bytes())).await.map(drop).map_err(unclear)?;
        }
        Err(failure) => return Err(unclear(failure)),
    }
    segments::note(client, location);
    Ok(())
}

/// The container of segments, of the same policy as the container they belong to, which must be there.
async fn make_container(client: &Client, location: &str, beside: &str) -> Outcome<()> {
    let owner = client.exchange(&Call::container("HEAD", location), None).await?;
    let mut call = Call::container("PUT", beside);
    let policy = capstan_sdk::http::header(&owner.headers, "x-storage-policy");
    call.headers.extend(policy.map(|policy| ("x-storage-policy".to_owned(), policy.to_owned())));
    client.exchange(&call, None).await.map(drop)
}

/// The service is asked, not a memory of what it said: another instance may have ended the upload, and a part put after that would be
/// a segment nobody knows, or one that a finished object consists of.
async fn check(client: &Client, place: &Place, upload: &str) -> Outcome<()> {
    if is_id(upload) && segments::stands(client, place, upload).await? { Ok(()) } else { Err(gone(upload)) }
}

pub(crate) async fn put_part(
    client: &Client,
    (location, key): (&str, &str),
    upload: &str,
    number: u32,
    payload: Payload<'_>,
) -> Outcome<Part> {
    let most = client.capabilities().await?.most_segments;
    if number == MARK || u64::from(number) > most {
        return Err(invalid(format!("parts have the numbers 1 to {most}")));
    }
    let place = Place::of(location, key)?;
    check(client, &place, upload).await?;
    let md5 = writer::md5(client, payload).await?;
    let name = place.segment(upload, number);
    let mut call = Call::object("PUT", &place.container, &name).header("content-type", "application/octet-stream");
    call.headers.extend(md5.iter().map(|md5| ("etag".to_owned(), hex(&md5.value))));
    let reply = client.upload(&call, payload).await?.map_err(|refusal| match refusal.failure(&call) {
        Failure::NotFound(_) => gone(upload),
        failure => failure,
    })?;
    let etag = unquoted(expected(&reply.headers, "etag")?);
    Ok(Part { number, size: payload.length, etag, checksums: md5.into_iter().collect() })
}

pub(crate) async fn list(
    client: &Client,
    (location, key): (&str, &str),
    upload: &str,
    after: u32,
    limit: u32,
) -> Outcome<Vec<Part>> {
    let place = Place::of(location, key)?;
    check(client, &place, upload).await?;
    let marker = place.segment(upload, after);
    let prefix = place.upload(upload);
    let lines = lister::lines(client, &place.container, &prefix, None, Some(&marker), limit.min(MAX_PAGE)).await?;
    let part = |line: lister::Line| {
        let (_, number) = place.read(line.name.as_deref()?)?;
        Some(Part { number, size: line.bytes, etag: unquoted(&line.hash), checksums: Vec::new() })
    };
    Ok(lines.into_iter().filter_map(part).collect())
}

pub(crate) async fn complete(
    client: &Client,
    (location, key): (&str, &str),
    upload: &str,
    mut parts: Vec<Part>,
    attempt: &str,
    options: PutOptions,
) -> Outcome<Object> {
    if parts.is_empty() {
        return Err(invalid("an upload is completed with at least one part"));
    }
    parts.sort_by_key(|part| part.number);
    conditions::check(client, location, &options).await?;
    let place = Place::of(location, key)?;
    if !is_id(upload) || !segments::stands(client, &place, upload).await? {
        return completed_before(client, (location, key), upload, &parts).await?.ok_or_else(|| gone(upload));
    }
    // Ceph's gateway takes a manifest with other tags than the segments have; it is known by how it takes conditions.
    if let Ok(Conditions::Ignored) = conditions::found_out(client, location).await {
        hold_to_stored(client, &place, upload, &parts).await?;
    }
    let size: u64 = parts.iter().map(|part| part.size).sum();
    let etag = match put_manifest(client, (location, key), &place, upload, &parts, attempt, &options).await? {
        Put::Done(reply) => etag(&reply.headers),
        Put::Before(object) => object.etag,
    };
    // From here on the object is there; what fails below is mended by later calls.
    let settled = match size {
        0 => segments::discard(client, &place, upload).await,
        _ => segments::unmark(client, &place, upload).await,
    };
    if let Err(failure) = settled {
        capstan_sdk::log!(warn, "the mark of a completed upload is left", "upload" => upload, "why" => failure.fault().message);
    }
    segments::sweep(client, location, key, Some(&Own::new(upload, &parts))).await;
    forget(location, key).await;
    Ok(Object {
        key: key.to_owned(),
        size,
        modified: None,
        etag,
        version: None,
        checksums: Vec::new(),
        metadata: options.metadata,
        extras: Vec::new(),
    })
}

/// The parts are the segments that are there. A service that holds the manifest to them does this by itself.
async fn hold_to_stored(client: &Client, place: &Place, upload: &str, parts: &[Part]) -> Outcome<()> {
    let mut stored = BTreeMap::new();
    let mut marker = place.segment(upload, MARK);
    for _ in 0..=USUAL_PARTS {
        let lines = lister::lines(client, &place.container, &place.upload(upload), None, Some(&marker), MAX_PAGE).await?;
        let Some(last) = lines.last().and_then(|line| line.name.clone()) else { break };
        marker = last;
        stored.extend(lines.into_iter().filter_map(|line| {
            let (_, number) = place.read(line.name.as_deref()?)?;
            Some((number, (line.bytes, unquoted(&line.hash))))
        }));
    }
    let is_stored = |part: &Part| stored.get(&part.number).is_some_and(|(size, tag)| *size == part.size && *tag == part.etag);
    match parts.iter().find(|part| !is_stored(part)) {
        Some(part) => Err(invalid(format!("part {} is not the one that was stored", part.number))),
        None => Ok(()),
    }
}

enum Put {
    Done(Reply),
    /// This attempt had put it, its answer lost.
    Before(Object),
}

pub(crate) async fn put_manifest_for_copy(
    client: &Client,
    (location, key): (&str, &str),
    upload: &str,
    parts: &[Part],
    attempt: &str,
    options: &PutOptions,
) -> Outcome<()> {
    let place = Place::of(location, key)?;
    put_manifest(client, (location, key), &place, upload, parts, attempt, options).await?;
    segments::unmark(client, &place, upload).await
}

async fn put_manifest(
    client: &Client,
    (location, key): (&str, &str),
    place: &Place,
    upload: &str,
    parts: &[Part],
    attempt: &str,
    options: &PutOptions,
) -> Outcome<Put> {
    let mut call = Call::object("PUT", location, key).patience_ms(MANIFEST_PATIENCE_MS);
    attributes::put(options, client.capabilities().await?.meta_value_bytes, &mut call.headers)?;
    attributes::condition(attempt, options, &mut call.headers)?;
    let mut document = Vec::new();
    // Nothing but parts without bytes is an object without bytes, which no manifest can be.
    if parts.iter().any(|part| part.size > 0) {
        call = call.query("multipart-manifest", "put");
        attributes::mark_upload(upload, &mut call.headers);
        document = manifest::document(place, upload, parts);
    }
    let refusal = match client.ask(&call, Some(&document)).await.map_err(unclear)? {
        Ok(reply) => return Ok(Put::Done(reply)),
        Err(refusal) => refusal,
    };
    let is_about_segments = match refusal.status {
        400 => true,
        404 => refusal.code.as_deref() == Some("NoSuchKey"),
        _ => false,
    };
    if is_about_segments {
        return Err(refusal.dress(invalid(format!("the parts of {} are not those that were stored", call.subject()))));
    }
    writer::refused(client, &call, attempt, &refusal).await.map(Put::Before)
}

/// The upload is not under way: did it become the object that is there? The answer to the first completion may have been lost.
async fn completed_before(
    client: &Client,
    (location, key): (&str, &str),
    upload: &str,
    parts: &[Part],
) -> Outcome<Option<Object>> {
    let Some(there) = reader::look(client, location, key).await? else { return Ok(None) };
    let object = attributes::object(key, &there.headers)?;
    let same_size = object.size == parts.iter().map(|part| part.size).sum::<u64>();
    let same_tag = manifest::joined_etag(parts)?.is_none_or(|tag| object.etag.as_deref() == Some(&tag));
    let done = attributes::upload_of(&there.headers) == Some(upload) && same_size && same_tag;
    if done {
        forget(location, key).await;
    }
    Ok(done.then_some(object))
}

pub(crate) async fn abort(client: &Client, (location, key): (&str, &str), upload: &str) -> Outcome<()> {
    if !is_id(upload) {
        return Ok(());
    }
    let place = Place::of(location, key)?;
    let there = reader::look(client, location, key).await?;
    // A completion whose answer was lost: the segments are the object's by now.
    let in_use = there.as_ref().and_then(|there| attributes::upload_of(&there.headers)) == Some(upload);
    match in_use {
        true => segments::unmark(client, &place, upload).await?,
        false => segments::discard(client, &place, upload).await?,
    }
    forget(location, key).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_where_the_service_allows_too_few() {
        let allowed = Capabilities::default();
        assert_eq!(part_bytes(16 << 20, 1 << 30, &allowed).unwrap(), 16 << 20);
        let size = 1 << 40;
        let grown = part_bytes(16 << 20, size, &allowed).unwrap();
        assert!(size.div_ceil(grown) <= allowed.most_segments && grown.is_multiple_of(1 << 20));
        assert_eq!(part_bytes(1 << 20, MAX_OBJECT_BYTES, &allowed).unwrap(), MAX_PART_BYTES);
        assert!(part_bytes(1, MAX_OBJECT_BYTES + 1, &allowed).is_err());
        let few = Capabilities { most_segments: 10, least_segment_bytes: 4 << 20, ..Capabilities::default() };
        assert_eq!(part_bytes(1 << 20, 1 << 20, &few).unwrap(), 4 << 20);
        assert!(part_bytes(1 << 20, 100 << 20, &few).unwrap() >= 10 << 20);
    }

    #[test]
    fn an_id_leads_to_no_other_place() {
        assert!(is_id("0000019a-abcdef"));
        for bad in ["", "..", "a/b", "u p", &"a".repeat(65)] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
