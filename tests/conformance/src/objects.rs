//! Targets with objects.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{ByteRange, GetOptions, ListOptions, Objects, PutOptions};

use crate::content::{breaking, counting, same};
use crate::{Check, fails, keys, told};

type Port<'a> = &'a dyn Objects;

async fn put(port: Port<'_>, location: &str, key: &str, size: u64) -> Check {
    let object = port.put(location, key, counting(size), &format!("put {key} {size}"), PutOptions::default()).await;
    let object = object.map_err(told).with_context(|| format!("put {key:?}"))?;
    ensure!(object.size == size, "a put of {size} bytes says {}", object.size);
    Ok(())
}

async fn list(port: Port<'_>, location: &str, options: ListOptions) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let (mut keys, mut prefixes, mut after) = (Vec::new(), Vec::new(), None);
    for _ in 0..1_000 {
        let page = port.list(location, ListOptions { after: after.take(), ..options.clone() }).await.map_err(told)?;
        ensure!(page.entries.len() + page.prefixes.len() <= options.limit as usize, "a page holds more than was asked for");
        keys.extend(page.entries.into_iter().map(|entry| entry.key));
        prefixes.extend(page.prefixes);
        after = page.next;
        if after.is_none() {
            return Ok((keys, prefixes));
        }
    }
    anyhow::bail!("the listing does not end")
}

pub async fn what_was_put_is_got_back_in_every_size(port: Port<'_>, location: &str) -> Check {
    for size in [0, 1, 4096, 300_000, 3 << 20] {
        let key = format!("sizes/{size}");
        put(port, location, &key, size).await?;
        let (object, body) = port.get(location, &key, None, GetOptions::default()).await.map_err(told)?;
        ensure!(object.size == size, "{key} says {} bytes", object.size);
        same(body, 0, size).await.with_context(|| key.clone())?;
        let head = port.head(location, &key, GetOptions::default()).await.map_err(told)?;
        ensure!(head.size == size && head.modified.is_some(), "head of {key}: {head:?}");
    }
    Ok(())
}

pub async fn a_range_is_those_bytes_and_no_others(port: Port<'_>, location: &str) -> Check {
    put(port, location, "ranged", 100_000).await?;
    for (offset, length, expected) in
        [(0, Some(10), 10), (50_000, Some(1), 1), (99_999, None, 1), (99_990, Some(100), 10), (7, None, 99_993)]
    {
        let range = Some(ByteRange { offset, length });
        let (object, body) = port.get(location, "ranged", range, GetOptions::default()).await.map_err(told)?;
        ensure!(object.size == 100_000, "the size of the whole is told with a range, not {}", object.size);
        same(body, offset, expected).await.with_context(|| format!("{offset} {length:?}"))?;
    }
    let beyond = port.get(location, "ranged", Some(ByteRange { offset: 100_001, length: Some(1) }), GetOptions::default()).await;
    fails(beyond, Kind::Invalid, "a range beyond the end is invalid")
}

/// `unkept`: characters the target says it cannot hold.
pub async fn every_key_is_kept_as_it_is(port: Port<'_>, location: &str, unkept: &str) -> Check {
    let odd = keys::ODD.iter().chain([&keys::CONTROL]).filter(|key| !key.contains(|c| unkept.contains(c)));
    let mut wanted: BTreeSet<String> = odd.map(|key| format!("odd/{key}")).collect();
    wanted.insert(format!("odd/{}", "long/".repeat(190)));
    for (size, key) in wanted.iter().enumerate() {
        put(port, location, key, size as u64).await?;
    }
    let options = ListOptions { prefix: "odd/".to_owned(), limit: 7, ..ListOptions::default() };
    let (listed, _) = list(port, location, options).await?;
    let seen: BTreeSet<String> = listed.iter().cloned().collect();
    ensure!(seen == wanted, "not listed: {:?}; listed but not put: {:?}", wanted.difference(&seen), seen.difference(&wanted));
    ensure!(listed.len() == seen.len(), "a key was listed twice");
    for (size, key) in wanted.iter().enumerate() {
        let (_, body) = port.get(location, key, None, GetOptions::default()).await.map_err(told).with_context(|| key.clone())?;
        same(body, 0, size as u64).await.with_context(|| format!("{key:?} is another object"))?;
    }
    let outcomes = port.delete_many(location, wanted.iter().cloned().collect(), "odd delete").await.map_err(told)?;
    for outcome in outcomes {
        outcome.result.map_err(told).with_context(|| format!("delete {:?}", outcome.key))?;
    }
    let options = ListOptions { prefix: "odd/".to_owned(), limit: 100, ..ListOptions::default() };
    let (left, _) = list(port, location, options).await?;
    ensure!(left.is_empty(), "still there: {left:?}");
    Ok(())
}

