//! What follows from the end of tasks: others that waited for them begin, are skipped or cancelled, and the job may be over.
//!
//! All of it is one transaction with the end itself, so that a crash leaves no task waiting for something that has happened. Whoever
//! writes here holds the row of the job first and those of its tasks after it.

use std::collections::VecDeque;

use capstan_domain::ids::Number;
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::{IllegalEvent, JobEvent, JobPathState, JobState, Readiness, TaskEvent, TaskState, readiness};
use capstan_domain::{Failure, Outcome};

use crate::connection::{Connection, Flavour};
use crate::failure::missing;
use crate::query::{sql, word};

/// The job's state, its row held.
pub(crate) async fn hold_job(connection: &mut Connection, job: Number) -> Outcome<JobState> {
    let hold = if connection.flavour() == Flavour::Postgres { " FOR UPDATE" } else { "" };
    let text = format!("SELECT state FROM workflow_jobs WHERE number = $1{hold}");
    connection.one(sql(text).bind(job)).await?.ok_or_else(|| missing("job"))?.word()
}

/// Looks at tasks that wait for others, and at those that wait for them in turn. `open`: the job takes up tasks.
pub(crate) async fn advance(connection: &mut Connection, open: bool, waiting: Vec<Number>) -> Outcome<()> {
    let mut waiting = VecDeque::from(waiting);
    while let Some(task) = waiting.pop_front() {
        let text = "SELECT p.state, p.processed FROM task_links l JOIN tasks p ON p.number = l.predecessor WHERE l.task = $1";
        let mut predecessors = Vec::new();
        for mut row in connection.all(sql(text).bind(task)).await? {
            let (state, processed): (TaskState, u64) = (row.word()?, row.take()?);
            predecessors.push((state, usize::try_from(processed).unwrap_or(usize::MAX)));
        }
        let event = match readiness(&predecessors) {
            Readiness::Wait => continue,
            Readiness::Run => {
                hand_on(connection, task).await?;
                connection.run(sql("UPDATE tasks SET claimable = $2 WHERE number = $1").bind(task).bind(open)).await?;
                continue;
            }
            Readiness::Skip => TaskEvent::Emptied,
            Readiness::Cancel => TaskEvent::Cancelled,
        };
        let state = TaskState::Pending.after(event).map_err(illegal)?;
        let end = sql("UPDATE tasks SET state = $2, claimable = 0, ended = $3 WHERE number = $1");
        connection.run(end.bind(task).bind(word(&state)).bind(Timestamp::now())).await?;
        waiting.extend(successors(connection, task).await?);
    }
    Ok(())
}

/// Tasks that wait for this one.
pub(crate) async fn successors(connection: &mut Connection, task: Number) -> Outcome<Vec<Number>> {
    let text = "SELECT l.task FROM task_links l JOIN tasks s ON s.number = l.task WHERE l.predecessor = $1 AND s.state = 'PENDING' \
                ORDER BY l.task";
    connection.all(sql(text).bind(task)).await?.into_iter().map(|mut row| row.take()).collect()
}

/// A task takes up what its predecessors processed, in their order.
async fn hand_on(connection: &mut Connection, task: Number) -> Outcome<()> {
    let paths = sql("INSERT INTO task_paths (task, position, path, kind, size, state, moved_from) \
                     SELECT l.task, row_number() OVER (ORDER BY p.task, p.position) - 1, p.path, p.kind, p.size, p.state, p.moved_from \
                     FROM task_links l JOIN task_paths p ON p.task = l.predecessor WHERE l.task = $1 AND p.result = 'processed'");
    let count = connection.run(paths.bind(task)).await?;
    let pending = sql("UPDATE job_paths SET state = $2, code = NULL, message = NULL, task = $1 \
                       WHERE number IN (SELECT p.path FROM task_paths p WHERE p.task = $1)");
    connection.run(pending.bind(task).bind(word(&JobPathState::Pending))).await?;
    connection.run(sql("UPDATE tasks SET paths = $2 WHERE number = $1").bind(task).bind(count)).await?;
    let found = sql("UPDATE jobs SET files_to_process = files_to_process + $2, bytes_to_process = bytes_to_process + \
                     (SELECT CAST(COALESCE(sum(p.size), 0) AS BIGINT) FROM task_paths p WHERE p.task = $1) \
                     WHERE number = (SELECT t.job FROM tasks t WHERE t.number = $1)");
    connection.run(found.bind(task).bind(count)).await.map(|_| ())
}

/// The state that the job's tasks lead it to; it is held, in `state` until now.
pub(crate) async fn settle_job(connection: &mut Connection, job: Number, state: JobState) -> Outcome<JobState> {
    let mut states = Vec::new();
    let text = "SELECT DISTINCT state FROM tasks WHERE job = $1";
    for mut row in connection.all(sql(text).bind(job)).await? {
        states.push(row.word::<TaskState>()?);
    }
    let event = if states.contains(&TaskState::Started) {
        return Ok(state);
    } else if states.contains(&TaskState::Pending) {
        JobEvent::Idle
    } else {
        JobState::of_tasks(states)
    };
    let after = state.after(event).map_err(illegal)?;
    if after != state {
        set_job_state(connection, job, after).await?;
    }
    Ok(after)
}

/// In both of its rows.
pub(crate) async fn set_job_state(connection: &mut Connection, job: Number, state: JobState) -> Outcome<()> {
    let completed = state.is_final().then(Timestamp::now);
    let own = sql("UPDATE workflow_jobs SET state = $2, completed = $3, noop = CASE WHEN $4 = 1 AND NOT EXISTS \
                   (SELECT 1 FROM job_paths p WHERE p.job = $1) THEN 1 ELSE 0 END WHERE number = $1");
    let own = own.bind(job).bind(word(&state)).bind(completed).bind(state.is_final());
    connection.run(own).await?;
    let started = (state == JobState::Started).then(Timestamp::now);
    let any = sql(
        "UPDATE jobs SET state = $2, finished = $3, started = COALESCE(started, $4), files_finalized = files_processed - files_failed, \
                   bytes_finalized = bytes_processed WHERE number = $1",
    );
    connection.run(any.bind(job).bind(word(&state.of_any_job())).bind(completed).bind(started)).await.map(|_| ())
}

/// A state that the database was found in does not fit what happened: a fault of the host.
pub(crate) fn illegal(event: IllegalEvent) -> Failure {
    Failure::host("a job is not in the state it should be in", event)
}
