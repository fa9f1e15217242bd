//! Blobs in the Archive tier: how far one is, and the way out.
//!
//! A blob that is restored moves to a tier where it can be read, and stays there; the days that a caller names mean nothing here.

use capstan_sdk::types::{GetOptions, Object};
use capstan_sdk::{NamedValue, Outcome};

use crate::call::{Call, Place};
use crate::client::Client;
use crate::reader;

const ARCHIVE: &str = "Archive";

/// The contract's word for it. The status is there while a blob is on its way ("rehydrate-pending-to-hot").
pub(crate) fn state(tier: Option<&str>, status: Option<&str>) -> &'static str {
    match (tier.is_some_and(|tier| tier.eq_ignore_ascii_case(ARCHIVE)), status) {
        (true, Some(status)) if status.starts_with("rehydrate-pending") => "restoring",
        (true, _) => "archived",
        (false, _) => "online",
    }
}

/// The service knows two speeds; the contract's names of others are understood.
fn priority(tier: Option<&str>) -> &'static str {
    if matches!(tier, Some("Expedited" | "High")) { "High" } else { "Standard" }
}

/// Asking twice is asking once: a blob under way, or readable, is a success.
pub(crate) async fn restore(client: &Client, place: Place<'_>, extras: &[NamedValue]) -> Outcome<Object> {
    let any = || GetOptions { if_match: None, version: None, extras: Vec::new() };
    let there = reader::head(client, place, &any()).await?;
    if capstan_sdk::find(&there.extras, "archive-state") != Some("archived") {
        return Ok(there);
    }
    let call = Call::blob("PUT", place)
        .query("comp", "tier")
        .header("x-ms-access-tier", client.config.restore_class.clone())
        .header("x-ms-rehydrate-priority", priority(capstan_sdk::find(extras, "tier")));
    match client.ask(&call, None).await? {
        Ok(_) => {}
        // Somebody asked between the look and this.
        Err(refusal) if refusal.code == "BlobBeingRehydrated" => {}
        Err(refusal) => return Err(client.failed(&refusal, &call)),
    }
    reader::head(client, place, &any()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archived_blob_says_how_far_its_way_is() {
        assert_eq!(state(None, None), "online");
        assert_eq!(state(Some("Cold"), None), "online");
        assert_eq!(state(Some("Archive"), None), "archived");
        assert_eq!(state(Some("Archive"), Some("rehydrate-pending-to-hot")), "restoring");
        assert_eq!(state(Some("Hot"), None), "online");
    }

    #[test]
    fn the_contracts_speeds_are_understood() {
        assert_eq!([None, Some("Bulk"), Some("Expedited"), Some("High")].map(priority), ["Standard", "Standard", "High", "High"]);
    }
}
