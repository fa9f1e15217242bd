//! Who works on a task: a worker of its queue claims it for a while and renews the claim; a claim that ran out is taken from it.
//!
//! A task can be claimed when its row says so, so a claim looks at no other row and waits for none.

use capstan_domain::failure::Kind;
use capstan_domain::ids::{Number, TaskId};
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::{JobEvent, JobState, NewTask, Task, TaskEvent, TaskState};
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::connection::{Connection, Flavour};
use crate::failure::missing;
use crate::query::{json_option, sql, word};
use crate::task::{by_number, insert_tasks};
use crate::task_advance::{advance, hold_job, illegal, set_job_state, settle_job, successors};
use crate::task_end::fail_task;

/// Times that a task is taken up by workers that let go of it without a word, or could not do it; then it has failed.
pub const TASK_ATTEMPTS: u32 = 5;

/// Takes a task for a worker ($1) until $2, of those that are ready at $3 in a queue ($4).
pub(crate) fn claim(flavour: Flavour) -> String {
    let skip = if flavour == Flavour::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" };
    format!(
        "UPDATE tasks SET state = 'STARTED', claimable = 0, worker = $1, lease = $2, attempt = attempt + 1, failure = NULL, \
         started = COALESCE(started, $3) WHERE number = (SELECT number FROM tasks WHERE queue = $4 AND claimable = 1 AND ready <= $3 \
         ORDER BY number LIMIT 1{skip}) RETURNING number, job"
    )
}

impl Catalogue {
    /// The oldest task of the queue that waits for nothing, if there is one, held until `until`.
    pub async fn claim_task(&self, queue: Number, worker: &str, now: Timestamp, until: Timestamp) -> Outcome<Option<Task>> {
        let worker = worker.to_owned();
        let claimed = self
            .write(move |connection| {
                Box::pin(async move {
                    let claim = sql(claim(connection.flavour())).bind(worker).bind(until).bind(now).bind(queue);
                    let Some(mut row) = connection.one(claim).await? else { return Ok(None) };
                    let (task, job): (Number, Number) = (row.take()?, row.take()?);
                    let state = sql("SELECT state FROM workflow_jobs WHERE number = $1").bind(job);
                    let state: JobState = connection.one(state).await?.ok_or_else(|| missing("job"))?.word()?;
                    Ok(Some((by_number(connection, task).await?, state)))
                })
            })
            .await?;
        let Some((task, state)) = claimed else { return Ok(None) };
        if state == JobState::Pending {
            self.begin_workflow_job(task.job_number).await?;
        }
        Ok(Some(task))
    }

    /// In a transaction of its own: a claim holds the row of a task, and nobody who does waits for the row of a job.
    async fn begin_workflow_job(&self, job: Number) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move {
                match hold_job(connection, job).await? {
                    JobState::Pending => {
                        let state = JobState::Pending.after(JobEvent::Started).map_err(illegal)?;
                        set_job_state(connection, job, state).await
                    }
                    _ => Ok(()),
                }
            })
        })
        .await
    }

    /// Renews the claim, and answers the state of the job: under `Dequeuing` the worker does well to end early. `Conflict` "lease-lost":
    /// the task is not this worker's any more.
    pub async fn beat_task(&self, id: TaskId, worker: &str, until: Timestamp) -> Outcome<JobState> {
        let beat =
            sql("UPDATE tasks SET lease = $3 WHERE id = $1 AND worker = $2 RETURNING job").bind(id).bind(worker).bind(until);
        self.write(move |connection| {
            Box::pin(async move {
                let job: Number = connection.one(beat).await?.ok_or_else(lost)?.take()?;
                let state = sql("SELECT state FROM workflow_jobs WHERE number = $1").bind(job);
                connection.one(state).await?.ok_or_else(lost)?.word()
            })
        })
        .await
    }

    /// A task makes others, of positions above all before, and remembers where to go on: both or neither, so that one that is taken up
    /// again makes none twice. `Conflict` "lease-lost" as for `beat_task`.
    pub async fn spawn_tasks(
        &self,
        id: TaskId,
        worker: &str,
        tasks: Vec<NewTask>,
        cursor: Option<serde_json::Value>,
    ) -> Outcome<JobState> {
        let worker = worker.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let held = hold_task(connection, id, Some(&worker)).await?;
                insert_tasks(connection, held.job, held.state.takes_up_tasks(), Some(held.task), &tasks).await?;
                if held.state == JobState::Dequeuing {
                    cancel_pending(connection, held.job).await?;
                }
                let remember = sql("UPDATE tasks SET continuation = $2 WHERE number = $1");
                connection.run(remember.bind(held.task).bind(json_option(cursor.as_ref()))).await?;
                Ok(held.state)
            })
        })
        .await
    }

    /// Lets go of a task, which is not to be taken up before `ready`. With a failure, which is shown meanwhile, it counts as an attempt;
    /// without one, as when the host goes down, it does not.
    pub async fn release_task(&self, id: TaskId, worker: &str, ready: Timestamp, failure: Option<Failure>) -> Outcome<()> {
        let worker = worker.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let held = hold_task(connection, id, Some(&worker)).await?;
                give_back(connection, held, ready, failure).await
            })
        })
        .await
    }

    /// Takes tasks from workers whose leases ran out, so many at most. Answers how many.
    pub async fn recover_tasks(&self, now: Timestamp, most: u32) -> Outcome<u64> {
        let text = format!("SELECT id FROM tasks WHERE lease < $1 ORDER BY lease LIMIT {most}");
        let lapsed = self.read().await?.all(sql(text).bind(now)).await?;
        let mut recovered = 0;
        for mut row in lapsed {
            let id: TaskId = row.take()?;
            recovered += self
                .write(move |connection| {
                    Box::pin(async move {
                        let held = match hold_task(connection, id, None).await {
                            Ok(held) if held.lease < now => held,
                            // It was ended or renewed meanwhile.
                            Ok(_) => return Ok(0),
                            Err(failure) if failure.code.as_deref() == Some(LEASE_LOST) => return Ok(0),
                            Err(failure) => return Err(failure),
                        };
                        let gone =
                            Failure::new(Kind::Unavailable, "the worker of the task does not answer").with_code("worker-gone");
                        give_back(connection, held, now, Some(gone)).await?;
                        Ok(1)
                    })
                })
                .await?;
        }
        Ok(recovered)
    }
}

