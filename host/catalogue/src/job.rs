//! Jobs as records: made, listed, asked to pause, resume or stop. Who runs them is `queue`'s.

use capstan_domain::failure::Kind;
use capstan_domain::ids::{DefinitionId, JobId, Reference};
use capstan_domain::job::{Job, JobState, NewJob, Progress, Request, Work};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::JobEvent;
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::connection::{Connection, Flavour};
use crate::find::find;
use crate::query::{Row, json, sql, word};
use crate::select::{Field, Select, Type};
use crate::workflow_request::ask;

pub(crate) const JOBS: Select = Select {
    columns: "t.id, t.number, t.definition, d.number, t.name, t.work, t.lane, t.state, t.requested, t.files_to_process, \
              t.bytes_to_process, t.files_processed, t.bytes_processed, t.files_finalized, t.bytes_finalized, t.files_failed, \
              t.bytes_per_second, t.remaining_ms, t.attempt, t.failure, t.answer, t.created, t.started, t.finished",
    from: "jobs t LEFT JOIN definitions d ON d.id = t.definition",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("definition", Type::Id, "t.definition"),
        Field("definition_number", Type::Integer, "d.number"),
        Field("workflow", Type::Text, "d.workflow"),
        Field("action", Type::Text, "d.action"),
        Field("name", Type::Text, "t.name"),
        Field("kind", Type::Text, "t.kind"),
        Field("state", Type::Text, "t.state"),
        Field("attempt", Type::Integer, "t.attempt"),
        Field("files_to_process", Type::Integer, "t.files_to_process"),
        Field("bytes_to_process", Type::Integer, "t.bytes_to_process"),
        Field("files_processed", Type::Integer, "t.files_processed"),
        Field("bytes_processed", Type::Integer, "t.bytes_processed"),
        Field("files_finalized", Type::Integer, "t.files_finalized"),
        Field("bytes_finalized", Type::Integer, "t.bytes_finalized"),
        Field("files_failed", Type::Integer, "t.files_failed"),
        Field("bytes_per_second", Type::Integer, "t.bytes_per_second"),
        Field("remaining_ms", Type::Integer, "t.remaining_ms"),
        Field("created", Type::Integer, "t.created"),
        Field("started", Type::Integer, "t.started"),
        Field("finished", Type::Integer, "t.finished"),
        Field("drive", Type::Id, "t.number IN (SELECT n.number FROM drive_jobs r JOIN jobs n ON n.id = r.job WHERE {r.drive})"),
        Field(
            "drive_owner",
            Type::Id,
            "t.number IN (SELECT n.number FROM drive_jobs r JOIN jobs n ON n.id = r.job WHERE {r.owner})",
        ),
        Field(
            "viewer",
            Type::Id,
            "t.number IN (SELECT v.object FROM objects_given v WHERE v.permission = 'view_job' AND {v.holder})",
        ),
    ],
    open: &["work", "definition:d.attributes"],
    order: "t.number",
};

pub(crate) fn read(row: &mut Row) -> Outcome<Job> {
    Ok(Job {
        id: row.take()?,
        number: row.take()?,
        definition: row.take()?,
        definition_number: row.take()?,
        name: row.take()?,
        work: row.json()?,
        lane: row.word()?,
        state: row.word()?,
        requested: row.word_option()?,
        progress: Progress {
            files_to_process: row.take()?,
            bytes_to_process: row.take()?,
            files_processed: row.take()?,
            bytes_processed: row.take()?,
            files_finalized: row.take()?,
            bytes_finalized: row.take()?,
            files_failed: row.take()?,
            bytes_per_second: row.take()?,
            remaining_ms: row.take()?,
        },
        attempt: row.take()?,
        failure: row.json_option()?,
        answer: row.json_option()?,
        created: row.take()?,
        started: row.take()?,
        finished: row.take()?,
    })
}

