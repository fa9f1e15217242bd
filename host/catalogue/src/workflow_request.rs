//! What users ask of a job that runs a workflow: to pause, to go on, to stop, to run again.

use capstan_domain::ids::{JobId, Number};
use capstan_domain::workflow::{JobEvent, JobState, WorkflowJob};
use capstan_domain::{Failure, Kind, Outcome};

use crate::Catalogue;
use crate::connection::Connection;
use crate::failure::missing;
use crate::query::sql;
use crate::task_advance::{hold_job, illegal, set_job_state, settle_job};
use crate::task_claim::cancel_pending;
use crate::workflow_job::{by_number, refuse_deleting};

impl Catalogue {
    /// `Pause`, `Resume`, `Cancel` or `Resubmit`. One that does not fit the state has no effect. Tasks that run go on to their end, or until
    /// their worker looks. `Conflict` "deleting": it cannot run again on a space that is being deleted.
    pub async fn request_workflow_job(&self, id: JobId, request: JobEvent) -> Outcome<WorkflowJob> {
        if !matches!(request, JobEvent::Pause | JobEvent::Resume | JobEvent::Cancel | JobEvent::Resubmit) {
            return Err(Failure::new(Kind::Unsupported, "nobody can ask that of a job"));
        }
        self.write(move |connection| {
            Box::pin(async move {
                let found = connection.one(sql("SELECT number FROM workflow_jobs WHERE id = $1").bind(id)).await?;
                let job = found.ok_or_else(|| missing("job"))?.take()?;
                ask(connection, job, request).await?;
                by_number(connection, job).await
            })
        })
        .await
    }
}

pub(crate) async fn ask(connection: &mut Connection, job: Number, request: JobEvent) -> Outcome<()> {
    let mut state = hold_job(connection, job).await?;
    if request == JobEvent::Pause && state.takes_up_tasks() {
        // After this none is claimed any more; those that were meanwhile are seen below.
        connection.run(sql("UPDATE tasks SET claimable = 0 WHERE job = $1 AND claimable = 1").bind(job)).await?;
    }
    if request == JobEvent::Cancel && !state.is_final() {
        cancel_pending(connection, job).await?;
    }
    // Its first task may have been claimed a moment ago.
    if state == JobState::Pending && runs(connection, job).await? {
        state = state.after(JobEvent::Started).map_err(illegal)?;
    }
    let after = state.after(request).map_err(illegal)?;
    if after == state {
        return Ok(());
    }
    set_job_state(connection, job, after).await?;
    match request {
        JobEvent::Resume => open(connection, job).await?,
        JobEvent::Resubmit => begin_again(connection, job).await?,
        _ => {}
    }
    match request {
        JobEvent::Pause | JobEvent::Cancel => settle_job(connection, job, after).await.map(|_| ()),
        _ => Ok(()),
    }
}

async fn runs(connection: &mut Connection, job: Number) -> Outcome<bool> {
    let started = sql("SELECT count(*) FROM tasks WHERE job = $1 AND state = 'STARTED'").bind(job);
    Ok(connection.value::<i64>(started).await? > 0)
}

/// What waits for nothing but a worker can be claimed.
async fn open(connection: &mut Connection, job: Number) -> Outcome<()> {
    let text = "UPDATE tasks SET claimable = 1 WHERE job = $1 AND state = 'PENDING' AND NOT EXISTS (SELECT 1 FROM task_links l \
                JOIN tasks p ON p.number = l.predecessor WHERE l.task = tasks.number AND p.state IN ('PENDING', 'STARTED'))";
    connection.run(sql(text).bind(job)).await.map(|_| ())
}

/// As it was made: what its tasks spawned goes, and is discovered anew.
async fn begin_again(connection: &mut Connection, job: Number) -> Outcome<()> {
    let space = connection.one(sql("SELECT space FROM workflow_jobs WHERE number = $1").bind(job)).await?;
    if let Some(space) = space.map(|mut row| row.take::<Option<Number>>()).transpose()?.flatten() {
        refuse_deleting(connection, space).await?;
    }
    const WAITS: &str = "EXISTS (SELECT 1 FROM task_links l WHERE l.task = tasks.number)";
    let reset = format!(
        "UPDATE tasks SET state = 'PENDING', claimable = CASE WHEN {WAITS} THEN 0 ELSE 1 END, paths = CASE WHEN {WAITS} THEN 0 \
         ELSE paths END, processed = 0, skipped = 0, aborted = 0, failed = 0, bytes = 0, continuation = NULL, attempt = 0, \
         failure = NULL, worker = NULL, lease = NULL, ready = 0, started = NULL, ended = NULL WHERE job = $1"
    );
    let steps = [
        "DELETE FROM tasks WHERE job = $1 AND spawner IS NOT NULL",
        "DELETE FROM task_paths WHERE task IN (SELECT l.task FROM task_links l JOIN tasks t ON t.number = l.task WHERE t.job = $1)",
        "UPDATE task_paths SET result = NULL, code = NULL, message = NULL WHERE task IN (SELECT t.number FROM tasks t WHERE t.job = $1)",
        &reset,
        "DELETE FROM job_paths WHERE job = $1 AND NOT EXISTS (SELECT 1 FROM task_paths p WHERE p.path = job_paths.number)",
        "UPDATE job_paths SET state = 'pending', code = NULL, message = NULL, task = (SELECT max(p.task) FROM task_paths p \
         WHERE p.path = job_paths.number) WHERE job = $1",
        "UPDATE jobs SET started = NULL, files_processed = 0, bytes_processed = 0, files_finalized = 0, bytes_finalized = 0, \
         files_failed = 0, failure = NULL, files_to_process = (SELECT count(*) FROM task_paths p JOIN tasks t ON t.number = p.task \
         WHERE t.job = $1), bytes_to_process = (SELECT CAST(COALESCE(sum(p.size), 0) AS BIGINT) FROM task_paths p \
         JOIN tasks t ON t.number = p.task WHERE t.job = $1) WHERE number = $1",
    ];
    for step in steps {
        connection.run(sql(step.to_owned()).bind(job)).await?;
    }
    Ok(())
}
