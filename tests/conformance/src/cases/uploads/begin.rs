//! `begin` and `abort`.

use anyhow::{Context, ensure};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{GetOptions, PutOptions};

use super::Uploading;
use crate::case::{Case, Want};
use crate::cases::objects::locations::ABSENT;
use crate::cases::objects::{flat, holds, list, put};
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

pub fn all() -> Vec<Case> {
    use Want::{Durable, Shared, Uploads};
    group! { "uploads";
        "begin", clause::BEGIN, [Uploads], "an upload has an id of at most 1 KiB, and a size of parts that the target allows", begin;
        "begin-again", clause::ATTEMPT, [Uploads], "the same attempt begins one upload, ten times", again;
        "begin-another", clause::ATTEMPT, [Uploads], "another attempt at the same key begins another upload", another;
        "begin-unseen", clause::BEGIN, [Uploads], "an upload under way is no object, and replaces none", unseen;
        "begin-large", clause::BEGIN, [Uploads], "parts grow so that the largest object has no more than max-parts", large;
        "begin-too-large", clause::BEGIN, [Uploads], "an upload beyond max-object-bytes is invalid", too_large;
        "begin-absent-location", clause::KINDS, [Uploads], "an upload into an absent location is not-found", absent_location;
        "begin-elsewhere", clause::BEGIN, [Uploads, Durable, Shared], "an upload goes on with another instance", elsewhere;
        "abort", clause::ABORT, [Uploads], "an upload that was given up is gone, its parts with it", abort;
        "abort-again", clause::ABORT, [Uploads], "giving up ten times is a success ten times", abort_again;
        "abort-unknown", clause::ABORT, [Uploads], "giving up an upload that never was is a success", abort_unknown;
        "abort-keeps-the-object", clause::ABORT, [Uploads], "giving up leaves the object of the same key as it was", abort_keeps;
        "abort-then-begin", clause::ATTEMPT, [Uploads], "an upload that was given up is not begun again by its attempt", abort_then_begin;
    }
}

async fn begin(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "begun", 1).await?;
    let (id, size) = (&going.upload.id, going.upload.part_size);
    ensure!(!id.is_empty() && id.len() <= 1024, "the id has {} bytes", id.len());
    ensure!(size >= stand.number("min-part-bytes", 1), "parts of {size} bytes are below min-part-bytes");
    Ok(())
}

async fn again(stand: &Stand<'_>) -> Check {
    let first = stand.begin(&stand.key("again"), 30 << 20, "one attempt", PutOptions::default()).await?;
    for _ in 0..9 {
        let next = stand.begin(&stand.key("again"), 30 << 20, "one attempt", PutOptions::default()).await?;
        ensure!(next.id == first.id, "{:?} and {:?}", first.id, next.id);
    }
    Ok(())
}

async fn another(stand: &Stand<'_>) -> Check {
    let one = stand.begin(&stand.key("both"), 30 << 20, "one", PutOptions::default()).await?;
    let other = stand.begin(&stand.key("both"), 30 << 20, "other", PutOptions::default()).await?;
    ensure!(one.id != other.id, "both are {:?}", one.id);
    Ok(())
}

async fn unseen(stand: &Stand<'_>) -> Check {
    put(stand, "there", 77).await?;
    for name in ["there", "not there"] {
        let going = Uploading::begin(stand, name, 1).await?;
        going.put_all(stand).await?;
    }
    holds(stand, "there", 77).await?;
    let looked = stand.objects()?.head(stand.location, &stand.key("not there"), GetOptions::default()).await;
    fails(looked, Kind::NotFound, "head of an upload under way")?;
    let (keys, _) = list(stand, flat("", 100)).await?;
    ensure!(keys == ["there"], "{keys:?} are listed");
    Ok(())
}

async fn large(stand: &Stand<'_>) -> Check {
    let (most, parts) = (stand.number("max-object-bytes", 5 << 40), stand.number("max-parts", 10_000));
    let upload = stand.begin(&stand.key("large"), most, "large", PutOptions::default()).await?;
    let needed = most.div_ceil(upload.part_size.max(1));
    ensure!(needed <= parts, "parts of {} bytes: {needed} of them, {parts} are allowed", upload.part_size);
    Ok(())
}

