//! What an attempt did, kept in the target's state: so that the same attempt, made again, finds what it did, and nothing that came after
//! is lost.

use capstan_sdk::failure::invalid;
use capstan_sdk::{Blame, Outcome};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::outside::state;
use crate::stream::Laid;

/// The last write to a cartridge. It is kept before the first block goes, and again when all have gone.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Write {
    pub(crate) attempt: String,
    pub(crate) partition: u8,
    pub(crate) object: u64,
    pub(crate) done: Option<Laid>,
}

/// The last format of a cartridge.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Format {
    pub(crate) attempt: String,
}

/// The key under which the target reserves drives.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Reservation {
    pub(crate) key: u64,
}

pub(crate) trait Record: Serialize + DeserializeOwned {
    const KIND: &'static str;
}

impl Record for Write {
    const KIND: &'static str = "write";
}

impl Record for Format {
    const KIND: &'static str = "format";
}

impl Record for Reservation {
    const KIND: &'static str = "reservation";
}

/// `of`: the cartridge's label, or the drive where there is none that can be read.
fn key<R: Record>(of: &str) -> String {
    format!("{}/{of}", R::KIND)
}

/// What is kept and cannot be read counts as nothing.
pub(crate) async fn get<R: Record>(of: &str) -> Outcome<Option<R>> {
    let kept = state::get(key::<R>(of)).await?;
    Ok(kept.and_then(|value| serde_json::from_slice(&value.data).ok()))
}

pub(crate) async fn set<R: Record>(of: &str, record: &R) -> Outcome<()> {
    let data = serde_json::to_vec(record)
        .map_err(|why| invalid("the plugin cannot keep what it did").detail(why.to_string()).blame(Blame::Plugin))?;
    state::set(key::<R>(of), data, None).await.map(drop)
}
