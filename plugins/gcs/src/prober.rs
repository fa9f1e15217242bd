//! Reaches the service: latency, clock, buckets.

use std::time::Instant;

use capstan_sdk::failure::Failure;
use capstan_sdk::http::header;
use capstan_sdk::time::now;
use capstan_sdk::types::Report;
use capstan_sdk::{NamedValue, Outcome, named};

use crate::client::Client;
use crate::{api, locations, token};

pub(crate) async fn probe(client: &Client) -> Outcome<Report> {
    if client.config.has_account() {
        // Before the clock starts: a token is asked for once an hour, not with every call.
        token::token(client).await?;
    }
    let started = Instant::now();
    let answer = api::of(client).look(client).await?;
    let latency_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let reply = answer.map_err(|refusal| advise(client, refusal.failure("service")))?;
    let there = header(&reply.headers, "date").and_then(capstan_sdk::time::http);
    // The header has whole seconds; less than one is no skew.
    let clock_skew_ms =
        there.map(|there| there.saturating_sub(now())).map(|skew| if skew.abs() <= 1 { 0 } else { skew.saturating_mul(1000) });
    let locations = locations::list(client).await?;
    let mut extras: Vec<NamedValue> =
        header(&reply.headers, "server").map(|server| named("server", server)).into_iter().collect();
    // Not found out but promised: every put and every part is held against it.
    extras.push(named("checksum-mode", "crc32c"));
    Ok(Report { latency_us, clock_skew_ms, locations, extras })
}

fn advise(client: &Client, failure: Failure) -> Failure {
    match failure {
        Failure::Denied(_) if client.config.buckets.is_empty() => {
            failure.next_step("Allow the account to list the project's buckets, or name them in \"buckets\".")
        }
        other => other,
    }
}