fn kind_word(work: &Work) -> &'static str {
    match work {
        Work::Transfer { .. } => "transfer",
        Work::Erase { .. } => "erase",
        Work::Scan { .. } | Work::Rescan { .. } => "scan",
        Work::Probe { .. } => "probe",
        Work::Drive { .. } => "drive",
        Work::SyncLocations { .. } => "sync_locations",
        Work::FindLibraries {} => "find_libraries",
        Work::TakeInventory { .. } => "take_inventory",
        Work::FormatCartridges { .. } => "format_cartridges",
        Work::EjectCartridges { .. } => "eject_cartridges",
        Work::ReadIndexes { .. } => "read_indexes",
        Work::CheckCartridges { .. } => "check_cartridges",
        Work::Workflow { .. } => "workflow",
    }
}

/// A worker that takes a job as it is made.
#[derive(Clone, Debug)]
pub struct Holder {
    pub worker: String,
    pub until: Timestamp,
}

impl Catalogue {
    /// Queued, for any worker; or held by one at once (work that only this process can do). A definition runs one job at a time:
    /// `Conflict` "already-running" while its newest is not final.
    pub async fn create_job(&self, new: &NewJob, holder: Option<Holder>) -> Outcome<Job> {
        let new = new.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let id = insert_job(connection, &new, holder).await?;
                find(connection, &JOBS, "job", id.into(), read).await
            })
        })
        .await
    }

    /// A job has no unique name: text is a number.
    pub async fn job(&self, reference: impl Into<Reference<JobId>>) -> Outcome<Job> {
        self.find(&JOBS, "job", reference.into(), read).await
    }

    pub async fn jobs(&self, listing: &Listing) -> Outcome<Page<Job>> {
        self.list(&JOBS, listing, read).await
    }

    /// Asks for a change of course. What no worker holds changes at once, a running job when its worker looks next. `Conflict`
    /// "wrong-state" where the request makes no sense.
    pub async fn request_job(&self, id: JobId, request: Request) -> Outcome<Job> {
        self.write(move |connection| {
            Box::pin(async move {
                let job = find(connection, &JOBS, "job", id.into(), read).await?;
                if let Work::Workflow { .. } = job.work
                    && !job.state.is_final()
                {
                    let event = match request {
                        Request::Pause => JobEvent::Pause,
                        Request::Resume => JobEvent::Resume,
                        Request::Stop => JobEvent::Cancel,
                    };
                    ask(connection, job.number, event).await?;
                    return find(connection, &JOBS, "job", id.into(), read).await;
                }
                lock(connection, id).await?;
                let job = find(connection, &JOBS, "job", id.into(), read).await?;
                let held: i64 =
                    connection.value(sql("SELECT count(*) FROM jobs WHERE id = $1 AND worker IS NOT NULL").bind(id)).await?;
                match (request, job.state, held > 0) {
                    (_, state, _) if state.is_final() => return Err(wrong_state("the job has ended")),
                    (Request::Stop, _, false) => {
                        let stop = sql("UPDATE jobs SET requested = NULL, finished = $2 WHERE id = $1");
                        connection.run(stop.bind(id).bind(Timestamp::now())).await?;
                        set_state(connection, id, JobState::StoppedByUser).await?;
                    }
                    (Request::Pause, JobState::Paused, _) => return Err(wrong_state("the job is paused already")),
                    (Request::Pause, _, false) => set_state(connection, id, JobState::Paused).await?,
                    (Request::Resume, JobState::Paused, false) => {
                        let resume = sql("UPDATE jobs SET requested = NULL, ready = $2 WHERE id = $1");
                        connection.run(resume.bind(id).bind(Timestamp::now())).await?;
                        set_state(connection, id, JobState::Queued).await?;
                    }
                    (Request::Resume, _, _) if job.requested != Some(Request::Pause) => {
                        return Err(wrong_state("the job is not paused"));
                    }
                    (Request::Pause, _, true) if job.requested == Some(Request::Stop) => {
                        return Err(wrong_state("the job is being stopped"));
                    }
                    // A resume that comes before the pause was seen leaves the job as it is.
                    (Request::Resume, _, _) => {
                        connection.run(sql("UPDATE jobs SET requested = NULL WHERE id = $1").bind(id)).await?;
                    }
                    (Request::Stop | Request::Pause, _, true) => {
                        let ask = sql("UPDATE jobs SET requested = $2 WHERE id = $1");
                        connection.run(ask.bind(id).bind(word(&request))).await?;
                    }
                }
                find(connection, &JOBS, "job", id.into(), read).await
            })
        })
        .await
    }
}

