//! What became of every case.

use std::collections::BTreeMap;

use capstan_domain::plugin::Description;
use serde::Serialize;

use crate::case::{Case, Facet};
use crate::clause::Clause;
use crate::size::Size;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Verdict {
    Passed,
    Failed {
        why: String,
    },
    /// The target file says that this server cannot do it.
    Expected {
        limit: String,
        reason: String,
        why: String,
    },
    /// The target file says that this server cannot do it, and it did.
    PassedAgainstExpectation {
        limit: String,
    },
    NotApplicable {
        why: String,
    },
}

#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub id: String,
    pub facet: Facet,
    pub rule: String,
    pub clause: Clause,
    pub milliseconds: u128,
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl Line {
    pub fn new(case: &Case, milliseconds: u128, verdict: Verdict) -> Self {
        let (id, rule) = (case.id.clone(), case.rule.clone());
        Self { id, facet: case.facet(), rule, clause: case.clause, milliseconds, verdict }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub plugin: String,
    pub version: String,
    pub size: Size,
    pub cases: Vec<Line>,
    /// What could not be taken away from the target again.
    pub left_behind: Vec<String>,
}

/// How many, by facet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Count {
    pub passed: usize,
    pub failed: usize,
    pub expected: usize,
    pub not_applicable: usize,
}

impl Count {
    pub fn all(self) -> usize {
        self.passed + self.failed + self.expected + self.not_applicable
    }
}

impl Report {
    pub fn new(description: &Description, size: Size) -> Self {
        let (plugin, version) = (description.id.clone(), description.version.clone());
        Self { plugin, version, size, cases: Vec::new(), left_behind: Vec::new() }
    }

    pub fn counts(&self) -> BTreeMap<Facet, Count> {
        let mut counts = BTreeMap::<Facet, Count>::new();
        for line in &self.cases {
            let count = counts.entry(line.facet).or_default();
            match line.verdict {
                Verdict::Passed | Verdict::PassedAgainstExpectation { .. } => count.passed += 1,
                Verdict::Failed { .. } => count.failed += 1,
                Verdict::Expected { .. } => count.expected += 1,
                Verdict::NotApplicable { .. } => count.not_applicable += 1,
            }
        }
        counts
    }

    pub fn total(&self) -> Count {
        self.counts().into_values().fold(Count::default(), |sum, count| Count {
            passed: sum.passed + count.passed,
            failed: sum.failed + count.failed,
            expected: sum.expected + count.expected,
            not_applicable: sum.not_applicable + count.not_applicable,
        })
    }

    pub fn failed(&self) -> impl Iterator<Item = (&Line, &str)> {
        self.cases.iter().filter_map(|line| match &line.verdict {
            Verdict::Failed { why } => Some((line, why.as_str())),
            _ => None,
        })
    }

    /// Ids of the cases that failed.
    pub fn failed_ids(&self) -> Vec<&str> {
        self.failed().map(|(line, _)| line.id.as_str()).collect()
    }

    pub fn holds(&self) -> bool {
        self.failed().next().is_none() && self.left_behind.is_empty()
    }

    /// The report as one document, with the counts.
    pub fn to_json(&self) -> serde_json::Result<serde_json::Value> {
        let mut document = serde_json::to_value(self)?;
        if let Some(fields) = document.as_object_mut() {
            fields.insert("counts".to_owned(), serde_json::to_value(self.counts())?);
            fields.insert("total".to_owned(), serde_json::to_value(self.total())?);
            fields.insert("holds".to_owned(), self.holds().into());
        }
        Ok(document)
    }

    /// For tests.
    ///
    /// # Errors
    /// Every rule that did not hold, with its clause.
    pub fn passed(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.holds(), "{}", crate::shown::report(self, false));
        Ok(())
    }
}
