//! `list`, page by page: markers, long listings, changes meanwhile.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use capstan_domain::ports::{ListOptions, PutOptions};
use futures::{StreamExt, TryStreamExt};

use super::{flat, list, put};
use crate::case::{Case, Want};
use crate::content::counting;
use crate::stand::Stand;
use crate::{Check, clause, group, told};

/// Bytes of a marker.
const MARKER: usize = 4096;
const PUTS_AT_ONCE: usize = 32;

pub fn all() -> Vec<Case> {
    use Want::{Durable, Objects, Shared};
    group! { "objects";
        "page-limit", clause::PAGES, [Objects], "a page never holds more than was asked for", limit;
        "page-of-one", clause::PAGES, [Objects], "pages of one show every key once", ones;
        "page-huge-limit", clause::PAGES, [Objects], "a limit beyond what the target gives is a shorter page, no failure", huge;
        "page-marker-length", clause::PAGES, [Objects], "a marker has at most 4 KiB, also where keys are long", marker_length;
        "page-marker-again", clause::PAGES, [Objects], "the same marker gives the same page again", marker_again;
        "page-marker-elsewhere", clause::PAGES, [Objects, Durable, Shared], "a marker is good on another instance", marker_elsewhere;
        "page-deleted-meanwhile", clause::LIST, [Objects], "what is deleted between two pages hides nothing else", deleted_meanwhile;
        "page-put-meanwhile", clause::LIST, [Objects], "what is put between two pages hides nothing else", put_meanwhile;
        "page-long-listing", clause::LIST, [Objects], "a long listing shows every key once", long, scaled;
        "page-many-folders", clause::LIST, [Objects], "many folders are rolled up, each once", many_folders, scaled;
    }
}

async fn some(stand: &Stand<'_>, count: usize) -> Check {
    let names: Vec<String> = (0..count).map(|number| format!("p/{number:06}")).collect();
    fill(stand, &names).await
}

async fn fill(stand: &Stand<'_>, names: &[String]) -> Check {
    let port = stand.objects()?;
    let keys: Vec<String> = names.iter().map(|name| stand.key(name)).collect();
    let puts = keys.into_iter().map(|key| async move {
        let put = port.put(stand.location, &key, counting(1), &key, PutOptions::default()).await;
        put.map(drop).map_err(told).with_context(|| key.clone())
    });
    futures::stream::iter(puts).buffer_unordered(PUTS_AT_ONCE).try_collect().await
}

async fn limit(stand: &Stand<'_>) -> Check {
    some(stand, 12).await?;
    for limit in [1, 2, 5, 11, 12, 13] {
        let (keys, _) = list(stand, flat("p/", limit)).await?;
        ensure!(keys.len() == 12, "pages of {limit} show {} keys of 12", keys.len());
    }
    Ok(())
}

async fn ones(stand: &Stand<'_>) -> Check {
    some(stand, 7).await?;
    let (keys, _) = list(stand, flat("p/", 1)).await?;
    let once: BTreeSet<&String> = keys.iter().collect();
    ensure!(keys.len() == 7 && once.len() == 7, "{keys:?}");
    Ok(())
}

async fn huge(stand: &Stand<'_>) -> Check {
    some(stand, 3).await?;
    let (keys, _) = list(stand, flat("p/", u32::MAX)).await?;
    ensure!(keys.len() == 3, "{keys:?}");
    Ok(())
}

async fn marker_length(stand: &Stand<'_>) -> Check {
    let most = usize::try_from(stand.number("max-key-bytes", 1024))?.min(1024);
    let room = most - stand.key("m/x").len();
    // Three bytes each, so that an encoding that triples them shows.
    let long = "日".repeat(room / 3);
    for number in 0..3 {
        put(stand, &format!("m/{number}{long}"), 1).await?;
    }
    let page = stand.objects()?.list(stand.location, flat(&stand.key("m/"), 1)).await.map_err(told)?;
    let marker = page.next.context("there are three keys and the page of one is the last")?;
    ensure!(marker.len() <= MARKER, "the marker has {} bytes", marker.len());
    ensure!(list(stand, flat("m/", 1)).await?.0.len() == 3, "the long keys are not all listed");
    Ok(())
}

async fn page_after(stand: &Stand<'_>, after: Option<String>) -> anyhow::Result<(Vec<String>, Option<String>)> {
    let options = ListOptions { after, ..flat(&stand.key("p/"), 2) };
    let page = stand.objects()?.list(stand.location, options).await.map_err(told)?;
    Ok((page.entries.into_iter().map(|entry| entry.key).collect(), page.next))
}

