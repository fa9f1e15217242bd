//! `if-absent` and `if-match` of puts.

use anyhow::{Context, ensure};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{GetOptions, PutOptions};
use futures::future::join_all;

use super::{holds, put};
use crate::case::{Case, Want};
use crate::content::{counting, seeded};
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

const IF_ABSENT: Want = Want::Capability("conditional-put", "if-absent");
const IF_MATCH: Want = Want::Capability("conditional-put", "true");

pub fn all() -> Vec<Case> {
    use Want::{Objects, Without};
    group! { "objects";
        "put-if-absent", clause::PUT, [Objects, IF_ABSENT], "a put that must be the first is a success where nothing is", first;
        "put-if-absent-occupied", clause::PUT, [Objects, IF_ABSENT], "a put that must be the first is already-exists where something is", occupied;
        "put-if-absent-again", clause::ATTEMPT, [Objects, IF_ABSENT], "the same attempt of a put that must be the first is a success again", first_again;
        "put-if-absent-at-once", clause::PUT, [Objects, IF_ABSENT], "of many puts at once that must be the first one is", first_of_many;
        "put-if-match", clause::PUT, [Objects, IF_MATCH], "a put over the expected object is a success", matched;
        "put-if-match-again", clause::ATTEMPT, [Objects, IF_MATCH], "the same attempt of a put over the expected object is a success again", matched_again;
        "put-if-match-other", clause::PUT, [Objects, IF_MATCH], "a put over another object is a conflict and changes nothing", other;
        "put-if-match-absent", clause::PUT, [Objects, IF_MATCH], "a put over an object that is gone is a conflict", gone;
        "put-if-match-at-once", clause::PUT, [Objects, IF_MATCH], "of many puts at once over one expected object one is made", one_of_many;
        "put-unclaimed-condition", clause::PUT, [Objects, Without("conditional-put")], "a condition that the plugin does not claim is unsupported, and nothing is sent", unclaimed;
    }
}

fn absent() -> PutOptions {
    PutOptions { if_absent: true, ..PutOptions::default() }
}

fn over(etag: &str) -> PutOptions {
    PutOptions { if_match: Some(etag.to_owned()), ..PutOptions::default() }
}

async fn conditional(stand: &Stand<'_>, size: u64, attempt: &str, options: PutOptions) -> capstan_domain::Outcome<()> {
    let port = stand.objects().map_err(|gone| capstan_domain::Failure::host("no objects", gone))?;
    port.put(stand.location, &stand.key("conditional"), counting(size), attempt, options).await.map(drop)
}

async fn tag(stand: &Stand<'_>) -> anyhow::Result<String> {
    let head = stand.objects()?.head(stand.location, &stand.key("conditional"), GetOptions::default()).await.map_err(told)?;
    head.etag.context("a plugin that puts over an expected object tells etags")
}

async fn first(stand: &Stand<'_>) -> Check {
    conditional(stand, 10, "1", absent()).await.map_err(told)?;
    holds(stand, "conditional", 10).await
}

async fn occupied(stand: &Stand<'_>) -> Check {
    put(stand, "conditional", 10).await?;
    fails(conditional(stand, 11, "2", absent()).await, Kind::AlreadyExists, "a put that must be the first")?;
    holds(stand, "conditional", 10).await
}

async fn first_again(stand: &Stand<'_>) -> Check {
    conditional(stand, 10, "once", absent()).await.map_err(told)?;
    let etag = tag(stand).await.ok();
    for _ in 0..10 {
        conditional(stand, 10, "once", absent()).await.map_err(told).context("the same attempt again")?;
    }
    ensure!(tag(stand).await.ok() == etag, "it became another object");
    fails(conditional(stand, 10, "another", absent()).await, Kind::AlreadyExists, "another attempt")
}

async fn first_of_many(stand: &Stand<'_>) -> Check {
    let port = stand.objects()?;
    let key = stand.key("raced");
    let puts = (0..12_u64).map(|writer| {
        let key = &key;
        async move { port.put(stand.location, key, seeded(5000, writer), &format!("writer {writer}"), absent()).await }
    });
    let outcomes = join_all(puts).await;
    let winners: Vec<u64> = outcomes.iter().zip(0..).filter(|(outcome, _)| outcome.is_ok()).map(|(_, writer)| writer).collect();
    ensure!(winners.len() == 1, "{} puts that had to be the first were", winners.len());
    for failure in outcomes.into_iter().filter_map(Result::err) {
        // One that lost may also be told to come again, while the other is under way.
        ensure!(matches!(failure.kind, Kind::AlreadyExists | Kind::Busy | Kind::Conflict), told(failure));
    }
    let (_, body) = port.get(stand.location, &key, None, GetOptions::default()).await.map_err(told)?;
    let winner = winners.first().copied().unwrap_or_default();
    crate::content::same_seeded(body, winner, 5000).await.context("the bytes are not the winner's")
}

async fn matched(stand: &Stand<'_>) -> Check {
    put(stand, "conditional", 10).await?;
    let etag = tag(stand).await?;
    conditional(stand, 12, "over", over(&etag)).await.map_err(told)?;
    holds(stand, "conditional", 12).await
}

async fn matched_again(stand: &Stand<'_>) -> Check {
    put(stand, "conditional", 10).await?;
    let etag = tag(stand).await?;
    for _ in 0..10 {
        conditional(stand, 12, "over", over(&etag)).await.map_err(told)?;
    }
    holds(stand, "conditional", 12).await
}

async fn other(stand: &Stand<'_>) -> Check {
    put(stand, "conditional", 10).await?;
    let result = conditional(stand, 12, "over", over("0123456789abcdef0123456789abcdef")).await;
    fails(result, Kind::Conflict, "a put over another object")?;
    holds(stand, "conditional", 10).await
}

async fn gone(stand: &Stand<'_>) -> Check {
    let result = conditional(stand, 12, "over", over("0123456789abcdef0123456789abcdef")).await;
    crate::fails_as(result, &[Kind::Conflict, Kind::NotFound], "a put over an object that is gone")?;
    let looked = stand.objects()?.head(stand.location, &stand.key("conditional"), GetOptions::default()).await;
    fails(looked, Kind::NotFound, "a put that was refused made an object")
}

async fn one_of_many(stand: &Stand<'_>) -> Check {
    put(stand, "conditional", 10).await?;
    let etag = tag(stand).await?;
    let puts = (0..8_u64).map(|writer| {
        let options = over(&etag);
        async move { conditional(stand, 100 + writer, &format!("writer {writer}"), options).await }
    });
    let made = join_all(puts).await.into_iter().filter(Result::is_ok).count();
    ensure!(made == 1, "{made} of 8 puts over one expected object were made");
    Ok(())
}

async fn unclaimed(stand: &Stand<'_>) -> Check {
    put(stand, "conditional", 10).await?;
    for options in [absent(), over("0123456789abcdef0123456789abcdef")] {
        fails(conditional(stand, 12, "condition", options).await, Kind::Unsupported, "a condition that is not claimed")?;
    }
    holds(stand, "conditional", 10).await
}
