//! Copies inside the service.
//!
//! An object in one piece is copied in one request. A large one of ours is copied segment by segment into an upload of its own: Ceph's
//! gateway would else copy the manifest alone, and the two objects would lose their segments together. One that others made, or that
//! is put together by a prefix, the host copies through itself.
//!
//! | dies after | what is there then |
//! |---|---|
//! | the copy is made, its answer lost | the copy; made again it is the same |
//! | some segments are copied | an upload nobody knows: its mark and those segments stay |
//! | the manifest is put | the copy |

use capstan_sdk::failure::{Failure, already_exists, cancelled, conflict, unclear, unsupported};
use capstan_sdk::http::{Reply, expected, unquoted};
use capstan_sdk::retry::{self, Policy};
use capstan_sdk::text::percent;
use capstan_sdk::types::{Object, Part, PutOptions};
use capstan_sdk::{Outcome, find, job};
use futures::stream::{FuturesUnordered, StreamExt};

use crate::attributes::{self, Make};
use crate::call::Call;
use crate::client::Client;
use crate::segments::{self, MARK, Own, Place};
use crate::{conditions, lister, reader, uploads, writer};

/// Segments copied at a time: the service does the work, so a few requests keep it busy.
const IN_FLIGHT: usize = 8;
/// A service copies at least so many bytes a millisecond; it says no word before it is done.
const SLOWEST_PER_MS: u64 = 8 << 10;
const SHORTEST_PATIENCE_MS: u64 = 60_000;
const PAGE: u32 = 1_000;

type Spot<'a> = (&'a str, &'a str);

fn source_path((container, object): Spot<'_>) -> String {
    let mut path = String::from("/");
    percent(container, false, &mut path);
    path.push('/');
    percent(object, true, &mut path);
    path
}

fn patience(bytes: u64) -> u64 {
    SHORTEST_PATIENCE_MS.saturating_add(bytes / SLOWEST_PER_MS)
}

pub(crate) async fn copy(
    client: &Client,
    source: Spot<'_>,
    spot: Spot<'_>,
    attempt: &str,
    mut options: PutOptions,
) -> Outcome<Object> {
    conditions::check(client, spot.0, &options).await?;
    let call = Call::object("HEAD", source.0, source.1);
    let from = client.exchange(&call, None).await?;
    let size = attributes::object(source.1, &from.headers)?.size;
    match attributes::make_of(&from.headers) {
        Make::Plain => {
            whole(client, source, spot, size, attempt, &options).await?;
            if !options.if_absent && segments::may_be_there(client, spot.0).await {
                segments::sweep(client, spot.0, spot.1, None).await;
            }
        }
        Make::Static if attributes::upload_of(&from.headers).is_some() => {
            if source == spot {
                return Err(unsupported("a large object is not copied onto itself"));
            }
            adopt(&mut options, source.1, &from)?;
            let upload = attributes::upload_of(&from.headers).unwrap_or_default();
            large(client, (source, upload), spot, size, attempt, &options).await?;
        }
        Make::Static | Make::Dynamic => {
            return Err(unsupported("a large object that others made is not copied inside the service"));
        }
    }
    let there = reader::look(client, spot.0, spot.1).await?;
    let there = there.ok_or_else(|| conflict("the copy was removed by somebody else"))?;
    attributes::object(spot.1, &there.headers)
}

/// What the source is described with, where nothing else is asked for.
fn adopt(options: &mut PutOptions, key: &str, from: &Reply) -> Outcome<()> {
    let object = attributes::object(key, &from.headers)?;
    if options.metadata.is_empty() {
        options.metadata = object.metadata;
    }
    if options.content_type.is_none() {
        options.content_type = find(&object.extras, "content-type").map(str::to_owned);
    }
    Ok(())
}

async fn whole(client: &Client, source: Spot<'_>, spot: Spot<'_>, size: u64, attempt: &str, options: &PutOptions) -> Outcome<()> {
    let mut call = Call::object("PUT", spot.0, spot.1).header("x-copy-from", source_path(source)).patience_ms(patience(size));
    attributes::put(options, client.capabilities().await?.meta_value_bytes, &mut call.headers)?;
    attributes::condition(attempt, options, &mut call.headers)?;
    if !options.metadata.is_empty() {
        call = call.header("x-fresh-metadata", "true");
    }
    match client.ask(&call, None).await.map_err(unclear)? {
        Ok(_) => Ok(()),
        Err(refusal) => writer::refused(client, &call, attempt, &refusal).await.map(drop),
    }
}

