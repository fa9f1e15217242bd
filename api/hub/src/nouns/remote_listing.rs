//! The remote side of an external target: one level of a bucket, page by page with markers.

use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::query::Query;
use crate::validation::leaves;

/// Items of a page at most, and when nothing is said.
const REMOTE_ITEMS_LIMIT: u64 = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteQuery {
    /// A folder, or a pattern with `*` and `?` that stays within one folder; empty is the root.
    pub path: String,
    /// Begin behind this.
    pub marker: Option<String>,
    /// From 1 to 100.
    pub max_items: u32,
}

impl RemoteQuery {
    pub(crate) fn of(uri: &Uri) -> Answer<Self> {
        let mut query = Query::of(uri);
        let path = query.text("path").unwrap_or_default();
        if leaves(&path) {
            query.check.refuse("path", "Enter a path without the steps . and ..");
        }
        let marker = query.text("marker");
        let max_items = query.count("max_items").unwrap_or(REMOTE_ITEMS_LIMIT).min(REMOTE_ITEMS_LIMIT);
        if max_items == 0 {
            query.check.refuse("max_items", "Ensure this value is greater than or equal to 1.");
        }
        query.finish()?;
        Ok(Self { path, marker, max_items: u32::try_from(max_items).unwrap_or(1) })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = remote_listing)]
pub struct RemoteListing {
    /// As it was asked for.
    pub path: String,
    /// As it was asked for; null on the first page.
    pub marker: Option<String>,
    /// Null on the last page.
    pub next_marker: Option<String>,
    pub directories: Vec<RemoteEntry>,
    pub files: Vec<RemoteEntry>,
    pub summary: RemoteSummary,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = remote_entry)]
pub struct RemoteEntry {
    pub name: String,
    pub path: String,
    /// Bytes; null of a folder.
    pub size: Option<u64>,
    /// `file` or `directory`.
    #[serde(rename = "type")]
    pub kind: RemoteKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = remote_kind)]
pub enum RemoteKind {
    File,
    Directory,
}

/// Of this page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = remote_summary)]
pub struct RemoteSummary {
    pub directories: u64,
    pub files: u64,
    /// Bytes of the files.
    pub size: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_100_items_at_most_and_a_path_does_not_leave() {
        let of = |query: &str| RemoteQuery::of(&format!("/?{query}").parse().unwrap());
        assert_eq!(of("").unwrap(), RemoteQuery { path: String::new(), marker: None, max_items: 100 });
        assert_eq!(of("max_items=5000").unwrap().max_items, 100);
        assert_eq!(of("path=aws/cats*.jpg&marker=m&max_items=7").unwrap().max_items, 7);
        for bad in ["max_items=0", "max_items=-1", "max_items=x", "path=a/../b", "path=%00"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
