//! The pool that a target is: its one location, its room, and whether everything in front of it answers.

use std::time::Instant;

use capstan_sdk::failure::not_found;
use capstan_sdk::text::percent;
use capstan_sdk::types::{Consumption, Location, Report};
use capstan_sdk::{Outcome, named, probe};
use serde::Deserialize;
use serde_json::Value;

use crate::client::{Call, Client};
use crate::link::{Link, NotOpen};
use crate::{exports, tidy};

pub(crate) fn check(client: &Client, location: &str) -> Outcome<()> {
    if location == client.config.pool {
        return Ok(());
    }
    Err(not_found(format!("there is no pool {location:?} in this target")))
}

/// Known without asking the cluster: a target is one pool.
pub(crate) fn locations(client: &Client) -> Vec<Location> {
    vec![Location { name: client.config.pool.clone(), created: None, extras: Vec::new() }]
}

/// Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Space {
    pub(crate) used: Option<u64>,
    /// What may still be stored, copies of it apart.
    pub(crate) available: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Pool {
    #[serde(default)]
    stats: Value,
    #[serde(default)]
    quota_max_bytes: u64,
}

impl Pool {
    fn space(&self) -> Space {
        let latest = |name: &str| self.stats.get(name).and_then(|stat| stat.get("latest")).and_then(Value::as_u64);
        let used = latest("stored");
        let quota = Some(self.quota_max_bytes).filter(|quota| *quota > 0).map(|quota| quota.saturating_sub(used.unwrap_or(0)));
        let available = match (latest("max_avail"), quota) {
            (Some(room), Some(quota)) => Some(room.min(quota)),
            (room, quota) => room.or(quota),
        };
        Space { used, available }
    }
}

fn call(client: &Client) -> Call {
    let mut path = "/api/pool/".to_owned();
    percent(&client.config.pool, false, &mut path);
    path.push_str("?stats=true");
    Call::new("GET", path, "pool")
}

pub(crate) async fn space(client: &Client, location: &str) -> Outcome<Space> {
    check(client, location)?;
    let pool: Option<Pool> = client.look(&call(client)).await?;
    pool.map(|pool| pool.space()).ok_or_else(|| no_pool(client))
}

fn no_pool(client: &Client) -> capstan_sdk::Failure {
    not_found(format!("the cluster has no pool {:?}", client.config.pool)).next_step("Correct \"pool\" of the target.")
}

pub(crate) async fn usage(client: &Client, location: Option<&str>) -> Outcome<Consumption> {
    let Space { used, available } = space(client, location.unwrap_or(&client.config.pool)).await?;
    let capacity = used.zip(available).map(|(used, available)| used.saturating_add(available));
    Ok(Consumption { used, capacity, objects: None, extras: Vec::new() })
}

/// The dashboard, the pool, the daemon's control, the cluster as the daemon reaches it, and the daemon's data.
pub(crate) async fn probe(client: &Client) -> Outcome<Report> {
    // The login's own round trip is no part of the latency.
    crate::token::token(client).await?;
    let started = Instant::now();
    let reply = client.ask(&call(client)).await?;
    let latency_us = probe::latency_us(started.elapsed());
    let reply = reply.map_err(|refusal| if refusal.is_absent() { no_pool(client) } else { refusal.failure("pool") })?;
    let clock_skew_ms = probe::clock_skew_ms(&reply.headers);
    exports::try_cluster(client).await?;
    // An export that is not there: that the server says so is all that is asked of it.
    match Link::open(&client.config, "capstan.gone.probe").await {
        Ok(_) | Err(NotOpen::Unknown) => {}
        Err(NotOpen::Failed(failure)) => return Err(failure),
    }
    tidy::sweep(client).await;
    Ok(Report { latency_us, clock_skew_ms, locations: locations(client), extras: vec![named("clone", "constant")] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_of_a_pool_is_what_the_cluster_has_or_what_the_quota_leaves() {
        let space = |quota: u64| {
            let body = format!(
                r#"{{"quota_max_bytes": {quota}, "stats": {{"stored": {{"latest": 100}}, "max_avail": {{"latest": 900}}}}}}"#
            );
            serde_json::from_str::<Pool>(&body).unwrap().space()
        };
        assert_eq!(space(0), Space { used: Some(100), available: Some(900) });
        assert_eq!(space(500), Space { used: Some(100), available: Some(400) });
        assert_eq!(space(50).available, Some(0));
        let unknown: Pool = serde_json::from_str("{}").unwrap();
        assert_eq!(unknown.space(), Space::default());
    }
}
