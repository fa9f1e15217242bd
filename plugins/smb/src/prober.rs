//! Reaches the share: how far it is, what was agreed on, how much room it has.

use capstan_sdk::failure::{Failure, invalid, malformed, not_found};
use capstan_sdk::types::{Consumption, Location, Report};
use capstan_sdk::{Outcome, named, probe};
use smb2::msg::query_info::InfoType;

use crate::chain::{Chain, Opening, access};
use crate::config::Config;
use crate::information::{FULL_SIZE, FULL_SIZE_BYTES, consumption};
use crate::links::Links;
use crate::place::Place;
use crate::reader;

pub(crate) fn locations(config: &Config) -> Vec<Location> {
    vec![Location { name: config.location().to_owned(), created: None, extras: Vec::new() }]
}

pub(crate) async fn probe(links: &Links) -> Outcome<Report> {
    let top = Place::new(&links.config, links.config.location(), "")?;
    let look = reader::look(links, &top).await.map_err(|failure| match failure {
        Failure::NotFound(fault) if fault.code.as_deref() == Some("share") => Failure::NotFound(fault),
        Failure::NotFound(_) => not_found(format!("the share has no folder {:?}", links.config.root()))
            .code("root")
            .next_step("Correct \"root\", or make the folder."),
        other => other,
    })?;
    if !look.is_directory() {
        return Err(invalid(format!("{:?} is no folder of the share", links.config.root())));
    }
    let lease = links.lease().await?;
    let extras = vec![named("smb-dialect", lease.dialect.to_string()), named("smb-encrypted", lease.encrypted.to_string())];
    let latency_us = probe::latency_us(lease.latency);
    Ok(Report { latency_us, clock_skew_ms: None, locations: locations(&links.config), extras })
}

pub(crate) async fn usage(links: &Links, location: Option<&str>) -> Outcome<Consumption> {
    let top = Place::new(&links.config, location.unwrap_or(links.config.location()), "")?;
    let chain =
        Chain::open(Opening::existing(top.wire(), access::LOOK)).query(InfoType::Filesystem, FULL_SIZE, FULL_SIZE_BYTES).close();
    let answers = links.ask(&chain, "the share").await?;
    answers.opened("the share")?;
    let buffer = answers.info(1, "the share")?;
    consumption(&buffer).ok_or_else(|| malformed("the server does not tell its room", format!("{} bytes", buffer.len())))
}
