//! Reaches the service: latency, clock, buckets.

use std::time::Instant;

use capstan_sdk::failure::Failure;
use capstan_sdk::http::header;
use capstan_sdk::time::now;
use capstan_sdk::types::Report;
use capstan_sdk::{NamedValue, Outcome, named};

use crate::client::{Client, bucket_subject};
use crate::{api, locations};

/// Configured buckets that are looked at: a probe ends soon, also with a list of a thousand.
const MAX_LOOKED_AT: usize = 16;

pub(crate) async fn probe(client: &Client) -> Outcome<Report> {
    // Before the clock starts: a token is asked for once an hour, not with every call.
    client.ready().await?;
    let buckets = &client.config.buckets;
    let first = buckets.first().map(String::as_str);
    let started = Instant::now();
    let answer = api::of(client).look(client, first).await?;
    let latency_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let subject = first.map_or_else(|| "service".to_owned(), bucket_subject);
    let reply = answer.map_err(|refusal| advise(client, refusal.failure(&subject)))?;
    // A name that is mistyped shows now, and not with the first job that goes there.
    for bucket in buckets.iter().take(MAX_LOOKED_AT).skip(1) {
        let answer = api::of(client).look(client, Some(bucket.as_str())).await?;
        answer.map_err(|refusal| refusal.failure(&bucket_subject(bucket)))?;
    }
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
