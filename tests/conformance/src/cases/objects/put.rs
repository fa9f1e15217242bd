//! `put`: whole or not at all, durable, replacing what was there.

use std::time::Duration;

use anyhow::{Context, ensure};
use capstan_domain::failure::{Failure, Kind};
use capstan_domain::ports::{GetOptions, PutOptions};

use super::{holds, put};
use crate::case::{Case, Want};
use crate::content::{breaking, counting, same_seeded, seeded, slow};
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

pub fn all() -> Vec<Case> {
    use Want::{Durable, Objects, Shared};
    group! { "objects";
        "put-every-size", clause::PUT, [Objects], "what was put is got back, in every size", every_size;
        "put-empty", clause::PUT, [Objects], "an object of no bytes is an object", empty;
        "put-answers-key-and-size", clause::PUT, [Objects], "a put answers at least the key and the size", answers;
        "put-replaces", clause::PUT, [Objects], "a put without a condition replaces what was there, also by less", replaces;
        "put-new-tag", clause::PUT, [Objects], "other bytes under the same key have another etag", new_tag;
        "put-broken-source", clause::CONTENT, [Objects], "a source that breaks leaves no object, and its own failure is told", broken_source;
        "put-broken-source-keeps", clause::PUT, [Objects], "a source that breaks leaves the object from before as it was", broken_keeps;
        "put-unseen-until-whole", clause::PUT, [Objects], "an object is not visible while it is being put", unseen;
        "put-absent-location", clause::KINDS, [Objects], "a put into a location that is absent is not-found", absent_location;
        "put-empty-key", clause::KEYS, [Objects], "an empty key is invalid", empty_key;
        "put-longest-key", clause::KEYS, [Objects], "a key of max-key-bytes is kept", longest_key;
        "put-too-long-key", clause::KEYS, [Objects], "a key beyond max-key-bytes is invalid", too_long_key;
        "put-seen-by-another-instance", clause::INSTANCES, [Objects, Durable, Shared], "what one instance put another one gets", other_instance;
        "put-same-bytes-again", clause::ATTEMPT, [Objects], "the same bytes put under another attempt are a success", again;
        "put-leaves-neighbours", clause::PUT, [Objects], "a put changes the object of its key and no other", neighbours;
        "put-unknown-extras", clause::EXTRAS, [Objects], "an extra that nobody registered is ignored", unknown_extras;
    }
}

async fn every_size(stand: &Stand<'_>) -> Check {
    for size in [1, 7, 4096, 65_535, 65_536, 300_000, 1 << 20, (3 << 20) + 1] {
        let name = format!("size {size}");
        put(stand, &name, size).await?;
        holds(stand, &name, size).await?;
    }
    Ok(())
}

async fn empty(stand: &Stand<'_>) -> Check {
    put(stand, "empty", 0).await?;
    holds(stand, "empty", 0).await?;
    let head = stand.objects()?.head(stand.location, &stand.key("empty"), GetOptions::default()).await.map_err(told)?;
    ensure!(head.size == 0, "head says {} bytes", head.size);
    Ok(())
}

async fn answers(stand: &Stand<'_>) -> Check {
    let object = put(stand, "answered", 11).await?;
    ensure!(object.key == stand.key("answered"), "the answer names {:?}", object.key);
    Ok(())
}

async fn replaces(stand: &Stand<'_>) -> Check {
    for size in [10, 500_000, 3, 0, 5] {
        put(stand, "again and again", size).await?;
        holds(stand, "again and again", size).await?;
    }
    Ok(())
}

async fn new_tag(stand: &Stand<'_>) -> Check {
    let (port, key) = (stand.objects()?, stand.key("tagged"));
    let mut tags = Vec::new();
    for seed in [1, 2] {
        port.put(stand.location, &key, seeded(100, seed), &format!("tag {seed}"), PutOptions::default()).await.map_err(told)?;
        tags.push(port.head(stand.location, &key, GetOptions::default()).await.map_err(told)?.etag);
    }
    match tags.as_slice() {
        [Some(first), Some(second)] => ensure!(first != second, "both have the etag {first}"),
        [None, None] => {}
        other => anyhow::bail!("an etag is told once and then not: {other:?}"),
    }
    Ok(())
}

async fn broken_source(stand: &Stand<'_>) -> Check {
    let (port, key) = (stand.objects()?, stand.key("broken"));
    let result = port.put(stand.location, &key, breaking(2 << 20, 1 << 20), "broken", PutOptions::default()).await;
    fails(result, Kind::Conflict, "a source that breaks with a conflict")?;
    fails(port.head(stand.location, &key, GetOptions::default()).await, Kind::NotFound, "head of what was never whole")
}

async fn broken_keeps(stand: &Stand<'_>) -> Check {
    put(stand, "kept", 1234).await?;
    let result = stand
        .objects()?
        .put(stand.location, &stand.key("kept"), breaking(2 << 20, 1 << 20), "broken", PutOptions::default())
        .await;
    fails(result, Kind::Conflict, "a source that breaks with a conflict")?;
    holds(stand, "kept", 1234).await
}