async fn large(
    client: &Client,
    (source, from): (Spot<'_>, &str),
    spot: Spot<'_>,
    size: u64,
    attempt: &str,
    options: &PutOptions,
) -> Outcome<()> {
    if options.if_absent
        && let Some(there) = reader::look(client, spot.0, spot.1).await?
        && !attributes::is_by(&there.headers, attempt)?
    {
        return Err(already_exists(format!("there is an {} already", Call::object("PUT", spot.0, spot.1).subject())));
    }
    let upload = uploads::initiate(client, spot.0, spot.1, size, attempt).await?;
    let place = Place::of(spot.0, spot.1)?;
    let copied = async {
        let parts = all_segments(client, (&Place::of(source.0, source.1)?, from), (&place, &upload), size).await?;
        uploads::put_manifest_for_copy(client, spot, &upload, &parts, attempt, options).await?;
        Ok::<_, Failure>(parts)
    };
    let parts = match copied.await {
        Ok(parts) => parts,
        Err(failure) => {
            // The failure that is told is the first one. A manifest that may be there keeps its segments.
            if !failure.fault().maybe_done
                && let Err(second) = uploads::abort(client, spot, &upload).await
            {
                capstan_sdk::log!(warn, "an upload is left behind", "upload" => upload, "why" => second.fault().message);
            }
            return Err(failure);
        }
    };
    segments::sweep(client, spot.0, spot.1, Some(&Own::new(&upload, &parts))).await;
    Ok(())
}

async fn all_segments(client: &Client, from: (&Place, &str), to: (&Place, &str), size: u64) -> Outcome<Vec<Part>> {
    let mut sources = Vec::new();
    let mut marker = from.0.segment(from.1, MARK);
    loop {
        let lines = lister::lines(client, &from.0.container, &from.0.upload(from.1), None, Some(&marker), PAGE).await?;
        let Some(last) = lines.last().and_then(|line| line.name.clone()) else { break };
        marker = last;
        for line in lines {
            let number = line.name.as_deref().and_then(|name| from.0.read(name)).map(|(_, number)| number);
            sources.extend(number.filter(|_| line.bytes > 0).map(|number| (number, line.bytes, unquoted(&line.hash))));
        }
    }
    if sources.iter().map(|(_, bytes, _)| bytes).sum::<u64>() != size {
        return Err(unsupported("the segments of the object are not all listed"));
    }
    let mut waiting = sources.into_iter();
    let (mut going, mut parts, mut done) = (FuturesUnordered::new(), Vec::new(), 0);
    loop {
        while going.len() < IN_FLIGHT
            && let Some((number, bytes, etag)) = waiting.next()
        {
            if job::cancelled() {
                return Err(cancelled("the copy was cancelled"));
            }
            going.push(async move { retry::with(Policy::default(), || segment(client, from, to, number, (bytes, &etag))).await });
        }
        let Some(part) = going.next().await else { break };
        let part: Part = part?;
        done += part.size;
        parts.push(part);
        job::progress(done, Some(size), None);
    }
    parts.sort_by_key(|part| part.number);
    Ok(parts)
}

async fn segment(
    client: &Client,
    from: (&Place, &str),
    to: (&Place, &str),
    number: u32,
    (bytes, etag): (u64, &str),
) -> Outcome<Part> {
    let (source, name) = (from.0.segment(from.1, number), to.0.segment(to.1, number));
    let call = Call::object("PUT", &to.0.container, &name)
        .header("x-copy-from", source_path((&from.0.container, &source)))
        .patience_ms(patience(bytes));
    let reply = client.ask(&call, None).await?.map_err(|refusal| refusal.failure(&call))?;
    let copied = unquoted(expected(&reply.headers, "etag")?);
    if copied != etag {
        return Err(Failure::Corrupt(
            capstan_sdk::failure::corrupt("a copied segment is not what its source is").fault().clone(),
        ));
    }
    Ok(Part { number, size: bytes, etag: copied, checksums: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_of_a_copy_is_encoded_like_a_path() {
        assert_eq!(source_path(("b c", "a b/ü?")), "/b%20c/a%20b/%C3%BC%3F");
    }

    #[test]
    fn a_large_copy_may_take_its_time() {
        assert_eq!(patience(0), 60_000);
        assert!(patience(5 << 30) > 600_000);
    }
}
