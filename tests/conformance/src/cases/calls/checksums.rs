//! Checksums that come with a put: what a target is held to that claims to verify them.

use anyhow::{Context, ensure};
use capstan_domain::content::Content;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{Checksum, PutOptions};

use crate::case::{Case, Want};
use crate::content::{counting, digest, same, same_sparse, seeded, sparse};
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

const SIZE: u64 = 300_001;
/// More than the host hashes in one call, and than some plugins put in one request.
const LARGE: u64 = (17 << 20) + 5;
const CHECKSUMS: Want = Want::Claimed("checksums");

pub(super) fn all() -> Vec<Case> {
    use Want::{Host, Store};
    group! { "calls";
        "checksum-right", clause::CHECKSUMS, [Host, Store, CHECKSUMS], "a put with its right checksum is a success, for each algorithm that is claimed", right;
        "checksum-wrong", clause::CHECKSUMS, [Host, Store, CHECKSUMS], "a put with a wrong checksum is corrupt and leaves nothing, for each algorithm that is claimed", wrong;
        "checksum-wrong-keeps", clause::CHECKSUMS, [Host, Store, CHECKSUMS], "a put with a wrong checksum leaves what was there as it was, for each algorithm that is claimed", keeps;
        "checksum-large", clause::CHECKSUMS, [Host, Store, CHECKSUMS], "a large content is held to its checksum as a small one is", large;
        "checksum-unknown", clause::EXTRAS, [Store], "a checksum of an algorithm that nobody knows is ignored", unknown;
    }
}

/// What the plugin verifies everywhere, and what the probe found this endpoint to verify.
async fn promised(stand: &Stand<'_>) -> anyhow::Result<Vec<String>> {
    let mut algorithms: Vec<String> = stand.said("checksums").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let report = stand.connection()?.probe().await.map_err(told)?;
    let found = report.extras.into_iter().find(|(name, _)| name == "checksum-mode").map(|(_, found)| found);
    algorithms.extend(found.filter(|found| found != "none"));
    algorithms.sort_unstable();
    algorithms.dedup();
    ensure!(!algorithms.is_empty(), "checksums are claimed, and no algorithm is named");
    Ok(algorithms)
}

fn carrying(algorithm: &str, value: Vec<u8>) -> PutOptions {
    PutOptions { checksums: vec![Checksum { algorithm: algorithm.to_owned(), value }], ..PutOptions::default() }
}

/// With what `content` has.
async fn of(content: &Content, algorithm: &str) -> anyhow::Result<PutOptions> {
    Ok(carrying(algorithm, digest(content, algorithm, 0, content.size()).await?))
}

/// With one bit of it another.
async fn spoiled(content: &Content, algorithm: &str) -> anyhow::Result<PutOptions> {
    let mut value = digest(content, algorithm, 0, content.size()).await?;
    if let Some(byte) = value.last_mut() {
        *byte ^= 1;
    }
    Ok(carrying(algorithm, value))
}

async fn holds(stand: &Stand<'_>, key: &str, size: u64) -> Check {
    let (told_size, body) = stand.store()?.get(stand.location, key, None).await.map_err(told)?;
    ensure!(told_size == size, "{told_size} bytes are there instead of {size}");
    same(body, 0, size).await
}

async fn accepted(stand: &Stand<'_>, key: &str, size: u64, algorithm: &str) -> Check {
    let content = counting(size);
    let options = of(&content, algorithm).await?;
    let put = stand.store()?.put(stand.location, key, content, &format!("right {algorithm} {size}"), options).await;
    put.map_err(told).with_context(|| format!("a put of {size} bytes with their {algorithm}"))?;
    holds(stand, key, size).await
}

async fn right(stand: &Stand<'_>) -> Check {
    for algorithm in promised(stand).await? {
        for size in [1, SIZE] {
            accepted(stand, &stand.key(&format!("right {algorithm}")), size, &algorithm).await?;
        }
    }
    Ok(())
}

/// Puts of `content` with wrong checksums, which must fail.
async fn refused(stand: &Stand<'_>, key: &str, content: &Content, algorithm: &str) -> Check {
    let others = of(&seeded(content.size(), 9), algorithm).await?;
    for (what, options) in [("of other bytes", others), ("with one bit wrong", spoiled(content, algorithm).await?)] {
        let attempt = format!("wrong {algorithm} {what}");
        let put = stand.store()?.put(stand.location, key, Content::clone(content), &attempt, options).await;
        fails(put, Kind::Corrupt, &format!("a put with a {algorithm} {what}"))?;
    }
    Ok(())
}

async fn wrong(stand: &Stand<'_>) -> Check {
    for algorithm in promised(stand).await? {
        let key = stand.key(&format!("wrong {algorithm}"));
        refused(stand, &key, &counting(SIZE), &algorithm).await?;
        let there = stand.store()?.is_there(stand.location, &key).await?;
        ensure!(there.is_none(), "{there:?} bytes are there after a put with a wrong {algorithm}");
        accepted(stand, &key, SIZE, &algorithm).await.context("afterwards")?;
    }
    Ok(())
}

async fn keeps(stand: &Stand<'_>) -> Check {
    for algorithm in promised(stand).await? {
        let key = stand.key(&format!("kept {algorithm}"));
        stand.put(&key, counting(1234)).await?;
        refused(stand, &key, &counting(SIZE), &algorithm).await?;
        holds(stand, &key, 1234).await.with_context(|| format!("after a put with a wrong {algorithm}"))?;
    }
    Ok(())
}

async fn large(stand: &Stand<'_>) -> Check {
    let algorithms = promised(stand).await?;
    let algorithm = algorithms.first().context("no algorithm is named")?;
    let (store, key, content) = (stand.store()?, stand.key("large"), sparse(LARGE));
    let wrong = spoiled(&content, algorithm).await?;
    let put = store.put(stand.location, &key, Content::clone(&content), "wrong", wrong).await;
    fails(put, Kind::Corrupt, &format!("a large put with a wrong {algorithm}"))?;
    ensure!(store.is_there(stand.location, &key).await?.is_none(), "something is there after a put with a wrong {algorithm}");
    let right = of(&content, algorithm).await?;
    store.put(stand.location, &key, content, "right", right).await.map_err(told).context("a large put with its checksum")?;
    let (_, body) = store.get(stand.location, &key, None).await.map_err(told)?;
    same_sparse(body, 0, LARGE).await
}

async fn unknown(stand: &Stand<'_>) -> Check {
    let key = stand.key("unknown");
    let options = carrying("acme-sum", vec![1, 2, 3]);
    let put = stand.store()?.put(stand.location, &key, counting(SIZE), "put", options).await;
    put.map_err(told).context("a put with a checksum that nobody knows")?;
    holds(stand, &key, SIZE).await
}
