//! `complete`.

use anyhow::{Context, ensure};
use capstan_domain::content::Content;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{GetOptions, Part, PutOptions};
use futures::StreamExt;
use futures::future::join_all;

use super::{Uploading, options};
use crate::case::{Case, Want};
use crate::cases::objects::{flat, holds, list, put};
use crate::content::{counting, has, same_sparse, sparse};
use crate::stand::Stand;
use crate::{Check, clause, fails, fails_as, group, told};

const PARTS_AT_ONCE: usize = 4;

pub fn all() -> Vec<Case> {
    use Want::{Capability, Durable, Uploads};
    group! { "uploads";
        "complete", clause::COMPLETE, [Uploads], "a completed upload is one object, listed and durable", complete;
        "complete-again", clause::COMPLETE, [Uploads], "the same completion ten times is one object, and a success", again;
        "complete-at-once", clause::ATTEMPT, [Uploads], "the same completion at once makes one object", at_once;
        "complete-replaces", clause::COMPLETE, [Uploads], "a completed upload replaces the object that was there", replaces;
        "checksums-told", clause::CHECKSUMS, [Uploads], "a checksum that is told of a part, or of the whole, is the one its bytes have", checksums_told;
        "complete-metadata", clause::COMPLETE, [Uploads], "an object in parts has its metadata", metadata;
        "complete-missing-part", clause::COMPLETE, [Uploads], "a part that was never put is invalid, and nothing is made", missing;
        "complete-other-tag", clause::COMPLETE, [Uploads], "a part with another tag is invalid, and nothing is made", other_tag;
        "complete-nothing", clause::COMPLETE, [Uploads], "an upload without parts is not completed", nothing;
        "complete-unknown", clause::COMPLETE, [Uploads], "completing an upload that is gone is not-found", unknown;
        "complete-then-parts", clause::COMPLETE, [Uploads], "the parts of a completed upload are gone", then_parts;
        "complete-then-abort", clause::ABORT, [Uploads], "giving up a completed upload leaves its object", then_abort;
        "complete-if-absent", clause::PUT, [Uploads, Capability("conditional-put", "true")], "a completion that must be the first is already-exists where something is", if_absent;
        "complete-fewer", clause::COMPLETE, [Uploads], "parts that are not named are not in the object", fewer;
        "complete-of-two", clause::COMPLETE, [Uploads], "two uploads of one key are two, and the last one stays", of_two;
        "large-in-parts", clause::COMPLETE, [Uploads, Durable], "a large object goes in parts at once, and comes back", large, scaled;
    }
}

async fn done(stand: &Stand<'_>, name: &str, whole: u64) -> anyhow::Result<(Uploading, Vec<Part>)> {
    let going = Uploading::begin(stand, name, whole).await?;
    let parts = going.put_all(stand).await?;
    going.complete(stand, parts.clone()).await.map_err(told).context("complete")?;
    Ok((going, parts))
}

async fn complete(stand: &Stand<'_>) -> Check {
    let (going, _) = done(stand, "completed", 1).await?;
    holds(stand, "completed", going.bytes).await?;
    let (keys, _) = list(stand, flat("", 100)).await?;
    ensure!(keys == ["completed"], "{keys:?} are listed");
    Ok(())
}

async fn checksums_told(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "told", 1).await?;
    let (port, content) = (stand.uploads()?, counting(going.bytes));
    let parts = going.put_all(stand).await?;
    let listed = port.list_parts(stand.location, &going.key, &going.upload.id, 0, 100).await.map_err(told)?;
    for part in parts.iter().chain(&listed) {
        has(&content, going.range(part.number), &part.checksums).await.with_context(|| format!("part {}", part.number))?;
    }
    let made = going.complete(stand, parts).await.map_err(told).context("complete")?;
    has(&content, (0, going.bytes), &made.checksums).await.context("complete")?;
    let head = stand.objects()?.head(stand.location, &going.key, GetOptions::default()).await.map_err(told)?;
    has(&content, (0, going.bytes), &head.checksums).await.context("head")
}

async fn tag(stand: &Stand<'_>, key: &str) -> anyhow::Result<Option<String>> {
    Ok(stand.objects()?.head(stand.location, key, GetOptions::default()).await.map_err(told)?.etag)
}

async fn again(stand: &Stand<'_>) -> Check {
    let (going, parts) = done(stand, "again", 1).await?;
    let first = tag(stand, &going.key).await?;
    for _ in 0..9 {
        let made = going.complete(stand, parts.clone()).await.map_err(told).context("the same completion again")?;
        ensure!(made.size == going.bytes, "it says {} bytes", made.size);
    }
    ensure!(tag(stand, &going.key).await? == first, "it became another object");
    holds(stand, "again", going.bytes).await
}

async fn at_once(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "at once", 1).await?;
    let parts = going.put_all(stand).await?;
    let outcomes = join_all((0..4).map(|_| going.complete(stand, parts.clone()))).await;
    ensure!(outcomes.iter().any(Result::is_ok), "none was a success: {outcomes:?}");
    for failure in outcomes.into_iter().filter_map(Result::err) {
        ensure!(failure.may_retry(), told(failure));
    }
    holds(stand, "at once", going.bytes).await
}

async fn replaces(stand: &Stand<'_>) -> Check {
    put(stand, "before", 33).await?;
    let (going, _) = done(stand, "before", 1).await?;
    holds(stand, "before", going.bytes).await
}

