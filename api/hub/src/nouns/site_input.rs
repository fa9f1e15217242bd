//! Sites as requests ask for them.

use capstan_api_http::Given;
use http::Uri;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::validation::{Check, For, NAME_LIMIT, given};

/// Members that are left out stay as they are; name and shortcode are given on create.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = site_input)]
pub struct SiteInput {
    pub name: Option<String>,
    pub shortcode: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub label: Given<String>,
    #[serde(default)]
    #[serde(rename = "type")]
    #[schema(value_type = Option<String>)]
    pub kind: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub timezone: Given<String>,
    pub color: Option<Vec<i64>>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub public_url: Given<String>,
    /// Names of spaces that are to be there.
    pub spaces: Option<Vec<String>>,
    pub am_i_configured: Option<bool>,
    pub ready_to_configure: Option<bool>,
    /// Mb/s; null is as much as there is.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub bandwidth: Given<i64>,
    pub include: Option<Vec<String>>,
    pub exclude: Option<Vec<String>>,
    pub enable_auto_file_batch_sizing: Option<bool>,
    pub file_batch_size: Option<i64>,
    pub file_batch_gb: Option<i64>,
    pub lock_threshold: Option<i64>,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub gpfs_iscan_buckets: Given<i64>,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub gpfs_iscan_threads: Given<i64>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub elasticsearch_url: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub pixstor_search_url: Given<String>,
    /// The four counters are counted by the host: what is sent is not looked at.
    pub directories_count: Option<i64>,
    pub files_count: Option<i64>,
    pub files_hydrated_count: Option<i64>,
    pub files_stubbed_count: Option<i64>,
}

impl SiteInput {
    pub(crate) fn check(&self, purpose: For) -> Answer<()> {
        let mut check = Check::new(purpose);
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        check.word("name", self.name.as_deref(), NAME_LIMIT, allowed, "letters, digits, - and _ only");
        check.name("shortcode", self.shortcode.as_deref(), NAME_LIMIT);
        for (field, value) in [("label", &self.label), ("type", &self.kind), ("timezone", &self.timezone)] {
            check.line(field, given(value).map(String::as_str), NAME_LIMIT);
        }
        for (field, value) in [
            ("public_url", &self.public_url),
            ("elasticsearch_url", &self.elasticsearch_url),
            ("pixstor_search_url", &self.pixstor_search_url),
        ] {
            let value = given(value).map(String::as_str);
            check.text(field, value);
            if value.is_some_and(|url| !url.is_empty() && !is_address(url)) {
                check.refuse(field, "Enter a valid URL.");
            }
        }
        check.color(self.color.as_ref());
        for (field, value) in [("spaces", &self.spaces), ("include", &self.include), ("exclude", &self.exclude)] {
            check.texts(field, value.iter().flatten());
        }
        for (field, value, least) in [
            ("bandwidth", given(&self.bandwidth).copied(), 1),
            ("file_batch_size", self.file_batch_size, 1),
            ("file_batch_gb", self.file_batch_gb, 1),
            ("lock_threshold", self.lock_threshold, 0),
            ("gpfs_iscan_buckets", given(&self.gpfs_iscan_buckets).copied(), 1),
            ("gpfs_iscan_threads", given(&self.gpfs_iscan_threads).copied(), 1),
        ] {
            check.amount(field, value, least, i64::from(i32::MAX));
        }
        check.finish()
    }
}

/// An absolute address, without a user in it.
fn is_address(text: &str) -> bool {
    text.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some_and(|found| !found.as_str().contains('@'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(body: serde_json::Value) -> bool {
        serde_json::from_value::<SiteInput>(body).unwrap().check(For::Update).is_ok()
    }

    #[test]
    fn names_are_words_and_addresses_are_absolute() {
        assert!(good(serde_json::json!({ "name": "site-1_A", "public_url": "https://hub.example/", "label": null })));
        for bad in [
            serde_json::json!({ "name": "site 1" }),
            serde_json::json!({ "name": "sité" }),
            serde_json::json!({ "public_url": "hub.example" }),
            serde_json::json!({ "public_url": "http://u:p@hub.example" }),
            serde_json::json!({ "bandwidth": 0 }),
            serde_json::json!({ "file_batch_size": 3_000_000_000_i64 }),
            serde_json::json!({ "color": [1, 2] }),
        ] {
            assert!(!good(bad.clone()), "{bad}");
        }
    }
}
