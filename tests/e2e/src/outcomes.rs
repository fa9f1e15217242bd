//! What became of each path of a run, as the host's own API tells it.

use std::collections::BTreeMap;

use anyhow::Context;
use serde_json::Value;

use crate::cargo::{Cargo, Execution};

#[derive(Clone, Debug)]
pub struct Outcomes {
    /// The job of the run.
    pub job: Value,
    /// By path, as the host writes it.
    pub paths: BTreeMap<String, Value>,
}

impl Outcomes {
    /// Tests look at less than a thousand paths.
    pub fn of(cargo: &Cargo, run: &Execution) -> anyhow::Result<Self> {
        let id = run.whole.get("id").and_then(Value::as_str).context("a run without an id")?;
        let job = cargo.client.get(&format!("/capstan/v1/jobs/{id}"))?;
        let list = cargo.client.get(&format!("/capstan/v1/jobs/{id}/outcomes?limit=1000"))?;
        let items = list.get("items").and_then(Value::as_array).context("no outcomes")?;
        let named = |item: &Value| Some((item.get("path")?.as_str()?.to_owned(), item.clone()));
        Ok(Self { job, paths: items.iter().filter_map(named).collect() })
    }

    /// `done`, `unchanged`, `skipped` or `failed`; none: the path was not dealt with.
    pub fn state(&self, path: &str) -> Option<&str> {
        self.paths.get(path)?.get("state")?.as_str()
    }

    /// The kind of a path's failure.
    pub fn kind(&self, path: &str) -> Option<&str> {
        self.paths.get(path)?.get("failure")?.get("kind")?.as_str()
    }

    /// Paths in this state.
    pub fn in_state(&self, state: &str) -> Vec<&str> {
        self.paths.keys().map(String::as_str).filter(|path| self.state(path) == Some(state)).collect()
    }
}