const LEASE_LOST: &str = "lease-lost";

pub(crate) fn lost() -> Failure {
    Failure::new(Kind::Conflict, "the task is held by another worker").with_code(LEASE_LOST)
}

/// A task that runs, its row and that of its job held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldTask {
    pub(crate) task: Number,
    pub(crate) job: Number,
    /// The job's.
    pub(crate) state: JobState,
    lease: Timestamp,
    attempt: u32,
}

/// `worker` none: whoever holds it.
pub(crate) async fn hold_task(connection: &mut Connection, id: TaskId, worker: Option<&str>) -> Outcome<HeldTask> {
    let job = connection.one(sql("SELECT job FROM tasks WHERE id = $1").bind(id)).await?.ok_or_else(lost)?.take()?;
    let state = hold_job(connection, job).await?;
    let hold = if connection.flavour() == Flavour::Postgres { " FOR UPDATE" } else { "" };
    let text = format!(
        "SELECT number, lease, attempt FROM tasks WHERE id = $1 AND state = 'STARTED' AND worker = COALESCE($2, worker){hold}"
    );
    let mut row = connection.one(sql(text).bind(id).bind(worker)).await?.ok_or_else(lost)?;
    Ok(HeldTask { task: row.take()?, job, state, lease: row.take()?, attempt: row.take()? })
}

async fn give_back(connection: &mut Connection, held: HeldTask, ready: Timestamp, failure: Option<Failure>) -> Outcome<()> {
    if let Some(failure) = failure.as_ref().filter(|_| held.attempt >= TASK_ATTEMPTS) {
        return fail_task(connection, held, failure).await.map(|_| ());
    }
    let pending = TaskState::Started.after(TaskEvent::Lost).map_err(illegal)?;
    let text = "UPDATE tasks SET state = $2, claimable = $3, worker = NULL, lease = NULL, ready = $4, failure = $5, attempt = attempt - $6 \
                WHERE number = $1";
    let back = sql(text).bind(held.task).bind(word(&pending)).bind(held.state.takes_up_tasks()).bind(ready);
    connection.run(back.bind(json_option(failure.as_ref())).bind(failure.is_none())).await?;
    if held.state == JobState::Dequeuing {
        cancel_pending(connection, held.job).await?;
    }
    settle_job(connection, held.job, held.state).await.map(|_| ())
}

/// What waits will not run; what runs may end.
pub(crate) async fn cancel_pending(connection: &mut Connection, job: Number) -> Outcome<()> {
    let cancelled = TaskState::Pending.after(TaskEvent::Cancelled).map_err(illegal)?;
    let cancel = sql("UPDATE tasks SET state = $2, claimable = 0, ended = $3 WHERE job = $1 AND state = 'PENDING'");
    connection.run(cancel.bind(job).bind(word(&cancelled)).bind(Timestamp::now())).await?;
    let paths = sql("UPDATE job_paths SET state = 'cancelled' WHERE job = $1 AND state = 'pending' AND task NOT IN \
                     (SELECT t.number FROM tasks t WHERE t.job = $1 AND t.state = 'STARTED')");
    connection.run(paths.bind(job)).await.map(|_| ())
}

/// A task has ended: those that waited for it go on, and the job.
pub(crate) async fn follow(connection: &mut Connection, held: HeldTask) -> Outcome<JobState> {
    let waiting = successors(connection, held.task).await?;
    advance(connection, held.state.takes_up_tasks(), waiting).await?;
    settle_job(connection, held.job, held.state).await
}
