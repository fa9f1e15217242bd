//! Reaches the service: latency, clock, buckets.

use std::time::Instant;

use capstan_sdk::failure::Failure;
use capstan_sdk::http::header;
use capstan_sdk::types::Report;
use capstan_sdk::{NamedValue, Outcome, named, probe};

use crate::client::{Client, bucket_subject};
use crate::{api, locations};

pub(crate) async fn probe(client: &Client) -> Outcome<Report> {
    // Before the clock starts: a token is asked for once an hour, not with every call.
    client.ready().await?;
    let buckets = &client.config.buckets;
    let first = buckets.first().map(String::as_str);
    let started = Instant::now();
    let answer = api::of(client).look(client, first).await?;
    let latency_us = probe::latency_us(started.elapsed());
    let subject = first.map_or_else(|| "service".to_owned(), bucket_subject);
    let reply = answer.map_err(|refusal| advise(client, refusal.failure(&subject)))?;
    for bucket in probe::further(buckets) {
        let answer = api::of(client).look(client, Some(bucket.as_str())).await?;
        answer.map_err(|refusal| refusal.failure(&bucket_subject(bucket)))?;
    }
    let clock_skew_ms = probe::clock_skew_ms(&reply.headers);
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
