//! What becomes of a task: the results of its paths as they come, and its end.

use std::collections::BTreeMap;

use capstan_domain::ids::{Number, TaskId};
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::{JobState, PathResult, Results, TaskEnd, TaskEvent, TaskResult, TaskState};
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::connection::Connection;
use crate::query::{Value, json_option, sql, tuples, word};
use crate::task_advance::illegal;
use crate::task_claim::{HeldTask, follow, hold_task};

/// Results that are recorded at once; more are refused.
const RESULTS_AT_ONCE: usize = 10_000;
/// Rows of one statement.
const CHUNK: usize = 400;
/// Code of a path that its task ended without a word on.
const NOT_TOLD: &str = "not-told";

/// By how much the counts of a task and of its job change.
#[derive(Default)]
struct Change {
    /// In the order processed, skipped, aborted, failed.
    results: [i64; 4],
    settled: i64,
    settled_bytes: i64,
    /// Of processed paths.
    bytes: i64,
}

impl Change {
    fn add(&mut self, result: PathResult, size: i64, by: i64) {
        let [processed, skipped, aborted, failed] = &mut self.results;
        let count = match result {
            PathResult::Processed => {
                self.bytes = self.bytes.saturating_add(size.saturating_mul(by));
                processed
            }
            PathResult::Skipped => skipped,
            PathResult::Aborted => aborted,
            PathResult::Failed => failed,
        };
        *count += by;
        self.settled += by;
        self.settled_bytes = self.settled_bytes.saturating_add(size.saturating_mul(by));
    }
}

impl Catalogue {
    /// The same path again replaces its result. Durable when it answers: a worker that takes the task up after this one need not do
    /// these again. `Conflict` "lease-lost": the task is not this worker's any more.
    pub async fn record_task_results(&self, id: TaskId, worker: &str, results: Vec<TaskResult>) -> Outcome<()> {
        if results.len() > RESULTS_AT_ONCE {
            return Err(Failure::invalid(format!("at most {RESULTS_AT_ONCE} results at once")).with_code("too-many"));
        }
        let worker = worker.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let held = hold_task(connection, id, Some(&worker)).await?;
                let last: BTreeMap<u64, &TaskResult> = results.iter().map(|result| (result.position, result)).collect();
                let last: Vec<&TaskResult> = last.into_values().collect();
                let mut change = Change::default();
                for chunk in last.chunks(CHUNK) {
                    put_results(connection, held.task, chunk, &mut change).await?;
                }
                count(connection, held, &change).await
            })
        })
        .await
    }

    /// Ends a task; what waited for it gets the paths it processed, in the same transaction. Answers its state and the job's. `Conflict`
    /// "lease-lost" as above: nothing is changed then.
    pub async fn end_task(&self, id: TaskId, worker: &str, end: TaskEnd) -> Outcome<(TaskState, JobState)> {
        let worker = worker.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let held = hold_task(connection, id, Some(&worker)).await?;
                match end {
                    TaskEnd::Failed(failure) => fail_task(connection, held, &failure).await,
                    TaskEnd::Done => {
                        let not_told = "the task ended without a word on this path";
                        fail_unsettled(connection, held, NOT_TOLD, not_told).await?;
                        let text = "SELECT processed, skipped, aborted, failed FROM tasks WHERE number = $1";
                        let mut results = Results::default();
                        if let Some(mut row) = connection.one(sql(text).bind(held.task)).await? {
                            (results.processed, results.skipped) = (row.take()?, row.take()?);
                            (results.aborted, results.failed) = (row.take()?, row.take()?);
                        }
                        // A task that made others had work, though no paths.
                        let spawned =
                            sql("SELECT count(*) FROM tasks WHERE job = $1 AND spawner = $2").bind(held.job).bind(held.task);
                        let event = match results.event() {
                            TaskEvent::Emptied if connection.value::<i64>(spawned).await? > 0 => TaskEvent::Succeeded,
                            event => event,
                        };
                        finish(connection, held, event, None).await
                    }
                }
            })
        })
        .await
    }
}

/// As a whole; paths without a result fail with it.
pub(crate) async fn fail_task(connection: &mut Connection, held: HeldTask, failure: &Failure) -> Outcome<(TaskState, JobState)> {
    let code = failure.code.clone().unwrap_or_else(|| failure.kind.to_string());
    fail_unsettled(connection, held, &code, &failure.message).await?;
    finish(connection, held, TaskEvent::Failed, Some(failure)).await
}