async fn too_large(stand: &Stand<'_>) -> Check {
    let Some(most) = stand.said("max-object-bytes").and_then(|value| value.parse::<u64>().ok()) else { return Ok(()) };
    let begun = stand.uploads()?.begin(stand.location, &stand.key("larger"), most + 1, "larger", PutOptions::default()).await;
    if let Ok(upload) = &begun {
        stand.remember(&stand.key("larger"), &upload.id);
    }
    fails(begun, Kind::Invalid, "an upload beyond max-object-bytes")
}

async fn absent_location(stand: &Stand<'_>) -> Check {
    let begun = stand.uploads()?.begin(ABSENT, &stand.key("x"), 30 << 20, "absent", PutOptions::default()).await;
    fails(begun, Kind::NotFound, "an upload into an absent location")
}

async fn elsewhere(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "elsewhere", 1).await?;
    let first = going.put(stand, 1).await?;
    let other = stand.kit()?.another(|_| ())?;
    let port = other.uploads.as_ref().context("another instance has no uploads")?;
    let content = crate::content::counting(going.bytes);
    let second = port.put_part(stand.location, &going.key, &going.upload.id, 2, content, going.range(2)).await.map_err(told)?;
    let listed = port.list_parts(stand.location, &going.key, &going.upload.id, 0, 10).await.map_err(told)?;
    ensure!(listed.len() == 2, "another instance lists {listed:?}");
    going.complete(stand, vec![first, second]).await.map_err(told)?;
    holds(stand, "elsewhere", going.bytes).await
}

async fn abort(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "aborted", 1).await?;
    let parts = going.put_all(stand).await?;
    let port = stand.uploads()?;
    port.abort(stand.location, &going.key, &going.upload.id).await.map_err(told)?;
    let listed = port.list_parts(stand.location, &going.key, &going.upload.id, 0, 10).await;
    fails(listed, Kind::NotFound, "parts of an upload that was given up")?;
    fails(going.complete(stand, parts).await, Kind::NotFound, "its completion")?;
    let looked = stand.objects()?.head(stand.location, &going.key, GetOptions::default()).await;
    fails(looked, Kind::NotFound, "an object of it")
}

async fn abort_again(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "aborted", 1).await?;
    for _ in 0..10 {
        stand.uploads()?.abort(stand.location, &going.key, &going.upload.id).await.map_err(told)?;
    }
    Ok(())
}

async fn abort_unknown(stand: &Stand<'_>) -> Check {
    // In the form of a real one, which some servers look at first.
    let going = Uploading::begin(stand, "known", 1).await?;
    let last = going.upload.id.chars().last().context("an id")?;
    let other = if last == '0' { "1" } else { "0" };
    let unknown = format!("{}{other}", going.upload.id.trim_end_matches(last));
    stand.uploads()?.abort(stand.location, &going.key, &unknown).await.map_err(told)
}

async fn abort_keeps(stand: &Stand<'_>) -> Check {
    put(stand, "kept", 55).await?;
    let going = Uploading::begin(stand, "kept", 1).await?;
    going.put(stand, 1).await?;
    stand.uploads()?.abort(stand.location, &going.key, &going.upload.id).await.map_err(told)?;
    holds(stand, "kept", 55).await
}

async fn abort_then_begin(stand: &Stand<'_>) -> Check {
    let key = stand.key("again");
    let first = stand.begin(&key, 30 << 20, "attempt", PutOptions::default()).await?;
    stand.uploads()?.abort(stand.location, &key, &first.id).await.map_err(told)?;
    let next = stand.begin(&key, 30 << 20, "attempt", PutOptions::default()).await?;
    ensure!(next.id != first.id, "the upload that was given up is begun again");
    let listed = stand.uploads()?.list_parts(stand.location, &key, &next.id, 0, 10).await.map_err(told)?;
    ensure!(listed.is_empty(), "the new upload has {listed:?}");
    Ok(())
}
