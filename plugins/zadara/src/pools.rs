//! The target as a whole: pools, what fits into them, and whether the VPSA can be reached.

use std::time::Instant;

use capstan_sdk::failure::{malformed, not_found};
use capstan_sdk::types::{Consumption, DriveLimits, Location, Report};
use capstan_sdk::{NamedValue, Outcome, named, probe};

use crate::access;
use crate::answers::{GIB, Pool, is_id, one};
use crate::client::{Client, client};
use crate::lane::Lane;

/// A volume is made and grows in whole GB of 2^30 bytes.
pub(crate) const GRANULARITY: u64 = GIB;
/// The largest volume that is asked for: no pool has so much.
pub(crate) const MAXIMUM: u64 = 100 << 40;
/// Bytes of a block of every volume.
pub(crate) const BLOCK: u32 = 512;

fn location(name: &str) -> Location {
    Location { name: name.to_owned(), created: None, extras: Vec::new() }
}

async fn pools(client: &Client) -> Outcome<Vec<Pool>> {
    let mut found: Vec<Pool> = Vec::new();
    let mut wrong = None;
    client
        .rows("/api/pools.json", "pools", "list of pools", |row| {
            match one::<Pool>(&serde_json::json!({ "pool": row }), "pool") {
                Ok(pool) if !is_id("pool", &pool.name) => {
                    wrong = Some(malformed("the VPSA tells no id of a pool", pool.name));
                }
                Ok(pool) => found.push(pool),
                Err(failure) => wrong = Some(failure),
            }
            false
        })
        .await?;
    let shown = &client.config.pools;
    found.retain(|pool| shown.is_empty() || shown.contains(&pool.name));
    wrong.map_or(Ok(found), Err)
}

pub(crate) async fn locations() -> Outcome<Vec<Location>> {
    let client = client()?;
    if client.config.pools.is_empty() {
        return Ok(pools(&client).await?.iter().map(|pool| location(&pool.name)).collect());
    }
    Ok(client.config.pools.iter().map(|pool| location(pool)).collect())
}

pub(crate) async fn pool(client: &Client, name: &str) -> Outcome<Pool> {
    let subject = format!("pool {name:?}");
    if !is_id("pool", name) || !(client.config.pools.is_empty() || client.config.pools.iter().any(|pool| pool == name)) {
        return Err(not_found(format!("there is no {subject}")));
    }
    one(&client.get(&format!("/api/pools/{name}.json"), &subject).await?, "pool")
}

pub(crate) async fn limits(name: &str) -> Outcome<DriveLimits> {
    let pool = pool(&*client()?, name).await?;
    let mut extras = vec![named("clone", "constant")];
    extras.extend(pool.available().map(|available| named("available", available.to_string())));
    Ok(DriveLimits { minimum: GRANULARITY, maximum: MAXIMUM, granularity: GRANULARITY, block: BLOCK, extras })
}

pub(crate) async fn usage(name: Option<&str>) -> Outcome<Consumption> {
    let client = client()?;
    let pools = match name {
        Some(name) => vec![pool(&client, name).await?],
        None => pools(&client).await?,
    };
    let sum = |of: fn(&Pool) -> Option<u64>| pools.iter().map(of).try_fold(0_u64, |sum, next| sum.checked_add(next?));
    let (capacity, available) = (sum(Pool::capacity), sum(Pool::available));
    let used = capacity.zip(available).map(|(capacity, available)| capacity.saturating_sub(available));
    Ok(Consumption { used, capacity, objects: None, extras: Vec::new() })
}

pub(crate) async fn probe() -> Outcome<Report> {
    let client = client()?;
    let started = Instant::now();
    // Cheap, and it needs the key.
    let portal = access::portal(&client).await?;
    let latency_us = probe::latency_us(started.elapsed());
    for name in client.config.pools.iter() {
        pool(&client, name).await?;
    }
    let locations = locations().await?;
    // The data's login is tried as soon as this host is a server of the VPSA: the first drive makes it one.
    if access::registered(&client).await?.is_some() {
        Lane::take(&portal, &portal.target).await?.give_back();
    }
    let extras: Vec<NamedValue> = vec![named("clone", "constant")];
    // The API does not tell the time.
    Ok(Report { latency_us, clock_skew_ms: None, locations, extras })
}
