//! The paths that calls gave to jobs, as lists of jobs show them: how many, and the first of them.

use std::collections::HashMap;

use capstan_domain::Outcome;
use capstan_domain::ids::Number;

use crate::Catalogue;
use crate::query::{Value, sql};

/// Jobs of one statement.
const CHUNK: usize = 500;

/// What a call gave to a job, in short.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputHead {
    pub count: u64,
    /// In the order of the call.
    pub first: Vec<String>,
}

impl Catalogue {
    /// Of each of these jobs; one that was given no path is left out. `most`: first paths of each.
    pub async fn job_input_heads(&self, jobs: &[Number], most: u32) -> Outcome<HashMap<Number, InputHead>> {
        let mut connection = self.read().await?;
        let mut heads: HashMap<Number, InputHead> = HashMap::with_capacity(jobs.len());
        for chunk in jobs.chunks(CHUNK) {
            let marks: Vec<String> = (1..=chunk.len()).map(|at| format!("${at}")).collect();
            let marks = marks.join(", ");
            let values = || chunk.iter().map(|job| Value::from(*job));
            let counts = format!("SELECT job, max(position) + 1 FROM job_inputs WHERE job IN ({marks}) GROUP BY job");
            for mut row in connection.all(sql(counts).bind_all(values())).await? {
                let job = row.take()?;
                heads.entry(job).or_default().count = row.take()?;
            }
            let first =
                format!("SELECT job, path FROM job_inputs WHERE job IN ({marks}) AND position < {most} ORDER BY job, position");
            for mut row in connection.all(sql(first).bind_all(values())).await? {
                heads.entry(row.take()?).or_default().first.push(row.take()?);
            }
        }
        Ok(heads)
    }
}
