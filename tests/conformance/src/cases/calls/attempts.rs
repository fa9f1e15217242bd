//! Attempts: the idempotency key of every mutation.

use anyhow::{Context, ensure};
use capstan_domain::ports::PutOptions;

use crate::case::{Case, Want};
use crate::content::{counting, same, same_seeded, seeded};
use crate::stand::Stand;
use crate::{Check, clause, group, told};

pub(super) fn all() -> Vec<Case> {
    use Want::{Durable, Shared, Store};
    group! { "calls";
        "attempt-ten-times", clause::ATTEMPT, [Store], "the same put ten times is one put, and a success", ten_times;
        "attempt-longest", clause::ATTEMPT, [Store], "an attempt has up to 200 bytes of printable ASCII", longest;
        "attempt-elsewhere", clause::ATTEMPT, [Store, Durable, Shared], "the same attempt made on another instance is a success", elsewhere;
        "attempt-then-another", clause::ATTEMPT, [Store], "another attempt is another put", another;
        "attempt-removal-after-put", clause::ATTEMPT, [Store], "put, removed, put and removed again under the same attempts", around;
    }
}

async fn put(stand: &Stand<'_>, name: &str, attempt: &str) -> Check {
    let put = stand.store()?.put(stand.location, &stand.key(name), counting(777), attempt, PutOptions::default()).await;
    put.map(drop).map_err(told).with_context(|| format!("attempt {attempt:?}"))
}

async fn holds(stand: &Stand<'_>, name: &str) -> Check {
    let (size, body) = stand.store()?.get(stand.location, &stand.key(name), None).await.map_err(told)?;
    ensure!(size == 777, "{size} bytes are there");
    same(body, 0, 777).await
}

async fn ten_times(stand: &Stand<'_>) -> Check {
    for _ in 0..10 {
        put(stand, "f/ten", "the attempt").await?;
    }
    holds(stand, "f/ten").await?;
    let listed = stand.store()?.list(stand.location, &stand.key("f/")).await?;
    ensure!(listed.len() == 1, "{listed:?} are there");
    Ok(())
}

async fn longest(stand: &Stand<'_>) -> Check {
    let printable: String = (' '..='~').collect();
    let long: String = printable.chars().cycle().take(200).collect();
    for (index, attempt) in [printable.as_str(), &long, "", " ", "\"'\\%!<>&"].into_iter().enumerate() {
        let name = format!("long {index}");
        put(stand, &name, attempt).await?;
        put(stand, &name, attempt).await?;
        holds(stand, &name).await?;
    }
    let first = PutOptions { if_absent: true, ..PutOptions::default() };
    if stand.said("conditional-put").is_some() {
        for _ in 0..2 {
            let put = stand.store()?.put(stand.location, &stand.key("long first"), counting(777), &long, first.clone()).await;
            put.map_err(told).context("a put that must be the first, its attempt of 200 bytes")?;
        }
    }
    Ok(())
}

async fn elsewhere(stand: &Stand<'_>) -> Check {
    put(stand, "elsewhere", "one attempt").await?;
    let other = stand.kit()?.another(|_| ())?;
    let again =
        other.store()?.put(stand.location, &stand.key("elsewhere"), counting(777), "one attempt", PutOptions::default()).await;
    again.map_err(told)?;
    holds(stand, "elsewhere").await
}

async fn another(stand: &Stand<'_>) -> Check {
    let (store, key) = (stand.store()?, stand.key("another"));
    for seed in 1..=5 {
        let attempt = format!("attempt {seed}");
        store.put(stand.location, &key, seeded(500, seed), &attempt, PutOptions::default()).await.map_err(told)?;
        let (_, body) = store.get(stand.location, &key, None).await.map_err(told)?;
        same_seeded(body, seed, 500).await.with_context(|| format!("after {attempt}"))?;
    }
    Ok(())
}

async fn around(stand: &Stand<'_>) -> Check {
    let store = stand.store()?;
    for round in 0..3 {
        put(stand, "around", &format!("put {round}")).await?;
        for _ in 0..2 {
            store.remove(stand.location, &stand.key("around"), &format!("remove {round}")).await.map_err(told)?;
        }
        ensure!(store.is_there(stand.location, &stand.key("around")).await?.is_none(), "it is still there");
    }
    Ok(())
}