/// A job's row, in the transaction of what it is about.
pub(crate) async fn insert_job(connection: &mut Connection, new: &NewJob, holder: Option<Holder>) -> Outcome<JobId> {
    let id = JobId::new();
    let now = Timestamp::now();
    let held = holder.is_some();
    let state = if held { JobState::Calculating } else { JobState::Queued };
    let (worker, until) = holder.map_or((None, None), |holder| (Some(holder.worker), Some(holder.until)));
    if let Some(definition) = new.definition {
        refuse_a_second(connection, definition).await?;
    }
    let priority = priority_of(connection, new.definition).await?;
    let insert = sql(
        "INSERT INTO jobs (id, definition, name, kind, work, state, created, ready, worker, lease, attempt, started, priority, \
         lane) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(id)
    .bind(new.definition)
    .bind(&new.name)
    .bind(kind_word(&new.work))
    .bind(json(&new.work))
    .bind(word(&state))
    .bind(now)
    .bind(worker)
    .bind(until)
    .bind(u32::from(held))
    .bind(held.then_some(now))
    .bind(priority)
    .bind(word(&new.work.lane()));
    connection.run(insert).await?;
    if let Some(definition) = new.definition {
        let newest = sql("UPDATE definitions SET job = $2, status = $3 WHERE id = $1");
        connection.run(newest.bind(definition).bind(id).bind(word(&state))).await?;
    }
    Ok(id)
}

fn wrong_state(message: &str) -> Failure {
    Failure::new(Kind::Conflict, message).with_code("wrong-state")
}

/// What a definition's options say; a job of none has the usual priority.
async fn priority_of(connection: &mut Connection, definition: Option<DefinitionId>) -> Outcome<i64> {
    let Some(definition) = definition else { return Ok(USUAL_PRIORITY) };
    match connection.one(sql("SELECT options FROM definitions WHERE id = $1").bind(definition)).await? {
        Some(mut row) => Ok(priority(&row.json()?)),
        None => Ok(USUAL_PRIORITY),
    }
}

/// A job that nobody gave one.
const USUAL_PRIORITY: i64 = 0;

pub(crate) fn priority(options: &serde_json::Value) -> i64 {
    options.get("priority").and_then(serde_json::Value::as_i64).unwrap_or(USUAL_PRIORITY)
}

async fn refuse_a_second(connection: &mut Connection, definition: DefinitionId) -> Outcome<()> {
    if connection.flavour() == Flavour::Postgres {
        connection.all(sql("SELECT number FROM definitions WHERE id = $1 FOR UPDATE").bind(definition)).await?;
    }
    let running: i64 = connection
        .value(
            sql("SELECT count(*) FROM jobs WHERE definition = $1 AND state IN ('queued', 'calculating', 'running', 'paused')")
                .bind(definition),
        )
        .await?;
    if running == 0 {
        return Ok(());
    }
    Err(Failure::new(Kind::Conflict, "it is running already")
        .with_code("already-running")
        .with_next_step("wait for it, resume it or stop it"))
}

/// On PostgreSQL a look and the change that follows from it need the row held; SQLite has one writer.
pub(crate) async fn lock(connection: &mut Connection, id: JobId) -> Outcome<()> {
    if connection.flavour() == Flavour::Postgres {
        connection.all(sql("SELECT number FROM jobs WHERE id = $1 FOR UPDATE").bind(id)).await?;
    }
    Ok(())
}

/// The job's state, and with it that of the definition whose newest job it is.
pub(crate) async fn set_state(connection: &mut Connection, id: JobId, state: JobState) -> Outcome<()> {
    connection.run(sql("UPDATE jobs SET state = $2 WHERE id = $1").bind(id).bind(word(&state))).await?;
    connection.run(sql("UPDATE definitions SET status = $2 WHERE job = $1").bind(id).bind(word(&state))).await.map(|_| ())
}
