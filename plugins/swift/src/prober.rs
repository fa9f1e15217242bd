//! Reaches the service: a token, latency, clock, containers, and what it says of itself.

use std::time::Instant;

use capstan_sdk::failure::Failure;
use capstan_sdk::types::Report;
use capstan_sdk::{Outcome, named, probe};

use crate::call::Call;
use crate::client::Client;
use crate::conditions::{self, Conditions};
use crate::config::ChecksumSetting;
use crate::locations;

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
    let latency_us = probe::latency_us(started.elapsed());
    let reply = answer.map_err(|refusal| advise(client, refusal.failure(&call)))?;
    for container in probe::further(containers) {
        client.exchange(&Call::container("HEAD", container), None).await?;
    }
    let clock_skew_ms = probe::clock_skew_ms(&reply.headers);
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