pub async fn a_listing_is_ordered_and_folds_at_the_delimiter(port: Port<'_>, location: &str) -> Check {
    for key in ["fold/a", "fold/b/1", "fold/b/2", "fold/b/3", "fold/c/1", "fold/d", "fold/e/x/1"] {
        put(port, location, key, 1).await?;
    }
    for limit in [1, 2, 3, 1000] {
        let flat = ListOptions { prefix: "fold/".to_owned(), limit, ..ListOptions::default() };
        let (keys, _) = list(port, location, flat.clone()).await?;
        ensure!(keys.is_sorted() && keys.len() == 7, "pages of {limit}: {keys:?}");
        let folded = ListOptions { delimiter: Some("/".to_owned()), ..flat };
        let (keys, prefixes) = list(port, location, folded).await.with_context(|| format!("folded pages of {limit}"))?;
        ensure!(keys == ["fold/a", "fold/d"], "pages of {limit}: {keys:?}");
        ensure!(prefixes == ["fold/b/", "fold/c/", "fold/e/"], "pages of {limit}: {prefixes:?}");
    }
    Ok(())
}

pub async fn what_is_absent_is_not_found_and_its_deletion_a_success(port: Port<'_>, location: &str) -> Check {
    fails(port.head(location, "absent", GetOptions::default()).await, Kind::NotFound, "head of an absent key")?;
    fails(port.get(location, "absent", None, GetOptions::default()).await, Kind::NotFound, "get of an absent key")?;
    fails(
        port.list("no-such-location-here", ListOptions { limit: 1, ..ListOptions::default() }).await,
        Kind::NotFound,
        "list of an absent location",
    )?;
    for outcome in port.delete_many(location, vec!["absent".to_owned(), "absent too".to_owned()], "absent").await.map_err(told)? {
        outcome.result.map_err(told).context("deleting an absent key")?;
    }
    Ok(())
}

/// `conditions`: what capability `conditional-put` says. A condition that is not claimed is refused before anything is sent.
pub async fn a_condition_holds_and_an_attempt_made_twice_is_made_once(
    port: Port<'_>,
    location: &str,
    conditions: Option<&str>,
) -> Check {
    let first = PutOptions { if_absent: true, ..PutOptions::default() };
    if conditions.is_none() {
        let refused = port.put(location, "once", counting(10), "attempt 1", first).await;
        fails(refused, Kind::Unsupported, "a condition the target does not hold")?;
        return fails(port.head(location, "once", GetOptions::default()).await, Kind::NotFound, "nothing was put");
    }
    let made = port.put(location, "once", counting(10), "attempt 1", first.clone()).await.map_err(told)?;
    let again = port
        .put(location, "once", counting(10), "attempt 1", first.clone())
        .await
        .map_err(told)
        .context("the same attempt again")?;
    ensure!(made.etag == again.etag, "the second try made another object");
    fails(port.put(location, "once", counting(11), "attempt 2", first).await, Kind::AlreadyExists, "put where something is")?;
    let over = |etag: &str| PutOptions { if_match: Some(etag.to_owned()), ..PutOptions::default() };
    let etag = made.etag.context("an object has a tag")?;
    if conditions == Some("if-absent") {
        let refused = port.put(location, "once", counting(12), "attempt 3", over(&etag)).await;
        fails(refused, Kind::Unsupported, "put over a certain object")?;
        let (_, body) = port.get(location, "once", None, GetOptions::default()).await.map_err(told)?;
        return same(body, 0, 10).await;
    }
    fails(
        port.put(location, "once", counting(12), "attempt 3", over("0123456789abcdef0123456789abcdef")).await,
        Kind::Conflict,
        "put over another object",
    )?;
    port.put(location, "once", counting(13), "attempt 4", over(&etag))
        .await
        .map_err(told)
        .context("put over the expected object")?;
    let (_, body) = port.get(location, "once", None, GetOptions::default()).await.map_err(told)?;
    same(body, 0, 13).await
}