async fn metadata(stand: &Stand<'_>) -> Check {
    let (going, _) = done(stand, "described", 0).await?;
    let head = stand.objects()?.head(stand.location, &going.key, GetOptions::default()).await.map_err(told)?;
    ensure!(head.metadata == options().metadata, "{:?}", head.metadata);
    Ok(())
}

async fn not_made(stand: &Stand<'_>, going: &Uploading) -> Check {
    let looked = stand.objects()?.head(stand.location, &going.key, GetOptions::default()).await;
    fails(looked, Kind::NotFound, "an object was made all the same")
}

async fn missing(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "missing", 1).await?;
    let mut parts = vec![going.put(stand, 1).await?];
    let ghost = Part { number: 2, ..parts.first().cloned().context("a part")? };
    parts.push(ghost);
    fails(going.complete(stand, parts).await, Kind::Invalid, "a part that was never put")?;
    not_made(stand, &going).await
}

async fn other_tag(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "other tag", 0).await?;
    let mut parts = going.put_all(stand).await?;
    for part in &mut parts {
        part.etag = "0123456789abcdef0123456789abcdef".to_owned();
    }
    fails(going.complete(stand, parts).await, Kind::Invalid, "a part with another tag")?;
    not_made(stand, &going).await
}

async fn nothing(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "nothing", 0).await?;
    fails(going.complete(stand, Vec::new()).await, Kind::Invalid, "a completion without parts")?;
    not_made(stand, &going).await
}

async fn unknown(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "unknown", 0).await?;
    let parts = going.put_all(stand).await?;
    stand.uploads()?.abort(stand.location, &going.key, &going.upload.id).await.map_err(told)?;
    fails(going.complete(stand, parts).await, Kind::NotFound, "completing an upload that is gone")
}

async fn then_parts(stand: &Stand<'_>) -> Check {
    let (going, _) = done(stand, "spent", 0).await?;
    let listed = stand.uploads()?.list_parts(stand.location, &going.key, &going.upload.id, 0, 10).await;
    fails(listed, Kind::NotFound, "the parts of a completed upload")
}

async fn then_abort(stand: &Stand<'_>) -> Check {
    let (going, _) = done(stand, "kept", 0).await?;
    stand.uploads()?.abort(stand.location, &going.key, &going.upload.id).await.map_err(told)?;
    holds(stand, "kept", going.bytes).await
}

async fn if_absent(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "occupied", 0).await?;
    let parts = going.put_all(stand).await?;
    put(stand, "occupied", 5).await?;
    let first = PutOptions { if_absent: true, ..options() };
    let completed = stand.uploads()?.complete(stand.location, &going.key, &going.upload.id, parts, "first", first).await;
    fails_as(completed, &[Kind::AlreadyExists, Kind::Unsupported], "a completion that must be the first")?;
    holds(stand, "occupied", 5).await
}

async fn fewer(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "fewer", 1).await?;
    let mut parts = going.put_all(stand).await?;
    parts.truncate(1);
    let made = going.complete(stand, parts).await.map_err(told)?;
    ensure!(made.size == going.upload.part_size, "it says {} bytes", made.size);
    holds(stand, "fewer", going.upload.part_size).await
}

async fn of_two(stand: &Stand<'_>) -> Check {
    let key = stand.key("two");
    let mut begun = Vec::new();
    for attempt in ["one", "other"] {
        begun.push(stand.begin(&key, 30 << 20, attempt, PutOptions::default()).await?);
    }
    for (upload, size) in begun.iter().zip([1000, 2000]) {
        let content = crate::content::counting(size);
        let part = stand.uploads()?.put_part(stand.location, &key, &upload.id, 1, content, (0, size)).await.map_err(told)?;
        let made =
            stand.uploads()?.complete(stand.location, &key, &upload.id, vec![part], &upload.id, PutOptions::default()).await;
        ensure!(made.map_err(told)?.size == size, "it has another size than its part");
        holds(stand, "two", size).await?;
    }
    Ok(())
}

async fn large(stand: &Stand<'_>) -> Check {
    let (key, port) = (stand.key("large"), stand.uploads()?);
    let size = stand.size.large().min(stand.number("max-object-bytes", u64::MAX)) + 4321;
    let upload = stand.begin(&key, size, "large", PutOptions::default()).await?;
    let content = sparse(size);
    let count = u32::try_from(size.div_ceil(upload.part_size))?;
    let puts = (1..=count).map(|number| {
        let offset = u64::from(number - 1) * upload.part_size;
        let range = (offset, upload.part_size.min(size - offset));
        let (content, key, id) = (Content::clone(&content), &key, &upload.id);
        async move { port.put_part(stand.location, key, id, number, content, range).await }
    });
    let parts: Vec<_> = futures::stream::iter(puts).buffered(PARTS_AT_ONCE).collect().await;
    let parts = parts.into_iter().collect::<Result<Vec<Part>, _>>().map_err(told)?;
    let made = port.complete(stand.location, &key, &upload.id, parts, "complete", PutOptions::default()).await.map_err(told)?;
    ensure!(made.size == size, "it says {} bytes instead of {size}", made.size);
    let (object, body) = stand.objects()?.get(stand.location, &key, None, GetOptions::default()).await.map_err(told)?;
    ensure!(object.size == size, "get says {} bytes instead of {size}", object.size);
    same_sparse(body, 0, size).await
}
