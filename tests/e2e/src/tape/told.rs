//! What a run that did not end well tells of it: the job's own failure, and that of each path.

use anyhow::ensure;
use serde_json::Value;

use crate::cargo::{Cargo, Execution};
use crate::outcomes::Outcomes;

#[derive(Clone, Debug)]
pub struct Told {
    /// Of the run.
    pub status: String,
    /// In the shape of `/capstan/v1`: kind, message, code, next_step.
    pub failures: Vec<Value>,
    pub outcomes: Outcomes,
}

impl Told {
    /// Of a run with less than a thousand paths.
    pub fn of(cargo: &Cargo, run: &Execution) -> anyhow::Result<Self> {
        let outcomes = Outcomes::of(cargo, run)?;
        let each = outcomes.paths.values().chain([&outcomes.job]);
        let failures = each.filter_map(|one| one.get("failure")).filter(|failure| failure.is_object()).cloned().collect();
        Ok(Self { status: run.status.clone(), failures, outcomes })
    }

    /// One of the failures has all these words in its message, and says what to do.
    pub fn names(&self, words: &[&str]) -> anyhow::Result<()> {
        let text = |failure: &Value, member: &str| failure.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
        let clear = |failure: &&Value| {
            let message = text(failure, "message");
            words.iter().all(|word| message.contains(word)) && !text(failure, "next_step").is_empty()
        };
        let found = self.failures.iter().find(clear);
        ensure!(found.is_some(), "{}: no failure names {words:?} and says what to do: {:#?}", self.status, self.failures);
        Ok(())
    }

    /// Whether one of the failures has this code.
    pub fn has_code(&self, code: &str) -> bool {
        self.failures.iter().any(|failure| failure.get("code").and_then(Value::as_str) == Some(code))
    }
}
