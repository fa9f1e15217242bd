//! Reaches the account: latency, clock, containers, until when the credentials are good, and what arriving data is checked against.

use std::time::Instant;

use capstan_sdk::failure::Failure;
use capstan_sdk::http::header;
use capstan_sdk::text::base64;
use capstan_sdk::types::Report;
use capstan_sdk::{NamedValue, Outcome, named, probe};

use crate::call::Call;
use crate::checksum::{self, Mode};
use crate::client::Client;
use crate::containers;
use crate::credentials::Credentials;
use crate::uploads::block_name;

/// Where the checksum is tried: a block that is never committed, so no blob ever appears.
const KEY: &str = ".capstan-probe";
const UPLOAD: &str = "00000000000000000000c0de";

fn look(container: &str) -> Call<'_> {
    Call::container("GET", container).query("comp", "list").query("maxresults", "1")
}

pub(crate) async fn probe(client: &Client) -> Outcome<Report> {
    let containers = &client.config.containers;
    let call = match containers.first() {
        Some(container) => look(container),
        None => Call::service("GET").query("comp", "list").query("maxresults", "1"),
    };
    let started = Instant::now();
    let answer = client.ask(&call, None).await?;
    let latency_us = probe::latency_us(started.elapsed());
    let reply = answer.map_err(|refusal| advise(client, client.failed(&refusal, &call)))?;
    for container in probe::further(containers) {
        client.exchange(&look(container), None).await?;
    }
    let clock_skew_ms = probe::clock_skew_ms(&reply.headers);
    let locations = containers::list(client).await?;
    let mut extras: Vec<NamedValue> =
        header(&reply.headers, "server").map(|server| named("server", server)).into_iter().collect();
    if let Credentials::Sas(sas) = &client.credentials {
        extras.extend(sas.expires().map(|expires| named("credentials-expire", expires)));
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
    let of_container = matches!(&client.credentials, Credentials::Sas(sas) if sas.is_of_container());
    match failure {
        Failure::Denied(mut fault) | Failure::Unauthenticated(mut fault)
            if of_container && client.config.containers.is_empty() =>
        {
            fault.message = "a shared access signature of one container cannot list containers".to_owned();
            fault.extras.clear();
            Failure::Denied(fault).next_step("Name the container in \"containers\" of the target.")
        }
        Failure::Denied(_) if client.config.containers.is_empty() => {
            failure.next_step("Allow the credentials to list containers, or name them in \"containers\".")
        }
        other => other,
    }
}

/// CRC64 where a wrong one is refused; what is only said to be checked is not sent. None: it could not be tried.
pub(crate) async fn checksum_mode(client: &Client, container: &str) -> Option<Mode> {
    let name = block_name(UPLOAD, 1);
    let call = Call::blob("PUT", (container, KEY))
        .query("comp", "block")
        .query("blockid", &name)
        .header("x-ms-content-crc64", base64(&[0x5a; 8]));
    match client.ask(&call, Some(b"capstan")).await {
        Ok(Ok(_)) => Some(Mode::None),
        // Only a refusal that is about the sum counts, or one of the sum as such.
        Ok(Err(refusal)) => match client.failed(&refusal, &call) {
            Failure::Corrupt(_) => Some(Mode::Crc64Nvme),
            Failure::Unsupported(_) => Some(Mode::None),
            _ => None,
        },
        Err(_) => None,
    }
}
