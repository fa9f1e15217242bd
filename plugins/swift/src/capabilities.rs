//! What the service says of itself under `/info` (API v1, "Discoverability"): asked once an instance.
//!
//! An operator may have switched it off; then the defaults of Swift are assumed, and a call tells whether they hold.

use std::rc::Rc;

use capstan_sdk::Outcome;
use serde::Deserialize;

use crate::client::Client;

/// Swift's own defaults.
const USUAL_SEGMENTS: u64 = 1_000;
const USUAL_LISTING: u32 = 10_000;
const USUAL_DELETES: usize = 1_000;
const USUAL_META_VALUE: usize = 256;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Information {
    swift: Option<Core>,
    slo: Option<LargeObjects>,
    bulk_delete: Option<BulkDelete>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Core {
    version: Option<String>,
    container_listing_limit: Option<u32>,
    max_meta_value_length: Option<usize>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct LargeObjects {
    max_manifest_segments: Option<u64>,
    min_segment_size: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct BulkDelete {
    max_deletes_per_request: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Capabilities {
    pub(crate) version: Option<String>,
    /// Names in one page.
    pub(crate) listing: u32,
    /// Static large objects are there, as far as is known.
    pub(crate) large_objects: bool,
    pub(crate) most_segments: u64,
    pub(crate) least_segment_bytes: u64,
    /// Names of one bulk delete; none: the service has no bulk operations.
    pub(crate) bulk_deletes: Option<usize>,
    /// Bytes of one value of metadata.
    pub(crate) meta_value_bytes: usize,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            version: None,
            listing: USUAL_LISTING,
            large_objects: true,
            most_segments: USUAL_SEGMENTS,
            least_segment_bytes: 1,
            bulk_deletes: Some(USUAL_DELETES),
            meta_value_bytes: USUAL_META_VALUE,
        }
    }
}

impl Capabilities {
    /// What is no such document, tells nothing.
    fn read(document: &[u8]) -> Self {
        let usual = Self::default();
        let Ok(Information { swift: Some(core), slo, bulk_delete }) = serde_json::from_slice(document) else { return usual };
        let segments = slo.as_ref().and_then(|slo| slo.max_manifest_segments);
        Self {
            version: core.version,
            listing: core.container_listing_limit.unwrap_or(usual.listing).max(1),
            large_objects: slo.is_some(),
            most_segments: segments.unwrap_or(usual.most_segments).max(1),
            least_segment_bytes: slo.and_then(|slo| slo.min_segment_size).unwrap_or(usual.least_segment_bytes),
            bulk_deletes: bulk_delete.map(|bulk| bulk.max_deletes_per_request.unwrap_or(USUAL_DELETES).max(1)),
            meta_value_bytes: core.max_meta_value_length.unwrap_or(usual.meta_value_bytes).max(64),
        }
    }
}

/// The path of `/info`: beside the version that begins the account's path. Ceph's gateway has both below "/swift".
fn path(storage: &str) -> String {
    let base =
        storage.split_inclusive('/').take_while(|part| !matches!(part.trim_end_matches('/'), "v1" | "v1.0")).collect::<String>();
    format!("{}/info", base.trim_end_matches('/'))
}

impl Client {
    pub(crate) async fn capabilities(&self) -> Outcome<Rc<Capabilities>> {
        if let Some(known) = self.capabilities.borrow().as_ref() {
            return Ok(Rc::clone(known));
        }
        let path = path(&self.session().await?.storage.path);
        let reply = self.beside(&path).await?;
        let read = Rc::new(if reply.status == 200 { Capabilities::read(&reply.body) } else { Capabilities::default() });
        // A service that is only away is asked again.
        if reply.status < 500 {
            *self.capabilities.borrow_mut() = Some(Rc::clone(&read));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_lies_beside_the_version() {
        assert_eq!(path("/v1/AUTH_test"), "/info");
        assert_eq!(path("/swift/v1"), "/swift/info");
        assert_eq!(path("/swift/v1/AUTH_v1"), "/swift/info");
        assert_eq!(path(""), "/info");
    }

    #[test]
    fn what_is_told_counts_and_what_is_not_is_usual() {
        let swift = br#"{"swift": {"version": "2.30.1", "container_listing_limit": 500, "policies": []}, "tempurl": {},
            "slo": {"max_manifest_segments": 100, "min_segment_size": 1048576}, "bulk_delete": {"max_deletes_per_request": 7}}"#;
        let told = Capabilities::read(swift);
        assert_eq!((told.listing, told.most_segments, told.least_segment_bytes, told.bulk_deletes), (500, 100, 1 << 20, Some(7)));
        let ceph = br#"{"bulk_delete":{},"swift":{"version":"16.2.15"},"slo":{"max_manifest_segments":1000}}"#;
        assert_eq!(Capabilities::read(ceph).bulk_deletes, Some(USUAL_DELETES));
        let bare = Capabilities::read(br#"{"swift": {}}"#);
        assert!(!bare.large_objects && bare.bulk_deletes.is_none());
        for hidden in [b"".as_slice(), b"<html>", b"{}"] {
            assert_eq!(Capabilities::read(hidden), Capabilities::default());
        }
    }
}
