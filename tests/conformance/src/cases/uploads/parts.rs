//! `put-part` and `list-parts`.

use anyhow::{Context, ensure};
use capstan_domain::failure::Kind;
use capstan_domain::ports::GetOptions;
use futures::future::try_join_all;

use super::Uploading;
use crate::case::{Case, Want};
use crate::cases::objects::holds;
use crate::content::{breaking, counting, seeded};
use crate::stand::Stand;
use crate::{Check, clause, fails, fails_as, group, told};

pub fn all() -> Vec<Case> {
    use Want::Uploads;
    group! { "uploads";
        "parts-in-order", clause::PUT_PART, [Uploads], "parts put in order become one object", in_order;
        "parts-out-of-order", clause::PUT_PART, [Uploads], "parts may be put in any order", out_of_order;
        "parts-at-once", clause::PUT_PART, [Uploads], "parts may be put at once", at_once;
        "part-again", clause::PUT_PART, [Uploads], "putting a number again replaces the part", replaced;
        "part-ten-times", clause::ATTEMPT, [Uploads], "the same part put ten times is one part", ten_times;
        "part-number-zero", clause::PUT_PART, [Uploads], "a part number of 0 is invalid", zero;
        "part-number-too-high", clause::PUT_PART, [Uploads], "a part number beyond max-parts is invalid", too_high;
        "part-number-highest", clause::PUT_PART, [Uploads], "a part may have the number max-parts", highest;
        "part-of-unknown-upload", clause::KINDS, [Uploads], "a part of an upload that is gone is not-found", unknown;
        "part-broken-source", clause::CONTENT, [Uploads], "a part whose source breaks is not there, and the source's own failure is told", broken;
        "list-parts", clause::LIST_PARTS, [Uploads], "parts are listed by number, with their sizes", listed;
        "list-parts-pages", clause::LIST_PARTS, [Uploads], "parts after a number are those with higher ones, as many as were asked for", pages;
        "list-parts-none", clause::LIST_PARTS, [Uploads], "an upload without parts lists none", none;
        "list-parts-unknown", clause::LIST_PARTS, [Uploads], "the parts of an unknown upload are not-found", list_unknown;
    }
}

async fn finish(stand: &Stand<'_>, going: &Uploading, mut parts: Vec<capstan_domain::ports::Part>, name: &str) -> Check {
    parts.sort_by_key(|part| part.number);
    let made = going.complete(stand, parts).await.map_err(told).context("complete")?;
    ensure!(made.size == going.bytes, "the object says {} bytes instead of {}", made.size, going.bytes);
    holds(stand, name, going.bytes).await
}

async fn in_order(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "ordered", 2).await?;
    let parts = going.put_all(stand).await?;
    for part in &parts {
        ensure!(part.size == going.range(part.number).1, "part {} says {} bytes", part.number, part.size);
    }
    finish(stand, &going, parts, "ordered").await
}

async fn out_of_order(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "mixed", 2).await?;
    let mut parts = Vec::new();
    for number in [3, 1, 2] {
        parts.push(going.put(stand, number).await?);
    }
    finish(stand, &going, parts, "mixed").await
}

async fn at_once(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "at once", 3).await?;
    let parts = try_join_all(going.numbers().map(|number| going.put(stand, number))).await?;
    finish(stand, &going, parts, "at once").await
}

async fn replaced(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "replaced", 1).await?;
    let (port, id) = (stand.uploads()?, &going.upload.id);
    let wrong = seeded(going.upload.part_size, 9);
    port.put_part(stand.location, &going.key, id, 1, wrong, (0, going.upload.part_size)).await.map_err(told)?;
    let parts = going.put_all(stand).await?;
    let listed = port.list_parts(stand.location, &going.key, id, 0, 10).await.map_err(told)?;
    ensure!(listed.len() == 2, "{listed:?}");
    finish(stand, &going, parts, "replaced").await
}

async fn ten_times(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "ten times", 0).await?;
    let mut parts = Vec::new();
    for _ in 0..10 {
        parts = vec![going.put(stand, 1).await?];
    }
    let listed = stand.uploads()?.list_parts(stand.location, &going.key, &going.upload.id, 0, 100).await.map_err(told)?;
    ensure!(listed.len() == 1, "{listed:?}");
    finish(stand, &going, parts, "ten times").await
}

