//! `get` and `head` of whole objects.

use anyhow::ensure;
use capstan_domain::failure::Kind;
use capstan_domain::ports::GetOptions;
use futures::StreamExt;
use futures::future::try_join_all;

use super::{holds, locations::ABSENT, put};
use crate::case::{Case, Want};
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

/// 2001 and 2200: a moment in another unit lies outside.
const PLAUSIBLE: std::ops::Range<i64> = 978_307_200_000_000_000..7_258_118_400_000_000_000;

pub fn all() -> Vec<Case> {
    use Want::Objects;
    group! { "objects";
        "get-absent", clause::GET, [Objects], "a get of an absent key is not-found", get_absent;
        "get-absent-location", clause::KINDS, [Objects], "a get from an absent location is not-found", get_absent_location;
        "head-absent", clause::HEAD, [Objects], "a head of an absent key is not-found", head_absent;
        "head-absent-location", clause::HEAD, [Objects], "a head in an absent location is not-found", head_absent_location;
        "head-as-get", clause::HEAD, [Objects], "head tells what get tells, without the bytes", head_as_get;
        "head-moment", clause::UNITS, [Objects], "the moment of a change is told in nanoseconds since 1970", moment;
        "get-if-match", clause::GET, [Objects], "a get with the object's own etag is the object", if_match;
        "get-if-match-other", clause::GET, [Objects], "a get with another etag is a conflict, and so is a head", if_match_other;
        "get-at-once", clause::OVERLAP, [Objects], "many gets of one object at once all are the object", at_once;
        "get-dropped", clause::OVERLAP, [Objects], "a download that nobody reads to its end harms no other call", dropped;
        "get-while-replaced", clause::PUT, [Objects], "a get that began before a put is one object or the other, never both", while_replaced;
        "head-of-a-folder", clause::KEYS, [Objects], "a prefix of other keys is no object of its own", folder;
    }
}

async fn get_absent(stand: &Stand<'_>) -> Check {
    fails(stand.objects()?.get(stand.location, &stand.key("absent"), None, GetOptions::default()).await, Kind::NotFound, "get")
}

async fn get_absent_location(stand: &Stand<'_>) -> Check {
    fails(stand.objects()?.get(ABSENT, &stand.key("absent"), None, GetOptions::default()).await, Kind::NotFound, "get")
}

async fn head_absent(stand: &Stand<'_>) -> Check {
    fails(stand.objects()?.head(stand.location, &stand.key("absent"), GetOptions::default()).await, Kind::NotFound, "head")
}

async fn head_absent_location(stand: &Stand<'_>) -> Check {
    fails(stand.objects()?.head(ABSENT, &stand.key("absent"), GetOptions::default()).await, Kind::NotFound, "head")
}

async fn head_as_get(stand: &Stand<'_>) -> Check {
    put(stand, "both", 4321).await?;
    let (port, key) = (stand.objects()?, stand.key("both"));
    let head = port.head(stand.location, &key, GetOptions::default()).await.map_err(told)?;
    let (got, _) = port.get(stand.location, &key, None, GetOptions::default()).await.map_err(told)?;
    ensure!(head.key == key && got.key == key, "the keys are {:?} and {:?}", head.key, got.key);
    ensure!(
        (head.size, head.etag.as_ref(), head.modified) == (got.size, got.etag.as_ref(), got.modified),
        "head says {head:?}, get {got:?}"
    );
    Ok(())
}

async fn moment(stand: &Stand<'_>) -> Check {
    put(stand, "moment", 1).await?;
    let head = stand.objects()?.head(stand.location, &stand.key("moment"), GetOptions::default()).await.map_err(told)?;
    let listed = stand.objects()?.list(stand.location, super::flat(&stand.key("moment"), 10)).await.map_err(told)?;
    for moment in head.modified.into_iter().chain(listed.entries.iter().map(|entry| entry.modified)) {
        ensure!(PLAUSIBLE.contains(&moment), "{moment} is no moment of our time in nanoseconds");
    }
    Ok(())
}

async fn if_match(stand: &Stand<'_>) -> Check {
    put(stand, "matched", 99).await?;
    let (port, key) = (stand.objects()?, stand.key("matched"));
    let Some(etag) = port.head(stand.location, &key, GetOptions::default()).await.map_err(told)?.etag else { return Ok(()) };
    let options = GetOptions { if_match: Some(etag), ..GetOptions::default() };
    let (_, body) = port.get(stand.location, &key, None, options.clone()).await.map_err(told)?;
    crate::content::same(body, 0, 99).await?;
    port.head(stand.location, &key, options).await.map(drop).map_err(told)
}

async fn if_match_other(stand: &Stand<'_>) -> Check {
    put(stand, "matched", 99).await?;
    let (port, key) = (stand.objects()?, stand.key("matched"));
    if port.head(stand.location, &key, GetOptions::default()).await.map_err(told)?.etag.is_none() {
        return Ok(());
    }
    let options = GetOptions { if_match: Some("0123456789abcdef0123456789abcdef".to_owned()), ..GetOptions::default() };
    fails(port.get(stand.location, &key, None, options.clone()).await, Kind::Conflict, "get")?;
    fails(port.head(stand.location, &key, options).await, Kind::Conflict, "head")
}

async fn at_once(stand: &Stand<'_>) -> Check {
    put(stand, "popular", 200_000).await?;
    try_join_all((0..16).map(|_| holds(stand, "popular", 200_000))).await.map(drop)
}

async fn dropped(stand: &Stand<'_>) -> Check {
    put(stand, "long", 3 << 20).await?;
    let port = stand.objects()?;
    for _ in 0..8 {
        let (_, mut body) = port.get(stand.location, &stand.key("long"), None, GetOptions::default()).await.map_err(told)?;
        body.next().await.transpose().map_err(told)?;
    }
    holds(stand, "long", 3 << 20).await
}

async fn while_replaced(stand: &Stand<'_>) -> Check {
    use crate::content::{same_seeded, seeded};
    let (port, key) = (stand.objects()?, stand.key("replaced"));
    let size = 2 << 20;
    port.put(stand.location, &key, seeded(size, 1), "one", Default::default()).await.map_err(told)?;
    let (_, body) = port.get(stand.location, &key, None, GetOptions::default()).await.map_err(told)?;
    port.put(stand.location, &key, seeded(size, 2), "two", Default::default()).await.map_err(told)?;
    let bytes = match crate::content::collect(body, 4 << 20).await {
        Ok(bytes) => bytes,
        // It may be cut by the put, if it says so.
        Err(_) => return Ok(()),
    };
    let whole = [1, 2].into_iter().any(|seed| bytes == crate::content::seeded_bytes(seed, 0, size));
    ensure!(whole, "{} bytes came that are neither object", bytes.len());
    let (_, body) = port.get(stand.location, &key, None, GetOptions::default()).await.map_err(told)?;
    same_seeded(body, 2, size).await
}

async fn folder(stand: &Stand<'_>) -> Check {
    put(stand, "folder/inside", 1).await?;
    for name in ["folder", "folder/", "folder/insid", "folder/inside/"] {
        let looked = stand.objects()?.head(stand.location, &stand.key(name), GetOptions::default()).await;
        fails(looked, Kind::NotFound, name)?;
    }
    Ok(())
}
