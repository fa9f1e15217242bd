//! The Hub's dialect, answered by the use cases: translation and nothing else.
//!
//! A file here stands for a noun of `capstan-api-hub`. What the dialect keeps and the host has no word for lies in the `hub` member of a
//! noun's open attributes, which only this door reads.

mod bucket_settings;
mod buckets;
mod external_targets;
mod failures;
mod files;
mod job_stats;
mod jobs;
mod listing;
mod refusals;
mod site_attributes;
mod sites;
mod spaces;
mod tasks;
mod words;
mod workflows;

use std::sync::Arc;

use capstan_api_http::Caller;
use capstan_api_hub::{Answer, DataPath};
use capstan_app::App;
use capstan_domain::identity;
use capstan_domain::ids::Number;

use crate::authenticator::{AskedOfEach, caller_of};

/// One for all nouns; each noun's trait is implemented in its own file.
pub(crate) struct Door {
    app: Arc<App>,
}

impl Door {
    fn caller(&self, caller: &Caller) -> Answer<identity::Caller> {
        caller_of(caller).map_err(failures::error)
    }

    /// The caller, if they may make this call about this object; who may not even look at it is told that it is not there.
    fn caller_on(&self, caller: &Caller, (nouns, verb): (&str, &str), object: Number) -> Answer<identity::Caller> {
        let caller = self.caller(caller)?;
        caller.check_on(nouns, verb, object).map_err(failures::missing(noun_of(nouns)))?;
        Ok(caller)
    }
}

/// One of them.
fn noun_of(nouns: &str) -> &'static str {
    match nouns {
        "buckets" => "bucket",
        "jobs" => "job",
        "sites" => "site",
        "spaces" => "space",
        _ => "object",
    }
}

pub(crate) const ASKED_OF_EACH: AskedOfEach = &[
    ("buckets", &["index", "show", "update", "destroy"]),
    ("jobs", &["index", "show", "destroy", "cancel", "pause", "resume", "resubmit"]),
    ("sites", &["index", "show", "update", "destroy", "refresh"]),
    ("spaces", &["index", "show", "update", "destroy"]),
];

/// All nouns of the data path, answered by one door.
pub(crate) fn data_path(door: &Arc<Door>) -> DataPath {
    DataPath {
        buckets: door.clone(),
        external_targets: door.clone(),
        files: door.clone(),
        job_stats: door.clone(),
        jobs: door.clone(),
        sites: door.clone(),
        spaces: door.clone(),
        tasks: door.clone(),
        workflows: door.clone(),
    }
}
