//! Reaches the service: latency, clock, buckets, and what it checks arriving data against.

use std::time::Instant;

use capstan_sdk::failure::Failure;
use capstan_sdk::http::header;
use capstan_sdk::text::base64;
use capstan_sdk::types::{PutOptions, Report};
use capstan_sdk::{NamedValue, Outcome, named, probe};

use crate::checksum::{self, Mode, PROBED};
use crate::client::{Call, Client};
use crate::{locations, parts, ranges};

/// Where the checksum is tried: an upload that is always aborted, so no object and no version of one ever appears.
const KEY: &str = ".capstan-probe";

pub(crate) async fn probe(client: &Client) -> Outcome<Report> {
    let buckets = &client.config.buckets;
    let call = match buckets.first() {
        Some(bucket) => Call::bucket("HEAD", bucket),
        None => Call::service("GET"),
    };
    let started = Instant::now();
    let answer = client.ask(&call, None).await?;
    let latency_us = probe::latency_us(started.elapsed());
    let reply = answer.map_err(|refusal| advise(client, refusal.failure(&call.subject())))?;
    for bucket in probe::further(buckets) {
        client.exchange(&Call::bucket("HEAD", bucket), None).await?;
    }
    let clock_skew_ms = probe::clock_skew_ms(&reply.headers);
    let locations = locations::list(client).await?;
    let mut extras: Vec<NamedValue> =
        header(&reply.headers, "server").map(|server| named("server", server)).into_iter().collect();
    if ranges::are_none().await {
        extras.push(named("ranges", "none"));
    }
    match client.config.checksum.fixed() {
        Some(mode) => extras.push(named("checksum-mode", mode.name())),
        None => {
            let mode = match locations.first() {
                Some(location) => checksum_mode(client, &location.name).await,
                // It is found out when there is something to try it with.
                None => None,
            };
            if let Some(mode) = mode {
                checksum::remember(mode).await;
                extras.push(named("checksum-mode", mode.name()));
            }
        }
    }
    Ok(Report { latency_us, clock_skew_ms, locations, extras })
}

fn advise(client: &Client, failure: Failure) -> Failure {
    match failure {
        Failure::Denied(_) if client.config.buckets.is_empty() => {
            failure.next_step("Allow the key to list buckets, or name them in \"buckets\".")
        }
        other => other,
    }
}

/// The first checksum the service holds data against, seen by its refusing a wrong one. None: it could not be tried.
pub(crate) async fn checksum_mode(client: &Client, bucket: &str) -> Option<Mode> {
    for mode in PROBED {
        if refuses_wrong(client, bucket, mode).await? {
            return Some(mode);
        }
    }
    Some(Mode::None)
}

async fn refuses_wrong(client: &Client, bucket: &str, mode: Mode) -> Option<bool> {
    let options = PutOptions {
        content_type: None,
        if_match: None,
        if_absent: false,
        metadata: Vec::new(),
        checksums: Vec::new(),
        extras: Vec::new(),
    };
    let upload = match parts::initiate(client, bucket, KEY, mode, &options).await {
        Ok(upload) => upload,
        // It does not know this checksum. Anything else says nothing about checksums.
        Err(Failure::Invalid(_) | Failure::Unsupported(_)) => return Some(false),
        Err(_) => return None,
    };
    let (Some(name), Some(width)) = (mode.header(), width(mode)) else { return Some(false) };
    let call = Call::object("PUT", bucket, KEY)
        .query("partNumber", "1")
        .query("uploadId", &upload)
        .header(name, base64(&vec![0x5a; width]));
    let answer = client.ask(&call, Some(b"capstan")).await;
    if let Err(failure) = parts::abort(client, bucket, KEY, &upload).await {
        capstan_sdk::log!(warn, "the probe's upload is left behind", "upload" => upload, "why" => failure.fault().message);
    }
    // Only a refusal that is about the sum counts: a service that knows nothing of the header may refuse it as well.
    match answer {
        Ok(Ok(_)) => Some(false),
        Ok(Err(refusal)) => Some(matches!(refusal.failure("probe"), Failure::Corrupt(_))),
        Err(_) => None,
    }
}

fn width(mode: Mode) -> Option<usize> {
    match mode {
        Mode::None => None,
        Mode::Md5 => Some(16),
        Mode::Crc32c => Some(4),
        Mode::Crc64Nvme => Some(8),
        Mode::Sha256 => Some(32),
    }
}
