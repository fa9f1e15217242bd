//! Copies inside the service: in one request, or in parts above what one may copy, several of them at a time.

use capstan_sdk::failure::{Failure, cancelled, conflict, unclear};
use capstan_sdk::http::{self, unquoted};
use capstan_sdk::retry::{self, Policy};
use capstan_sdk::text::percent;
use capstan_sdk::types::{GetOptions, Object, Part, PutOptions};
use capstan_sdk::{Outcome, job};
use futures::stream::{FuturesUnordered, StreamExt};

use crate::checksum::Mode;
use crate::client::{Call, Client};
use crate::parts;
use crate::writer::checked;
use crate::{attributes, reader};

/// Bytes of a part that is copied; large, because nothing travels.
const COPY_PART_BYTES: u64 = 512 << 20;
/// Parts that are copied at a time: the service does the work, so a few requests keep it busy.
const PARTS_IN_FLIGHT: usize = 8;

type Place<'a> = (&'a str, &'a str);

fn any() -> GetOptions {
    GetOptions { if_match: None, version: None, extras: Vec::new() }
}

fn source_path((bucket, key): Place<'_>) -> String {
    let mut path = String::from("/");
    percent(bucket, false, &mut path);
    path.push('/');
    percent(key, true, &mut path);
    path
}

pub(crate) async fn copy(
    client: &Client,
    source: Place<'_>,
    place: Place<'_>,
    attempt: &str,
    options: PutOptions,
) -> Outcome<Object> {
    let from = reader::head(client, source.0, source.1, &any()).await?;
    if let Some(done) = before(client, place, attempt, &options).await? {
        return Ok(done);
    }
    if from.size > client.config.single_copy_bytes {
        in_parts(client, source, place, &from, options).await
    } else {
        at_once(client, source, place, attempt, &options).await
    }?;
    reader::head(client, place.0, place.1, &any()).await
}

/// Looks at the condition first, because not every service holds it for a copy. `Some`: this attempt was made before.
async fn before(client: &Client, (bucket, key): Place<'_>, attempt: &str, options: &PutOptions) -> Outcome<Option<Object>> {
    if !options.if_absent && options.if_match.is_none() {
        return Ok(None);
    }
    let call = Call::object("HEAD", bucket, key);
    let there = match client.exchange(&call, None).await {
        Ok(reply) => reply,
        Err(Failure::NotFound(_)) if options.if_absent => return Ok(None),
        Err(Failure::NotFound(_)) => return Err(conflict("there is no object to replace")),
        Err(failure) => return Err(failure),
    };
    if !attempt.is_empty() && attributes::attempt_of(&there.headers).as_deref() == Some(attempt) {
        return attributes::object(client, key, &there.headers).map(Some);
    }
    if options.if_absent {
        return Err(capstan_sdk::failure::already_exists(format!("there is an {} already", call.subject())));
    }
    if http::etag(&there.headers) != options.if_match {
        return Err(conflict(format!("{} is not the expected one", call.subject())));
    }
    Ok(None)
}

async fn at_once(client: &Client, source: Place<'_>, place: Place<'_>, attempt: &str, options: &PutOptions) -> Outcome<()> {
    let mut call = Call::object("PUT", place.0, place.1).header("x-amz-copy-source", source_path(source));
    attributes::put(client, options, &mut call.headers);
    if !options.metadata.is_empty() || options.content_type.is_some() {
        call = call.header("x-amz-metadata-directive", "REPLACE");
        attributes::condition(client, attempt, options, &mut call.headers);
    }
    let reply = client.ask(&call, None).await.map_err(unclear)?.map_err(|refusal| unclear(refusal.failure(&call.subject())))?;
    checked(&reply.body, &call.subject()).map(drop)
}

