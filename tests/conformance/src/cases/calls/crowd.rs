//! Many calls at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use capstan_domain::ports::PutOptions;
use futures::future::{join, join_all, try_join_all};

use crate::case::{Case, Want};
use crate::content::{collect, counting, same, seeded, seeded_bytes, slow};
use crate::stand::Stand;
use crate::{Check, clause, group, told};

const SIZE: u64 = 300_000;
/// How often a put is made that the reading of what it replaces stands in the way of.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(20);

pub(super) fn all() -> Vec<Case> {
    use Want::Store;
    group! { "calls";
        "crowd-of-puts", clause::OVERLAP, [Store], "many puts at once are each made", puts, scaled;
        "crowd-of-looks", clause::OVERLAP, [Store], "many looks at once all see the same", looks, scaled;
        "crowd-of-lists", clause::OVERLAP, [Store], "many listings at once all show everything", lists, scaled;
        "crowd-at-one-key", clause::SUCCESS, [Store], "of many puts of one key at once one is there, whole", one_key;
        "crowd-put-and-remove", clause::SUCCESS, [Store], "puts and removals of one key at once leave one of both", put_and_remove;
        "crowd-read-while-replaced", clause::SUCCESS, [Store], "reads while a key is replaced again and again are whole, or fail", read_while_replaced;
        "crowd-list-while-written", clause::PAGES, [Store], "a listing while others write shows all that was there, once", list_while_written;
        "crowd-slow-one", clause::OVERLAP, [Store], "a put whose source is slow holds up nobody else", slow_one;
        "crowd-of-kinds", clause::OVERLAP, [Store], "puts, gets, looks, listings and removals at once each do their own", kinds, scaled;
    }
}

async fn put(stand: &Stand<'_>, name: &str, size: u64) -> Check {
    stand.put(&stand.key(name), counting(size)).await
}

async fn holds(stand: &Stand<'_>, name: &str, size: u64) -> Check {
    let (claimed, body) =
        stand.store()?.get(stand.location, &stand.key(name), None).await.map_err(told).with_context(|| name.to_owned())?;
    ensure!(claimed == size, "{name} says {claimed} bytes instead of {size}");
    same(body, 0, size).await.with_context(|| name.to_owned())
}

fn crowd(stand: &Stand<'_>) -> Vec<(String, u64)> {
    (0..stand.size.crowd()).map(|index| (format!("c/{index:04}"), 1000 + index as u64)).collect()
}

async fn puts(stand: &Stand<'_>) -> Check {
    let all = crowd(stand);
    try_join_all(all.iter().map(|(name, size)| put(stand, name, *size))).await?;
    try_join_all(all.iter().map(|(name, size)| holds(stand, name, *size))).await?;
    let listed = stand.store()?.list(stand.location, &stand.key("c/")).await?;
    ensure!(listed.len() == all.len(), "{} of {} are listed", listed.len(), all.len());
    Ok(())
}

async fn looks(stand: &Stand<'_>) -> Check {
    put(stand, "looked at", 4321).await?;
    let (store, key) = (stand.store()?, stand.key("looked at"));
    let sizes = try_join_all((0..stand.size.crowd()).map(|_| store.look(stand.location, &key))).await.map_err(told)?;
    ensure!(sizes.iter().all(|size| *size == 4321), "{sizes:?}");
    Ok(())
}

async fn lists(stand: &Stand<'_>) -> Check {
    for index in 0..20 {
        put(stand, &format!("l/{index}"), 1).await?;
    }
    let (store, folder) = (stand.store()?, stand.key("l/"));
    let lists = try_join_all((0..stand.size.crowd()).map(|_| store.list(stand.location, &folder))).await?;
    ensure!(
        lists.iter().all(|list| list.len() == 20),
        "a listing at once with others shows {:?}",
        lists.iter().map(|list| list.len()).min()
    );
    Ok(())
}

/// The key holds one of the seeds, whole.
async fn one_of(stand: &Stand<'_>, key: &str, seeds: std::ops::Range<u64>) -> Check {
    let (size, body) = stand.store()?.get(stand.location, key, None).await.map_err(told)?;
    ensure!(size == SIZE, "{size} bytes are there instead of {SIZE}");
    let bytes = collect(body, 1 << 20).await.map_err(told)?;
    ensure!(
        seeds.into_iter().any(|seed| bytes == seeded_bytes(seed, 0, SIZE)),
        "the bytes are of none of the puts, or of several"
    );
    Ok(())
}

async fn one_key(stand: &Stand<'_>) -> Check {
    let (store, key) = (stand.store()?, stand.key("one"));
    let puts = (0..12).map(|seed| {
        let key = &key;
        async move { store.put(stand.location, key, seeded(SIZE, seed), &format!("writer {seed}"), PutOptions::default()).await }
    });
    let outcomes = join_all(puts).await;
    ensure!(outcomes.iter().any(Result::is_ok), "none of 12 puts was made: {outcomes:?}");
    for failure in outcomes.into_iter().filter_map(Result::err) {
        ensure!(failure.may_retry(), told(failure));
    }
    one_of(stand, &key, 0..12).await
}