pub async fn metadata_and_type_come_back(port: Port<'_>, location: &str) -> Check {
    let metadata = vec![("capstan-mtime".to_owned(), "1795252337".to_owned()), ("name".to_owned(), "grün und 日本語".to_owned())];
    let options = PutOptions { metadata: metadata.clone(), ..PutOptions::default() };
    port.put(location, "described", counting(3), "described", options).await.map_err(told)?;
    let mut seen = port.head(location, "described", GetOptions::default()).await.map_err(told)?.metadata;
    seen.sort();
    ensure!(seen == metadata, "{seen:?}");
    port.copy((location, "described"), (location, "copied/grün +1"), "copy", PutOptions::default())
        .await
        .map_err(told)
        .context("copy")?;
    let copied = port.head(location, "copied/grün +1", GetOptions::default()).await.map_err(told)?;
    ensure!(copied.size == 3 && copied.metadata.len() == 2, "a copy keeps size and metadata: {copied:?}");
    fails(
        port.copy((location, "absent"), (location, "copied/2"), "copy 2", PutOptions::default()).await,
        Kind::NotFound,
        "copy of an absent key",
    )
}

pub async fn a_source_that_breaks_leaves_nothing(port: Port<'_>, location: &str) -> Check {
    let result = port.put(location, "broken", breaking(2 << 20, 1 << 20), "broken", PutOptions::default()).await;
    fails(result, Kind::Conflict, "the source's own failure is the one that is told")?;
    fails(port.head(location, "broken", GetOptions::default()).await, Kind::NotFound, "a put is visible whole or not at all")
}

pub async fn a_location_is_made_once_and_removed_when_empty(port: Port<'_>, name: &str) -> Check {
    port.create_location(name, "create", Vec::new()).await.map_err(told)?;
    port.create_location(name, "create", Vec::new()).await.map_err(told).context("the same attempt again")?;
    let listed = port.list_locations().await.map_err(told)?;
    ensure!(listed.iter().any(|location| location.name == name), "a new location is listed");
    put(port, name, "in the way", 1).await?;
    fails(port.delete_location(name, "delete").await, Kind::Conflict, "deletion of a location that holds something")?;
    port.delete_many(name, vec!["in the way".to_owned()], "clear").await.map_err(told)?;
    port.delete_location(name, "delete").await.map_err(told)?;
    fails(port.list(name, ListOptions { limit: 1, ..ListOptions::default() }).await, Kind::NotFound, "a removed location")
}

/// Everything above. `control`: control characters in keys are asked for, line breaks among them.
pub async fn all(port: Port<'_>, location: &str, control: bool) -> Check {
    claiming(port, location, if control { "" } else { "\u{1}\n" }, Some("true")).await
}

/// The same; `unkept`: characters in keys that are not asked for, `conditions`: what capability `conditional-put` says.
pub async fn claiming(port: Port<'_>, location: &str, unkept: &str, conditions: Option<&str>) -> Check {
    what_was_put_is_got_back_in_every_size(port, location).await.context("what_was_put_is_got_back_in_every_size")?;
    a_range_is_those_bytes_and_no_others(port, location).await.context("a_range_is_those_bytes_and_no_others")?;
    every_key_is_kept_as_it_is(port, location, unkept).await.context("every_key_is_kept_as_it_is")?;
    a_listing_is_ordered_and_folds_at_the_delimiter(port, location)
        .await
        .context("a_listing_is_ordered_and_folds_at_the_delimiter")?;
    what_is_absent_is_not_found_and_its_deletion_a_success(port, location).await.context("what_is_absent_is_not_found")?;
    a_condition_holds_and_an_attempt_made_twice_is_made_once(port, location, conditions).await.context("a_condition_holds")?;
    metadata_and_type_come_back(port, location).await.context("metadata_and_type_come_back")?;
    a_source_that_breaks_leaves_nothing(port, location).await.context("a_source_that_breaks_leaves_nothing")
}
