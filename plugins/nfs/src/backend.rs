//! The target as a whole.

use std::time::Instant;

use capstan_nfs3::procedures::{FileSystem, Null};
use capstan_sdk::types::{Consumption, Location, Report};
use capstan_sdk::{Outcome, probe};

use crate::lane::{self, Lane, run};
use crate::link::done;
use crate::path::{find, place};

/// Known without asking the server: a target is one export.
pub(crate) fn locations() -> Outcome<Vec<Location>> {
    let name = lane::config()?.location().to_owned();
    Ok(vec![Location { name, created: None, extras: Vec::new() }])
}

pub(crate) async fn probe() -> Outcome<Report> {
    let locations = locations()?;
    let root = place(lane::config()?.location(), "")?;
    let latency = run(async |lane: &mut Lane| {
        find(lane, &root).await?;
        let started = Instant::now();
        lane.link.ask(&Null).await?;
        Ok(started.elapsed())
    })
    .await?;
    let latency_us = probe::latency_us(latency);
    // The protocol does not tell the time.
    Ok(Report { latency_us, clock_skew_ms: None, locations, extras: Vec::new() })
}

pub(crate) async fn usage(location: Option<&str>) -> Outcome<Consumption> {
    if let Some(location) = location {
        place(location, "")?;
    }
    let space = run(async |lane: &mut Lane| {
        let root = lane.session.root.clone();
        done(lane.link.ask(&FileSystem { root }).await?, "the export")
    })
    .await?;
    Ok(Consumption {
        used: Some(space.total.saturating_sub(space.free)),
        capacity: Some(space.total),
        objects: None,
        extras: Vec::new(),
    })
}
