//! What this dialect keeps beside a site and the host has no word for, and how its settings become the host's.

use capstan_api_hub::{Answer, SiteInput};
use capstan_domain::site::{Site, SiteSettings};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failures::error;
use crate::attributes;

pub(super) const NAME: &str = "hub";

/// Shown where no colour was chosen.
pub(super) const USUAL_COLOUR: [u8; 3] = [128, 128, 128];

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    pub(super) shortcode: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) timezone: Option<String>,
    pub(super) color: Option<Vec<i64>>,
    pub(super) am_i_configured: bool,
    pub(super) ready_to_configure: bool,
    pub(super) gpfs_iscan_buckets: Option<i64>,
    pub(super) gpfs_iscan_threads: Option<i64>,
    pub(super) elasticsearch_url: Option<String>,
    pub(super) pixstor_search_url: Option<String>,
}

pub(super) fn kept(site: &Site) -> Kept {
    attributes::read(NAME, &site.attributes)
}

/// The site's attributes with what is given laid over what there was.
pub(super) fn laid(input: &SiteInput, old: Option<&Site>) -> Answer<Value> {
    let mut kept = old.map(kept).unwrap_or_default();
    if input.shortcode.is_some() {
        kept.shortcode.clone_from(&input.shortcode);
    }
    if input.color.is_some() {
        kept.color.clone_from(&input.color);
    }
    kept.kind = input.kind.clone().change().unwrap_or(kept.kind);
    kept.timezone = input.timezone.clone().change().unwrap_or(kept.timezone);
    kept.am_i_configured = input.am_i_configured.unwrap_or(kept.am_i_configured);
    kept.ready_to_configure = input.ready_to_configure.unwrap_or(kept.ready_to_configure);
    kept.gpfs_iscan_buckets = input.gpfs_iscan_buckets.change().unwrap_or(kept.gpfs_iscan_buckets);
    kept.gpfs_iscan_threads = input.gpfs_iscan_threads.change().unwrap_or(kept.gpfs_iscan_threads);
    kept.elasticsearch_url = input.elasticsearch_url.clone().change().unwrap_or(kept.elasticsearch_url);
    kept.pixstor_search_url = input.pixstor_search_url.clone().change().unwrap_or(kept.pixstor_search_url);
    attributes::write(NAME, old.map_or(&Value::Null, |site| &site.attributes), &kept).map_err(error)
}

/// The same of how work is done there.
pub(super) fn settings(input: &SiteInput, old: Option<&Site>) -> SiteSettings {
    let mut settings = old.map(|site| site.settings.clone()).unwrap_or_default();
    let count = |given: Option<i64>, old: u64| given.and_then(|value| u64::try_from(value).ok()).unwrap_or(old);
    if let Some(bandwidth) = input.bandwidth.change() {
        settings.bandwidth = bandwidth.and_then(|value| u64::try_from(value).ok());
    }
    if let Some(include) = &input.include {
        settings.include.clone_from(include);
    }
    if let Some(exclude) = &input.exclude {
        settings.exclude.clone_from(exclude);
    }
    settings.file_batch_size = count(input.file_batch_size, settings.file_batch_size);
    settings.file_batch_gb = count(input.file_batch_gb, settings.file_batch_gb);
    settings.lock_threshold = count(input.lock_threshold, settings.lock_threshold);
    settings.automatic_batches = input.enable_auto_file_batch_sizing.unwrap_or(settings.automatic_batches);
    if let Some(public_url) = input.public_url.clone().change() {
        settings.public_url = public_url;
    }
    settings
}

#[cfg(test)]
mod tests {
    use capstan_api_http::Given;

    use super::*;

    #[test]
    fn what_is_left_out_stays_and_null_clears() {
        let given = SiteInput {
            bandwidth: Given::Value(100),
            file_batch_size: Some(7),
            include: Some(vec!["*.tif".to_owned()]),
            ..SiteInput::default()
        };
        let first = settings(&given, None);
        assert_eq!((first.bandwidth, first.file_batch_size, first.include.len()), (Some(100), 7, 1));
        assert_eq!(settings(&SiteInput::default(), None), SiteSettings::default());
        let cleared = settings(&SiteInput { bandwidth: Given::Null, ..given }, None);
        assert_eq!(cleared.bandwidth, None);
    }
}