async fn put_and_remove(stand: &Stand<'_>) -> Check {
    let (store, key) = (stand.store()?, stand.key("both"));
    for round in 0..5_u64 {
        let attempt = format!("put {round}");
        let putting = store.write(stand.location, &key, seeded(SIZE, round), &attempt, PutOptions::default());
        let removing = store.remove(stand.location, &key, "remove");
        let (put, removed) = join(putting, removing).await;
        put.map_err(told).with_context(|| format!("put {round}"))?;
        removed.map_err(told).with_context(|| format!("removal {round}"))?;
        if store.is_there(stand.location, &key).await?.is_some() {
            one_of(stand, &key, 0..5).await.with_context(|| format!("after put {round}"))?;
        }
    }
    Ok(())
}

async fn read_while_replaced(stand: &Stand<'_>) -> Check {
    let (store, key) = (stand.store()?, stand.key("replaced"));
    store.put(stand.location, &key, seeded(SIZE, 0), "first", PutOptions::default()).await.map_err(told)?;
    let writing = async {
        for seed in 1..10 {
            let mut tries = 0;
            // Some servers replace nothing that somebody reads; then it is put again.
            while let Err(failure) =
                store.put(stand.location, &key, seeded(SIZE, seed), &format!("put {seed}"), PutOptions::default()).await
            {
                tries += 1;
                ensure!(failure.may_retry() && tries < TRIES, told(failure));
                tokio::time::sleep(PAUSE).await;
            }
        }
        anyhow::Ok(())
    };
    let reading = async {
        for _ in 0..20 {
            let got = store.get(stand.location, &key, None).await;
            let Ok((size, body)) = got else { continue };
            ensure!(size == SIZE, "{size} bytes are told");
            let Ok(bytes) = collect(body, 1 << 20).await else { continue };
            ensure!((0..10).any(|seed| bytes == seeded_bytes(seed, 0, SIZE)), "what was read is of no one put");
        }
        anyhow::Ok(())
    };
    let (written, read) = join(writing, reading).await;
    written?;
    read
}

async fn list_while_written(stand: &Stand<'_>) -> Check {
    let store = stand.store()?;
    for index in 0..40 {
        put(stand, &format!("w/kept {index:02}"), 1).await?;
    }
    let writing = async {
        for index in 0..30 {
            put(stand, &format!("w/new {index:02}"), 1).await?;
            store.remove(stand.location, &stand.key(&format!("w/new {index:02}")), "remove").await.map_err(told)?;
        }
        anyhow::Ok(())
    };
    let listing = async {
        for _ in 0..10 {
            let (mut seen, mut after) = (Vec::new(), None);
            for _ in 0..1000 {
                let (entries, next) = store.page(stand.location, &stand.key("w/"), after.take(), 7).await.map_err(told)?;
                seen.extend(entries.into_iter().map(|(name, _)| name).filter(|name| name.starts_with("kept")));
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            let once: BTreeSet<&String> = seen.iter().collect();
            ensure!(seen.len() == 40 && once.len() == 40, "{} of 40 were shown, {} of them once", seen.len(), once.len());
        }
        anyhow::Ok(())
    };
    let (written, listed) = join(writing, listing).await;
    written?;
    listed
}

async fn slow_one(stand: &Stand<'_>) -> Check {
    put(stand, "there", 100).await?;
    let store = stand.store()?;
    let key = stand.key("slow");
    // Two seconds at least.
    let content = slow(2 << 20, 5, Duration::from_millis(250));
    let putting = async {
        let start = Instant::now();
        let put = store.put(stand.location, &key, content, "slow", PutOptions::default()).await;
        put.map(|_| start.elapsed()).map_err(told)
    };
    let looking = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let start = Instant::now();
        for _ in 0..5 {
            store.look(stand.location, &stand.key("there")).await.map_err(told)?;
        }
        anyhow::Ok(start.elapsed())
    };
    let (put, looked) = join(putting, looking).await;
    let (put, looked) = (put?, looked?);
    ensure!(put > Duration::from_millis(1900), "the slow put was over in {} ms", put.as_millis());
    ensure!(
        looked < Duration::from_millis(1500),
        "five looks took {} ms beside a slow put of {} ms",
        looked.as_millis(),
        put.as_millis()
    );
    Ok(())
}

async fn kinds(stand: &Stand<'_>) -> Check {
    let store = stand.store()?;
    put(stand, "k/there", 5000).await?;
    let all = crowd(stand);
    let calls = all.iter().enumerate().map(|(index, (name, size))| async move {
        match index % 4 {
            0 => holds(stand, "k/there", 5000).await,
            1 => store.list(stand.location, &stand.key("k/")).await.map(drop),
            2 => store.look(stand.location, &stand.key("k/there")).await.map(drop).map_err(told),
            _ => {
                put(stand, name, *size).await?;
                holds(stand, name, *size).await?;
                store.remove(stand.location, &stand.key(name), "remove").await.map_err(told)
            }
        }
    });
    try_join_all(calls).await?;
    ensure!(store.list(stand.location, &stand.key("c/")).await.unwrap_or_default().is_empty(), "what was removed is still there");
    Ok(())
}