async fn marker_again(stand: &Stand<'_>) -> Check {
    some(stand, 6).await?;
    let (_, marker) = page_after(stand, None).await?;
    let first = page_after(stand, marker.clone()).await?;
    let again = page_after(stand, marker).await?;
    ensure!(first.0 == again.0 && !first.0.is_empty(), "{first:?} and then {again:?}");
    Ok(())
}

async fn marker_elsewhere(stand: &Stand<'_>) -> Check {
    some(stand, 6).await?;
    let (first, marker) = page_after(stand, None).await?;
    let other = stand.kit()?.another(|_| ())?;
    let port = other.objects.as_ref().context("another instance has no objects")?;
    let options = ListOptions { after: marker, ..flat(&stand.key("p/"), 1000) };
    let rest = port.list(stand.location, options).await.map_err(told)?;
    let all: BTreeSet<String> = first.into_iter().chain(rest.entries.into_iter().map(|entry| entry.key)).collect();
    ensure!(all.len() == 6, "both together listed {all:?}");
    Ok(())
}

/// Lists in pages of two, with `between` after the first.
async fn changed_meanwhile(stand: &Stand<'_>, between: impl Future<Output = Check>) -> anyhow::Result<Vec<String>> {
    let (mut keys, mut after) = page_after(stand, None).await?;
    between.await?;
    while after.is_some() {
        let (more, next) = page_after(stand, after).await?;
        keys.extend(more);
        after = next;
        ensure!(keys.len() < 1000, "the listing does not end");
    }
    Ok(keys.into_iter().map(|key| key.strip_prefix(&stand.prefix).map(str::to_owned).unwrap_or(key)).collect())
}

fn names(numbers: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    numbers.into_iter().map(|number| format!("p/{number:06}")).collect()
}

async fn deleted_meanwhile(stand: &Stand<'_>) -> Check {
    some(stand, 10).await?;
    let port = stand.objects()?;
    // What was shown, and what the marker may name.
    let delete = async {
        let keys = [0, 1, 2].map(|number| stand.key(&format!("p/{number:06}"))).to_vec();
        port.delete_many(stand.location, keys, "meanwhile").await.map(drop).map_err(told)
    };
    let keys = changed_meanwhile(stand, delete).await?;
    let seen: BTreeSet<String> = keys.iter().cloned().collect();
    ensure!(seen.len() == keys.len(), "a key came twice: {keys:?}");
    let missing: Vec<_> = names(3..10).difference(&seen).cloned().collect();
    ensure!(missing.is_empty(), "not listed, though they were there all the time: {missing:?}");
    Ok(())
}

async fn put_meanwhile(stand: &Stand<'_>) -> Check {
    some(stand, 10).await?;
    let put = async {
        for name in ["p/000000a", "p/0000010", "p/000005a", "p/999999"] {
            put(stand, name, 1).await?;
        }
        Ok(())
    };
    let keys = changed_meanwhile(stand, put).await?;
    let seen: BTreeSet<String> = keys.iter().cloned().collect();
    ensure!(seen.len() == keys.len(), "a key came twice: {keys:?}");
    let missing: Vec<_> = names(0..10).difference(&seen).cloned().collect();
    ensure!(missing.is_empty(), "not listed, though they were there all the time: {missing:?}");
    Ok(())
}

async fn long(stand: &Stand<'_>) -> Check {
    let count = stand.size.keys();
    some(stand, count).await?;
    let (keys, _) = list(stand, flat("p/", 1000)).await?;
    let seen: BTreeSet<String> = keys.iter().cloned().collect();
    ensure!(seen.len() == keys.len(), "{} keys came twice", keys.len() - seen.len());
    let wanted = names(0..count);
    ensure!(seen == wanted, "{} of {count} keys were not listed", wanted.difference(&seen).count());
    Ok(())
}

async fn many_folders(stand: &Stand<'_>) -> Check {
    let count = stand.size.keys() / 10;
    let all: Vec<String> = (0..count).flat_map(|folder| [format!("f/{folder:05}/a"), format!("f/{folder:05}/b")]).collect();
    fill(stand, &all).await?;
    let options = ListOptions { delimiter: Some("/".to_owned()), ..flat("f/", 300) };
    let (keys, prefixes) = list(stand, options).await?;
    let seen: BTreeSet<&String> = prefixes.iter().collect();
    ensure!(keys.is_empty(), "keys are shown beside their folders: {:?}", keys.first());
    ensure!(
        seen.len() == prefixes.len() && seen.len() == count,
        "{} folders, {} of them once, instead of {count}",
        prefixes.len(),
        seen.len()
    );
    Ok(())
}