async fn unseen(stand: &Stand<'_>) -> Check {
    let (port, key) = (stand.objects()?, stand.key("unseen"));
    port.put(stand.location, &key, seeded(1000, 1), "before", PutOptions::default()).await.map_err(told)?;
    let putting = port.put(stand.location, &key, slow(2 << 20, 2, Duration::from_millis(60)), "slowly", PutOptions::default());
    let looking = async {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let (object, body) = port.get(stand.location, &key, None, GetOptions::default()).await.map_err(told)?;
            let seed = if object.size == 1000 { 1 } else { 2 };
            ensure!(object.size == 1000 || object.size == 2 << 20, "an object of {} bytes was seen", object.size);
            same_seeded(body, seed, object.size).await.context("the object as it is seen")?;
        }
        anyhow::Ok(())
    };
    let (put, looked) = futures::future::join(putting, looking).await;
    put.map_err(told)?;
    looked?;
    let (_, body) = port.get(stand.location, &key, None, GetOptions::default()).await.map_err(told)?;
    same_seeded(body, 2, 2 << 20).await
}

async fn absent_location(stand: &Stand<'_>) -> Check {
    let result =
        stand.objects()?.put(super::locations::ABSENT, &stand.key("x"), counting(5), "absent", PutOptions::default()).await;
    fails(result, Kind::NotFound, "a put into a location that is absent")
}

async fn empty_key(stand: &Stand<'_>) -> Check {
    let port = stand.objects()?;
    fails(
        port.put(stand.location, "", counting(5), "empty key", PutOptions::default()).await,
        Kind::Invalid,
        "a put of an empty key",
    )?;
    let wrong = |failure: &Failure| matches!(failure.kind, Kind::Invalid | Kind::NotFound);
    let looked = port.head(stand.location, "", GetOptions::default()).await;
    ensure!(looked.as_ref().is_err_and(wrong), "head of an empty key: {looked:?}");
    let got = port.get(stand.location, "", None, GetOptions::default()).await.map(|(object, _)| object);
    ensure!(got.as_ref().is_err_and(wrong), "get of an empty key: {got:?}");
    Ok(())
}

fn key_of(stand: &Stand<'_>, length: u64) -> anyhow::Result<String> {
    let length = usize::try_from(length)?;
    let base = stand.key("long/");
    ensure!(length > base.len() + 10, "max-key-bytes is {length}: too short for anything");
    // Folders of a length that a file system can hold as well.
    let mut name: String = "0123456789abcdef".chars().cycle().take(length - base.len()).collect();
    for at in (99..name.len().saturating_sub(1)).step_by(100) {
        name.replace_range(at..=at, "/");
    }
    Ok(base + &name)
}

async fn longest_key(stand: &Stand<'_>) -> Check {
    let (port, key) = (stand.objects()?, key_of(stand, stand.number("max-key-bytes", 1024))?);
    port.put(stand.location, &key, counting(9), "long", PutOptions::default()).await.map_err(told)?;
    ensure!(port.head(stand.location, &key, GetOptions::default()).await.map_err(told)?.size == 9, "another object");
    let listed = stand.store()?.list(stand.location, &stand.key("long/")).await?;
    ensure!(listed.len() == 1 && listed.keys().all(|name| key.ends_with(name.as_str())), "it is listed as {listed:?}");
    Ok(())
}

async fn too_long_key(stand: &Stand<'_>) -> Check {
    let (port, key) = (stand.objects()?, key_of(stand, stand.number("max-key-bytes", 1024) + 1)?);
    fails(
        port.put(stand.location, &key, counting(9), "too long", PutOptions::default()).await,
        Kind::Invalid,
        "a key that is too long",
    )
}

async fn other_instance(stand: &Stand<'_>) -> Check {
    put(stand, "shared", 5000).await?;
    let other = stand.kit()?.another(|_| ())?;
    let (size, body) = other.store()?.get(stand.location, &stand.key("shared"), None).await.map_err(told)?;
    ensure!(size == 5000, "another instance sees {size} bytes");
    crate::content::same(body, 0, 5000).await
}

async fn again(stand: &Stand<'_>) -> Check {
    let (port, key) = (stand.objects()?, stand.key("again"));
    for attempt in ["one", "two", ""] {
        port.put(stand.location, &key, counting(77), attempt, PutOptions::default()).await.map_err(told)?;
    }
    holds(stand, "again", 77).await
}

async fn neighbours(stand: &Stand<'_>) -> Check {
    for (size, name) in ["a", "a/", "a/b", "a/b/c", "ab", "A"].into_iter().enumerate() {
        put(stand, name, 10 + size as u64).await?;
    }
    put(stand, "a/b", 100).await?;
    for (size, name) in ["a", "a/", "a/b", "a/b/c", "ab", "A"].into_iter().enumerate() {
        holds(stand, name, if name == "a/b" { 100 } else { 10 + size as u64 }).await?;
    }
    Ok(())
}

async fn unknown_extras(stand: &Stand<'_>) -> Check {
    let extras = vec![("acme-colour".to_owned(), "blue".to_owned()), ("acme-ü".to_owned(), "\u{1f980}".to_owned())];
    let options = PutOptions { extras, ..PutOptions::default() };
    let put = stand.objects()?.put(stand.location, &stand.key("extras"), counting(5), "extras", options).await;
    put.map_err(told)?;
    holds(stand, "extras", 5).await
}
