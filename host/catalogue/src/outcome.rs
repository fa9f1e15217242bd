//! What became of each path of a job.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use capstan_domain::Outcome;
use capstan_domain::ids::{JobId, Number};
use capstan_domain::job::PathOutcome;
use capstan_domain::listing::{Listing, Page};

use crate::Catalogue;
use crate::connection::Connection;
use crate::failure::missing;
use crate::query::{Row, Value, json_option, sql, word};
use crate::select::{Field, Select, Type};
use crate::text_key::text_key;

const OUTCOMES: Select = Select {
    columns: "j.id, t.path, t.state, t.bytes, t.failure, t.finished",
    from: "outcomes t JOIN jobs j ON j.number = t.job",
    fields: &[
        Field("number", Type::Integer, "t.number"),
        Field("job_number", Type::Integer, "t.job"),
        Field("path", Type::Text, "t.path"),
        Field("state", Type::Text, "t.state"),
        Field("bytes", Type::Integer, "t.bytes"),
        Field("finished", Type::Integer, "t.finished"),
    ],
    open: &[],
    order: "t.number",
};

/// Rows of one statement.
const CHUNK: usize = 200;
const COLUMNS: usize = 7;

fn read(row: &mut Row) -> Outcome<PathOutcome> {
    Ok(PathOutcome {
        job: row.take()?,
        path: row.take()?,
        state: row.word()?,
        bytes: row.take()?,
        failure: row.json_option()?,
        finished: row.take()?,
    })
}

/// How many paths of a job ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub done: u64,
    pub unchanged: u64,
    pub skipped: u64,
    pub failed: u64,
}

impl Catalogue {
    /// As they came about, unless the listing says otherwise.
    pub async fn outcomes(&self, job: JobId, listing: &Listing) -> Outcome<Page<PathOutcome>> {
        let number: Number = self.job(job).await?.number;
        let listing = listing.clone().with("job_number", capstan_domain::listing::Operator::Equal, number);
        self.list(&OUTCOMES, &listing, read).await
    }

    pub async fn tally(&self, job: JobId) -> Outcome<Tally> {
        let query =
            sql("SELECT state, count(*) FROM outcomes WHERE job = (SELECT number FROM jobs WHERE id = $1) GROUP BY state")
                .bind(job);
        let mut tally = Tally::default();
        for mut row in self.read().await?.all(query).await? {
            let state: capstan_domain::job::PathState = row.word()?;
            let count = row.take()?;
            match state {
                capstan_domain::job::PathState::Done => tally.done = count,
                capstan_domain::job::PathState::Unchanged => tally.unchanged = count,
                capstan_domain::job::PathState::Skipped => tally.skipped = count,
                capstan_domain::job::PathState::Failed => tally.failed = count,
            }
        }
        Ok(tally)
    }
}

/// The same path again replaces its outcome; within one call the last counts. What this job has done stays done: taken up again, it
/// sees its own work as unchanged.
pub(crate) async fn put_outcomes(connection: &mut Connection, outcomes: &[PathOutcome]) -> Outcome<()> {
    let mut last = std::collections::BTreeMap::new();
    for outcome in outcomes {
        last.insert((outcome.job.0, outcome.path.as_str()), outcome);
    }
    let rows: Vec<&PathOutcome> = last.into_values().collect();
    let mut numbers: HashMap<JobId, Number> = HashMap::new();
    for row in &rows {
        if let Entry::Vacant(vacant) = numbers.entry(row.job) {
            let query = sql("SELECT number FROM jobs WHERE id = $1").bind(row.job);
            let mut found = connection.one(query).await?.ok_or_else(|| missing("job"))?;
            vacant.insert(found.take()?);
        }
    }
    for chunk in rows.chunks(CHUNK) {
        let mut values: Vec<Value> = Vec::with_capacity(chunk.len() * COLUMNS);
        for row in chunk {
            values.push(numbers.get(&row.job).copied().unwrap_or_default().into());
            values.push((&row.path).into());
            values.push(text_key(&[&row.path]));
            values.push(word(&row.state).into());
            values.push(row.bytes.into());
            values.push(json_option(row.failure.as_ref()));
            values.push(row.finished.into());
        }
        let text = format!(
            "INSERT INTO outcomes (job, path, path_key, state, bytes, failure, finished) VALUES {} \
             ON CONFLICT (job, path_key) DO UPDATE SET state = excluded.state, bytes = excluded.bytes, failure = excluded.failure, \
             finished = excluded.finished WHERE NOT (outcomes.state = 'done' AND excluded.state = 'unchanged')",
            crate::query::tuples(chunk.len(), COLUMNS)
        );
        connection.run(sql(text).bind_all(values)).await?;
    }
    Ok(())
}
