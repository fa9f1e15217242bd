//! Containers: listed, made, removed; how much they hold.
//!
//! Beside a container with large objects stands the one of their segments (`segments.rs`). It is no place for objects, so it is left
//! out of the list as long as the container it belongs to is there.

use std::collections::BTreeSet;

use capstan_sdk::failure::{Failure, already_exists, invalid, malformed};
use capstan_sdk::http::header;
use capstan_sdk::types::{Consumption, Location};
use capstan_sdk::{NamedValue, Outcome, named, time};
use serde::Deserialize;

use crate::call::Call;
use crate::client::Client;
use crate::segments;

/// Containers of one page, and pages that are read.
const PAGE: u32 = 1_000;
const MAX_PAGES: usize = 1_000;
/// Bytes of a name.
const MAX_NAME: usize = 256;

#[derive(Deserialize)]
struct Line {
    name: String,
    #[serde(default)]
    last_modified: Option<String>,
}

pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME && !name.contains('/') && !name.contains('\0') && name != "." && name != ".."
}

fn check(name: &str) -> Outcome<()> {
    if is_name(name) { Ok(()) } else { Err(invalid("a container has a name of 1 to 256 bytes without slashes")) }
}

pub(crate) async fn list(client: &Client) -> Outcome<Vec<Location>> {
    if !client.config.containers.is_empty() {
        let location = |name: &String| Location { name: name.clone(), created: None, extras: Vec::new() };
        return Ok(client.config.containers.iter().map(location).collect());
    }
    let limit = PAGE.to_string();
    let mut found: Vec<Location> = Vec::new();
    for _ in 0..MAX_PAGES {
        let marker = found.last().map(|location| location.name.clone()).unwrap_or_default();
        let mut call = Call::account("GET").query("format", "json").query("limit", &limit);
        if !marker.is_empty() {
            call = call.query("marker", &marker);
        }
        let lines = read(&client.exchange(&call, None).await?.body)?;
        if lines.is_empty() {
            return Ok(shown(found));
        }
        found.extend(lines);
    }
    Err(malformed("the target's list of containers does not end", ""))
}

fn read(body: &[u8]) -> Outcome<Vec<Location>> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    let lines: Vec<Line> = serde_json::from_slice(body)
        .map_err(|error| malformed("the target answered no list of containers", error.to_string()))?;
    let location =
        |line: Line| Location { created: line.last_modified.as_deref().and_then(time::iso), name: line.name, extras: Vec::new() };
    Ok(lines.into_iter().map(location).collect())
}

fn shown(found: Vec<Location>) -> Vec<Location> {
    let names: BTreeSet<String> = found.iter().map(|location| location.name.clone()).collect();
    let is_beside = |name: &str| segments::owner(name).is_some_and(|owner| names.contains(owner));
    found.into_iter().filter(|location| !is_beside(&location.name)).collect()
}

/// One that is there already and ours is a success: the answer to the first attempt may have been lost.
pub(crate) async fn create(client: &Client, name: &str, extras: &[NamedValue]) -> Outcome<Location> {
    check(name)?;
    let policy = capstan_sdk::find(extras, "storage-class").or(client.config.storage_policy());
    let mut call = Call::container("PUT", name);
    call.headers.extend(policy.map(|policy| ("x-storage-policy".to_owned(), policy.to_owned())));
    match client.ask(&call, None).await? {
        Ok(_) => Ok(Location { name: name.to_owned(), created: None, extras: Vec::new() }),
        // Where all accounts share their names (Ceph).
        Err(refusal) if refusal.status == 409 && refusal.code.is_some() => {
            Err(refusal.dress(already_exists(format!("somebody else has the {}", call.subject()))))
        }
        Err(refusal) => Err(refusal.failure(&call)),
    }
}

/// The container of segments goes too, if nothing is left in it.
pub(crate) async fn delete(client: &Client, name: &str) -> Outcome<()> {
    check(name)?;
    client.exchange(&Call::container("DELETE", name), None).await?;
    let beside = segments::container(name)?;
    if let Err(failure) = client.exchange(&Call::container("DELETE", &beside), None).await
        && !matches!(failure, Failure::NotFound(_))
    {
        capstan_sdk::log!(warn, "a container of segments is left", "container" => beside, "why" => failure.fault().message);
    }
    client.segmented.borrow_mut().remove(name);
    Ok(())
}

pub(crate) async fn usage(client: &Client, location: Option<&str>) -> Outcome<Consumption> {
    let Some(name) = location else {
        let reply = client.exchange(&Call::account("HEAD"), None).await?;
        return Ok(consumption(&reply.headers, "x-account"));
    };
    let reply = client.exchange(&Call::container("HEAD", name), None).await?;
    let mut consumption = consumption(&reply.headers, "x-container");
    consumption.extras.extend(header(&reply.headers, "x-storage-policy").map(|policy| named("storage-class", policy)));
    // A manifest counts for what it is; the bytes are in the segments.
    match client.exchange(&Call::container("HEAD", &segments::container(name)?), None).await {
        Ok(beside) => {
            let segments = self::consumption(&beside.headers, "x-container").used.unwrap_or(0);
            consumption.used = consumption.used.map(|used| used.saturating_add(segments));
        }
        Err(Failure::NotFound(_) | Failure::Denied(_)) => {}
        Err(failure) => return Err(failure),
    }
    Ok(consumption)
}

fn consumption(headers: &[(String, String)], level: &str) -> Consumption {
    let number = |name: &str| header(headers, &format!("{level}-{name}")).and_then(|text| text.trim().parse::<u64>().ok());
    Consumption {
        used: number("bytes-used"),
        capacity: number("meta-quota-bytes"),
        objects: number("object-count"),
        extras: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_leave_its_place_in_the_path_is_refused() {
        for name in ["", ".", "..", "a/b", "a\0b", &"x".repeat(257)] {
            assert!(check(name).is_err(), "{name:?}");
        }
        assert!(check("Container 1_ü").is_ok());
    }

    #[test]
    fn containers_of_segments_are_shown_only_where_their_owner_is_gone() {
        let lines = br#"[{"name": "a", "count": 1, "bytes": 2, "last_modified": "2026-11-21T20:03:21.134870"},
            {"name": "a_segments", "count": 1, "bytes": 2}, {"name": "b_segments"}]"#;
        let names: Vec<String> = shown(read(lines).unwrap()).into_iter().map(|location| location.name).collect();
        assert_eq!(names, ["a", "b_segments"]);
        assert!(read(b"").unwrap().is_empty() && read(b"<html>").is_err());
    }

    #[test]
    fn a_quota_is_the_capacity() {
        let headers = [("X-Account-Bytes-Used", "5"), ("X-Account-Object-Count", "1"), ("X-Account-Meta-Quota-Bytes", "100")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let consumption = consumption(&headers, "x-account");
        assert_eq!((consumption.used, consumption.objects, consumption.capacity), (Some(5), Some(1), Some(100)));
    }
}
