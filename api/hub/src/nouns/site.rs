//! Sites as answers show them: hosts that run workers, in short in lists and with all settings one by one.

use serde::Serialize;
use utoipa::ToSchema;

use crate::link::Link;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = space_of_site)]
pub struct SpaceOfSite {
    pub id: i64,
    pub url: Link,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = site)]
pub struct Site {
    pub id: i64,
    pub url: Link,
    pub name: String,
    pub label: Option<String>,
    pub shortcode: Option<String>,
    /// Where it is deployed.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub timezone: Option<String>,
    /// Red, green and blue.
    pub color: Vec<i64>,
    pub public_url: Option<String>,
    pub spaces: Vec<SpaceOfSite>,
    /// The caller may change it.
    pub editable: bool,
    pub am_i_configured: bool,
    pub ready_to_configure: bool,
    /// Mb/s; null is as much as there is.
    pub bandwidth: Option<i64>,
    pub directories_count: u64,
    pub files_count: u64,
    pub files_hydrated_count: u64,
    pub files_stubbed_count: u64,
    /// Patterns that hold for every workflow here.
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    pub enable_auto_file_batch_sizing: bool,
    /// Files of a task at most.
    pub file_batch_size: i64,
    /// GB of a task at most.
    pub file_batch_gb: i64,
    pub lock_threshold: i64,
    pub gpfs_iscan_buckets: Option<i64>,
    pub gpfs_iscan_threads: Option<i64>,
    pub elasticsearch_url: Option<String>,
    pub pixstor_search_url: Option<String>,
}

/// A site as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = site_row)]
pub(crate) struct SiteRow {
    id: i64,
    url: Link,
    name: String,
    label: Option<String>,
    shortcode: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    timezone: Option<String>,
    color: Vec<i64>,
    public_url: Option<String>,
    /// Names.
    spaces: Vec<String>,
    editable: bool,
    am_i_configured: bool,
    ready_to_configure: bool,
    bandwidth: Option<i64>,
    directories_count: u64,
    files_count: u64,
    files_hydrated_count: u64,
    files_stubbed_count: u64,
}

impl From<Site> for SiteRow {
    fn from(site: Site) -> Self {
        Self {
            id: site.id,
            url: site.url,
            name: site.name,
            label: site.label,
            shortcode: site.shortcode,
            kind: site.kind,
            timezone: site.timezone,
            color: site.color,
            public_url: site.public_url,
            spaces: site.spaces.into_iter().map(|space| space.name).collect(),
            editable: site.editable,
            am_i_configured: site.am_i_configured,
            ready_to_configure: site.ready_to_configure,
            bandwidth: site.bandwidth,
            directories_count: site.directories_count,
            files_count: site.files_count,
            files_hydrated_count: site.files_hydrated_count,
            files_stubbed_count: site.files_stubbed_count,
        }
    }
}