async fn put_number(stand: &Stand<'_>, number: u32) -> anyhow::Result<capstan_domain::Outcome<()>> {
    let going = Uploading::begin(stand, "numbered", 0).await?;
    let port = stand.uploads()?;
    let put = port.put_part(stand.location, &going.key, &going.upload.id, number, counting(1000), (0, 1000)).await;
    Ok(put.map(drop))
}

async fn zero(stand: &Stand<'_>) -> Check {
    fails(put_number(stand, 0).await?, Kind::Invalid, "a part with the number 0")
}

async fn too_high(stand: &Stand<'_>) -> Check {
    let beyond = u32::try_from(stand.number("max-parts", 10_000) + 1)?;
    fails(put_number(stand, beyond).await?, Kind::Invalid, &format!("a part with the number {beyond}"))
}

async fn highest(stand: &Stand<'_>) -> Check {
    put_number(stand, u32::try_from(stand.number("max-parts", 10_000))?).await?.map_err(told)
}

async fn unknown(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "gone", 1).await?;
    let port = stand.uploads()?;
    port.abort(stand.location, &going.key, &going.upload.id).await.map_err(told)?;
    let put = port.put_part(stand.location, &going.key, &going.upload.id, 1, counting(1000), (0, 1000)).await;
    fails(put, Kind::NotFound, "a part of an upload that is gone")
}

async fn broken(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "broken", 1).await?;
    let port = stand.uploads()?;
    // Parts may be as small as 1 MiB; it breaks within the first.
    let content = breaking(going.bytes, going.range(1).1 / 2);
    let put = port.put_part(stand.location, &going.key, &going.upload.id, 1, content, going.range(1)).await;
    fails(put, Kind::Conflict, "a part whose source breaks")?;
    let listed = port.list_parts(stand.location, &going.key, &going.upload.id, 0, 10).await.map_err(told)?;
    ensure!(listed.is_empty(), "{listed:?}");
    let looked = stand.objects()?.head(stand.location, &going.key, GetOptions::default()).await;
    fails_as(looked, &[Kind::NotFound], "an object of it").map(drop)
}

async fn listed(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "listed", 2).await?;
    for number in [3, 1, 2] {
        going.put(stand, number).await?;
    }
    let parts = stand.uploads()?.list_parts(stand.location, &going.key, &going.upload.id, 0, 100).await.map_err(told)?;
    ensure!(parts.iter().map(|part| part.number).eq(1..=3), "{parts:?}");
    ensure!(parts.iter().all(|part| part.size == going.range(part.number).1), "{parts:?}");
    // What the list says completes the upload, as after a crash of the host.
    finish(stand, &going, parts, "listed").await
}

async fn pages(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "paged", 0).await?;
    let port = stand.uploads()?;
    for number in 1..=5 {
        port.put_part(stand.location, &going.key, &going.upload.id, number, counting(100), (0, 100)).await.map_err(told)?;
    }
    for (after, limit, expected) in
        [(0, 2, vec![1, 2]), (2, 2, vec![3, 4]), (4, 2, vec![5]), (5, 2, vec![]), (1, 100, vec![2, 3, 4, 5])]
    {
        let parts = port.list_parts(stand.location, &going.key, &going.upload.id, after, limit).await.map_err(told)?;
        let numbers: Vec<u32> = parts.iter().map(|part| part.number).collect();
        ensure!(numbers == expected, "{limit} parts after {after}: {numbers:?}");
    }
    Ok(())
}

async fn none(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "none", 0).await?;
    let parts = stand.uploads()?.list_parts(stand.location, &going.key, &going.upload.id, 0, 100).await.map_err(told)?;
    ensure!(parts.is_empty(), "{parts:?}");
    Ok(())
}

async fn list_unknown(stand: &Stand<'_>) -> Check {
    let going = Uploading::begin(stand, "unknown", 0).await?;
    let port = stand.uploads()?;
    port.abort(stand.location, &going.key, &going.upload.id).await.map_err(told)?;
    let listed = port.list_parts(stand.location, &going.key, &going.upload.id, 0, 1).await;
    fails(listed, Kind::NotFound, "the parts of an unknown upload")
}