async fn finish(
    connection: &mut Connection,
    held: HeldTask,
    event: TaskEvent,
    failure: Option<&Failure>,
) -> Outcome<(TaskState, JobState)> {
    let state = TaskState::Started.after(event).map_err(illegal)?;
    let end = sql("UPDATE tasks SET state = $2, worker = NULL, lease = NULL, failure = $3, ended = $4 WHERE number = $1");
    connection.run(end.bind(held.task).bind(word(&state)).bind(json_option(failure)).bind(Timestamp::now())).await?;
    Ok((state, follow(connection, held).await?))
}

async fn put_results(connection: &mut Connection, task: Number, chunk: &[&TaskResult], change: &mut Change) -> Outcome<()> {
    let marks: Vec<String> = (2..chunk.len() + 2).map(|at| format!("${at}")).collect();
    let marks = marks.join(", ");
    let positions = || chunk.iter().map(|result| Value::from(result.position));
    let text = format!("SELECT position, size, result FROM task_paths WHERE task = $1 AND position IN ({marks})");
    let new: BTreeMap<u64, PathResult> = chunk.iter().map(|result| (result.position, result.result)).collect();
    let mut known = 0;
    for mut row in connection.all(sql(text).bind(task).bind_all(positions())).await? {
        let (position, size): (u64, i64) = (row.take()?, row.take()?);
        if let Some(before) = row.word_option()? {
            change.add(before, size, -1);
        }
        if let Some(after) = new.get(&position) {
            change.add(*after, size, 1);
        }
        known += 1;
    }
    if known != chunk.len() {
        return Err(Failure::invalid("the task has no path at that position").with_code("not-found"));
    }
    let text = format!(
        "UPDATE task_paths SET result = v.column2, code = v.column3, message = v.column4 FROM (VALUES {}) AS v \
         WHERE task_paths.task = ? AND task_paths.position = v.column1",
        tuples(chunk.len(), 4)
    );
    let values = chunk.iter().flat_map(|result| {
        [Value::from(result.position), word(&result.result).into(), result.code.clone().into(), result.message.clone().into()]
    });
    connection.run(sql(text).bind_all(values).bind(task)).await?;
    let text = format!(
        "UPDATE job_paths SET state = p.result, code = p.code, message = p.message, task = p.task FROM task_paths p \
         WHERE p.task = $1 AND p.position IN ({marks}) AND job_paths.number = p.path"
    );
    connection.run(sql(text).bind(task).bind_all(positions())).await.map(|_| ())
}

async fn fail_unsettled(connection: &mut Connection, held: HeldTask, code: &str, message: &str) -> Outcome<()> {
    let text = "UPDATE job_paths SET state = 'failed', code = $2, message = $3, task = $1 \
                WHERE number IN (SELECT p.path FROM task_paths p WHERE p.task = $1 AND p.result IS NULL)";
    connection.run(sql(text).bind(held.task).bind(code).bind(message)).await?;
    let text = "SELECT count(*), CAST(COALESCE(sum(size), 0) AS BIGINT) FROM task_paths WHERE task = $1 AND result IS NULL";
    let Some(mut row) = connection.one(sql(text).bind(held.task)).await? else { return Ok(()) };
    let (paths, bytes): (i64, i64) = (row.take()?, row.take()?);
    let text = "UPDATE task_paths SET result = 'failed', code = $2, message = $3 WHERE task = $1 AND result IS NULL";
    connection.run(sql(text).bind(held.task).bind(code).bind(message)).await?;
    let change = Change { results: [0, 0, 0, paths], settled: paths, settled_bytes: bytes, bytes: 0 };
    count(connection, held, &change).await
}

async fn count(connection: &mut Connection, held: HeldTask, change: &Change) -> Outcome<()> {
    let [processed, skipped, aborted, failed] = change.results;
    let task = sql(
        "UPDATE tasks SET processed = processed + $2, skipped = skipped + $3, aborted = aborted + $4, failed = failed + $5, \
                    bytes = bytes + $6 WHERE number = $1",
    );
    connection.run(task.bind(held.task).bind(processed).bind(skipped).bind(aborted).bind(failed).bind(change.bytes)).await?;
    let job = sql("UPDATE jobs SET files_processed = files_processed + $2, bytes_processed = bytes_processed + $3, \
                   files_failed = files_failed + $4 WHERE number = $1");
    let job = job.bind(held.job).bind(change.settled).bind(change.settled_bytes).bind(skipped + failed);
    connection.run(job).await.map(|_| ())
}
