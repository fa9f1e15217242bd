//! Reaches the service: a token, latency, clock, containers, and what it says of itself.

use std::time::Instant;

use capstan_sdk::failure::Failure;
use capstan_sdk::http::header;
use capstan_sdk::types::Report;
use capstan_sdk::{Outcome, named, time};

use crate::client::{Call, Client};
use crate::conditions::{self, Conditions};
use crate::config::ChecksumSetting;
use crate::locations;

/// Configured containers that are looked at: a probe ends soon, also with a long list of them.
const MAX_LOOKED_AT: usize = 16;

pub(crate) async fn probe(client: &Client) -> Outcome<Report> {
    // The token's own round trip is no part of the latency.
    client.session().await?;
    let containers = &client.config.containers;
    let call = match containers.first() {
        Some(container) => Call::container("HEAD", container),
        None => Call::account("HEAD"),
    };
    let started = Instant::now();
    let answer = client.ask(&call, None).await?;
    let latency_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let reply = answer.map_err(|refusal| advise(client, refusal.failure(&call)))?;
    // A name that is mistyped shows now, and not with the first job that goes there.
    for container in containers.iter().take(MAX_LOOKED_AT).skip(1) {
        client.exchange(&Call::container("HEAD", container), None).await?;
    }
    let there = header(&reply.headers, "date").and_then(time::http);
    // The header has whole seconds; less than one is no skew.
    let skew = there.map(|there| there.saturating_sub(time::now()));
    let clock_skew_ms = skew.map(|skew| if skew.abs() <= 1 { 0 } else { skew.saturating_mul(1000) });
    let locations = locations::list(client).await?;
    let capabilities = client.capabilities().await?;
    let mode = if client.config.checksum == ChecksumSetting::None { "none" } else { "md5" };
    let mut extras = vec![named("checksum-mode", mode)];
    // It is tried with something that nobody can store; whoever may not write there finds out when it is needed.
    if let Some(location) = locations.first()
        && let Ok(Conditions::Ignored) = conditions::found_out(client, &location.name).await
    {
        extras.push(named("conditional-put", "none"));
    }
    extras.extend(capabilities.version.as_deref().map(|version| named("server", format!("swift {version}"))));
    Ok(Report { latency_us, clock_skew_ms, locations, extras })
}

fn advise(client: &Client, failure: Failure) -> Failure {
    match failure {
        Failure::Denied(_) if client.config.containers.is_empty() => {
            failure.next_step("Allow the user to list containers, or name them in \"containers\".")
        }
        // The account is where the storage URL says: that it is not there is no missing object.
        Failure::NotFound(fault) if client.config.containers.is_empty() => {
            Failure::Invalid(fault).next_step("Correct \"storage-url\", or make the account.")
        }
        other => other,
    }
}
