//! The target as a whole: is it there, how much room has it, does its file system share blocks between files.

use std::cell::Cell;
use std::time::Instant;

use capstan_sdk::failure::{Failure, Outcome, invalid};
use capstan_sdk::files::{self, Kind};
use capstan_sdk::types::{Consumption, DriveLimits, Location, Report};
use capstan_sdk::{NamedValue, named, probe};

use crate::config::{BLOCK, GRANULARITY, config};
use crate::tree::root;
use crate::volume::{self, Source};
use crate::{drives, hidden, label, names};

thread_local! {
    /// Whether files share blocks, once that was tried. The directory of an instance never changes.
    static SHARES: Cell<Option<bool>> = const { Cell::new(None) };
}

pub(crate) fn locations() -> Vec<Location> {
    vec![Location { name: names::LOCATION.to_owned(), created: None, extras: Vec::new() }]
}

pub(crate) async fn probe() -> Outcome<Report> {
    let started = Instant::now();
    let there = files::stat(root(), String::new()).await?;
    if there.kind != Kind::Directory {
        return Err(invalid("what was granted is no directory"));
    }
    let latency_us = probe::latency_us(started.elapsed());
    if let Err(failure) = hidden::sweep().await {
        capstan_sdk::log!(warn, "what died in the middle is not taken away", "why" => failure.fault().message);
    }
    // The clock of the target is the host's own.
    Ok(Report { latency_us, clock_skew_ms: Some(0), locations: locations(), extras: clone_extra().await })
}

pub(crate) async fn limits(location: &str) -> Outcome<DriveLimits> {
    names::location(location)?;
    let config = config()?;
    let (_, free) = files::space(root()).await?;
    let mut extras = clone_extra().await;
    extras.push(named("available", free.to_string()));
    Ok(DriveLimits { minimum: config.minimum, maximum: config.maximum, granularity: GRANULARITY, block: BLOCK, extras })
}

pub(crate) async fn usage(location: Option<&str>) -> Outcome<Consumption> {
    if let Some(location) = location {
        names::location(location)?;
    }
    let (used, free) = files::space(root()).await?;
    let objects = drives::count().await?;
    Ok(Consumption { used: Some(used), capacity: Some(used.saturating_add(free)), objects: Some(objects), extras: Vec::new() })
}

/// What a clone costs here; nothing, as long as that cannot be tried.
async fn clone_extra() -> Vec<NamedValue> {
    let shares = match SHARES.get() {
        Some(shares) => Ok(shares),
        None => try_sharing().await.inspect(|shares| SHARES.set(Some(*shares))),
    };
    match shares {
        Ok(shares) => vec![named("clone", if shares { "constant" } else { "copy" })],
        Err(failure) => {
            capstan_sdk::log!(warn, "what a clone costs was not found out", "why" => failure.fault().message);
            Vec::new()
        }
    }
}

/// With two small files that nobody sees.
async fn try_sharing() -> Outcome<bool> {
    let part = hidden::part(&label::key("", "clone")?).await?;
    let one = names::disk(&part);
    let tried = async {
        volume::fill(&one, Source::Zeros(GRANULARITY)).await?;
        files::reflink(root(), one.clone(), format!("{part}/shared")).await
    };
    let tried = tried.await;
    hidden::forget(&part).await;
    match tried {
        Ok(()) => Ok(true),
        Err(Failure::Unsupported(_)) => Ok(false),
        Err(failure) => Err(failure),
    }
}