async fn in_parts(client: &Client, source: Place<'_>, place: Place<'_>, from: &Object, mut options: PutOptions) -> Outcome<()> {
    if options.metadata.is_empty() {
        options.metadata.clone_from(&from.metadata);
    }
    if options.content_type.is_none() {
        options.content_type = capstan_sdk::find(&from.extras, "content-type").map(str::to_owned);
    }
    let upload = parts::initiate(client, place.0, place.1, Mode::None, &options).await?;
    match all_parts(client, source, place, from, &upload).await {
        Ok(parts) => parts::complete(client, place.0, place.1, &upload, parts, options).await.map(drop),
        Err(failure) => {
            // The parts would be paid for; the failure that is told is the first one.
            if let Err(second) = parts::abort(client, place.0, place.1, &upload).await {
                capstan_sdk::log!(warn, "an upload is left behind", "upload" => upload, "why" => second.fault().message);
            }
            Err(failure)
        }
    }
}

async fn all_parts(client: &Client, source: Place<'_>, place: Place<'_>, from: &Object, upload: &str) -> Outcome<Vec<Part>> {
    let ranges = ranges(client.config.single_copy_bytes, from.size)?;
    let mut waiting = ranges.iter();
    let (mut going, mut parts, mut copied) = (FuturesUnordered::new(), Vec::with_capacity(ranges.len()), 0);
    loop {
        while going.len() < PARTS_IN_FLIGHT
            && let Some(&(number, offset, length)) = waiting.next()
        {
            if job::cancelled() {
                return Err(cancelled("the copy was cancelled"));
            }
            going.push(retry::with(Policy::default(), move || {
                one_part(client, source, place, from, upload, number, (offset, length))
            }));
        }
        // The first failure ends it: what is still under way is dropped, and the upload given up.
        let Some(part) = going.next().await else { return Ok(parts) };
        let part = part?;
        copied += part.size;
        parts.push(part);
        job::progress(copied, Some(from.size), None);
    }
}

/// Number, offset and length of each part.
fn ranges(single: u64, size: u64) -> Outcome<Vec<(u32, u64, u64)>> {
    let part_size = parts::part_bytes(COPY_PART_BYTES.min(single), size)?;
    let numbers = 1..=u32::try_from(size.div_ceil(part_size)).unwrap_or(u32::MAX);
    let range = |number: u32| {
        let offset = u64::from(number - 1) * part_size;
        (number, offset, part_size.min(size - offset))
    };
    Ok(numbers.map(range).collect())
}

async fn one_part(
    client: &Client,
    source: Place<'_>,
    place: Place<'_>,
    from: &Object,
    upload: &str,
    number: u32,
    (offset, length): (u64, u64),
) -> Outcome<Part> {
    let text = number.to_string();
    let mut call = Call::object("PUT", place.0, place.1)
        .query("partNumber", &text)
        .query("uploadId", upload)
        .header("x-amz-copy-source", source_path(source))
        .header("x-amz-copy-source-range", format!("bytes={offset}-{}", offset + length - 1));
    // All parts come from one and the same object, even if the key is written to meanwhile.
    call.headers.extend(from.etag.iter().map(|etag| ("x-amz-copy-source-if-match".to_owned(), format!("\"{etag}\""))));
    let reply = client.ask(&call, None).await?.map_err(|refusal| refusal.failure(&call.subject()))?;
    let root = checked(&reply.body, &call.subject())?;
    let etag =
        root.text_of("ETag").map(unquoted).ok_or_else(|| capstan_sdk::failure::malformed("a copied part has no tag", ""))?;
    Ok(Part { number, size: length, etag, checksums: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_copy_cover_it_once() {
        for (single, size) in [(5 << 20, (5 << 20) + 1), (5 << 30, (5 << 30) + 7), (5 << 30, 5 << 40), (5 << 20, 5 << 40)] {
            let ranges = ranges(single, size).unwrap();
            let mut at = 0;
            for (index, (number, offset, length)) in ranges.iter().enumerate() {
                assert_eq!((*number as usize, *offset), (index + 1, at));
                at += length;
            }
            assert!(at == size && ranges.len() <= 10_000, "{single} {size}");
        }
    }

    #[test]
    fn the_source_of_a_copy_is_encoded_like_a_path() {
        assert_eq!(source_path(("b", "a b/ü?")), "/b/a%20b/%C3%BC%3F");
    }
}
