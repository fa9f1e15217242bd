//! Jobs that run workflows, as records: made, listed and counted. What is asked of one is `workflow_request`'s, what becomes of its tasks
//! `task_end`'s.

use capstan_domain::failure::Kind;
use capstan_domain::ids::{JobId, Number, Reference};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::{InputPath, JobCounts, JobOwner, JobState, JobTally, NewWorkflowJob, WorkflowJob};
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::connection::{Connection, Flavour};
use crate::failure::missing;
use crate::find::find;
use crate::query::{Row, Value, json, sql, tuples, word};
use crate::select::{Clauses, Field, Select, Type, seen, window};
use crate::space_profile::hold_space;
use crate::task::insert_tasks;
use crate::task_advance::hold_job;

pub(crate) const WORKFLOW_JOBS: Select = Select {
    columns: "t.id, t.number, j.name, t.state, t.workflow_name, t.workflow, t.site, s.name, t.queue, q.name, p.id, t.space, t.owner, \
              u.name, t.client_key, t.schedule, t.discovery, j.work, j.files_to_process, j.bytes_to_process, j.files_processed, \
              j.bytes_processed, j.files_failed, t.created, j.started, t.completed",
    from: "workflow_jobs t JOIN jobs j ON j.number = t.number LEFT JOIN sites s ON s.number = t.site \
           LEFT JOIN site_queues q ON q.number = t.queue LEFT JOIN spaces p ON p.number = t.space \
           LEFT JOIN users u ON u.number = t.given_owner",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("state", Type::Text, "t.state"),
        Field("workflow", Type::Text, "t.workflow_name"),
        Field("workflow_number", Type::Integer, "t.workflow"),
        Field("site_number", Type::Integer, "t.site"),
        Field("site_name", Type::Text, "s.name"),
        Field("queue_number", Type::Integer, "t.queue"),
        Field("queue_name", Type::Text, "q.name"),
        Field("space_number", Type::Integer, "t.space"),
        Field("owner", Type::Integer, "t.owner"),
        Field("client_key", Type::Integer, "t.client_key"),
        Field("schedule", Type::Integer, "t.schedule"),
        Field("discovery", Type::Text, "t.discovery"),
        Field("noop", Type::Flag, "t.noop"),
        Field("words", Type::Text, "t.words || ' ' || COALESCE(s.name, '') || ' ' || COALESCE(u.name, '')"),
        Field("created", Type::Integer, "t.created"),
        Field("completed", Type::Integer, "t.completed"),
        Field(
            "viewer",
            Type::Id,
            "t.number IN (SELECT v.object FROM objects_given v WHERE v.permission = 'view_job' AND {v.holder})",
        ),
    ],
    open: &[],
    order: "t.number",
};

/// Bytes of a path that stand in the index of input paths, at most.
const HEAD: usize = 512;
/// Bytes of a prefix that are looked for in it: less, since a head ends with a whole character.
const PREFIX: usize = HEAD - 4;
/// Bytes of what keywords are looked for in.
const WORDS: usize = 4_096;
/// Paths of a call; more are refused.
const INPUTS: usize = 100_000;
/// Rows of one statement.
const CHUNK: usize = 400;
const INPUT_COLUMNS: usize = 6;
const DAY: i64 = 86_400_000_000_000;

pub(crate) fn read(row: &mut Row) -> Outcome<WorkflowJob> {
    #[derive(serde::Deserialize)]
    struct Work {
        definition: serde_json::Value,
        call: serde_json::Value,
    }
    let (id, number, name, state) = (row.take()?, row.take()?, row.take()?, row.word()?);
    let (workflow, workflow_number, site_number, site_name) = (row.take()?, row.take()?, row.take()?, row.take()?);
    let (queue_number, queue_name, space, space_number) = (row.take()?, row.take()?, row.take()?, row.take()?);
    let (owner, owner_name, client_key, schedule) = (JobOwner::of_number(row.take()?), row.take()?, row.take()?, row.take()?);
    let discovery = row.take()?;
    let Work { definition, call } = row.json()?;
    let counts = JobCounts {
        paths: row.take()?,
        bytes: row.take()?,
        settled: row.take()?,
        settled_bytes: row.take()?,
        failed: row.take()?,
    };
    let (created, started, completed) = (row.take()?, row.take()?, row.take()?);
    Ok(WorkflowJob {
        id,
        number,
        name,
        state,
        workflow,
        workflow_number,
        site_number,
        site_name,
        queue_number,
        queue_name,
        space,
        space_number,
        owner,
        owner_name,
        client_key,
        schedule,
        discovery,
        definition,
        call,
        counts,
        created,
        started,
        completed,
    })
}

impl Catalogue {
    /// With its first tasks, in one transaction. `NotFound` where the workflow, the site, the queue of that site or the space is not there,
    /// `Conflict` "deleting" where the space is being deleted.
    pub async fn create_workflow_job(&self, new: &NewWorkflowJob) -> Outcome<WorkflowJob> {
        if new.inputs.len() > INPUTS {
            return Err(Failure::invalid(format!("at most {INPUTS} paths for one job")).with_code("too-many"));
        }
        let new = new.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let job = insert(connection, &new).await?;
                insert_inputs(connection, job, &new.inputs).await?;
                insert_tasks(connection, job, true, None, &new.tasks).await?;
                by_number(connection, job).await
            })
        })
        .await
    }

    /// A job has no unique name: text is a number.
    pub async fn workflow_job(&self, reference: impl Into<Reference<JobId>>) -> Outcome<WorkflowJob> {
        self.find(&WORKFLOW_JOBS, "job", reference.into(), read).await
    }

    /// `input_prefix`: of one of the paths that the call gave.
    pub async fn workflow_jobs(&self, listing: &Listing, input_prefix: Option<&str>) -> Outcome<Page<WorkflowJob>> {
        let mut connection = self.read().await?;
        let clauses = clauses(connection.flavour(), listing, input_prefix)?;
        let items = window(&mut connection, &WORKFLOW_JOBS, &clauses, listing, read).await?;
        let count = match seen(listing, items.len()) {
            Some(count) => count,
            None => {
                let text = format!("SELECT count(*) FROM {}{}", WORKFLOW_JOBS.from, clauses.filter);
                connection.value(sql(text).bind_all(clauses.values)).await?
            }
        };
        Ok(Page { count, items })
    }

    /// Of all jobs that the filters leave, whatever the window.
    pub async fn tally_workflow_jobs(&self, listing: &Listing, input_prefix: Option<&str>) -> Outcome<JobTally> {
        let mut connection = self.read().await?;
        let clauses = clauses(connection.flavour(), listing, input_prefix)?;
        let by = |column: &str| {
            let Clauses { filter, values, .. } = &clauses;
            let text = format!("SELECT {column}, count(*) FROM {}{filter} GROUP BY 1 ORDER BY 1", WORKFLOW_JOBS.from);
            sql(text).bind_all(values.iter().cloned())
        };
        let mut tally = JobTally::default();
        for mut row in connection.all(by("t.workflow_name")).await? {
            tally.workflows.push((row.take()?, row.take()?));
        }
        for mut row in connection.all(by("t.state")).await? {
            tally.states.push((row.word()?, row.take()?));
        }
        for mut row in connection.all(by("COALESCE(s.name, '')")).await? {
            tally.sites.push((row.take()?, row.take()?));
        }
        for mut row in connection.all(by(&format!("t.created / {DAY}"))).await? {
            tally.days.push((row.take()?, row.take()?));
        }
        Ok(tally)
    }

    /// What the call gave, in its order.
    pub async fn job_inputs(&self, job: JobId) -> Outcome<Vec<InputPath>> {
        let text = "SELECT i.path, i.state, i.size FROM job_inputs i JOIN workflow_jobs w ON w.number = i.job WHERE w.id = $1 \
                    ORDER BY i.position";
        let rows = self.read().await?.all(sql(text).bind(job)).await?;
        rows.into_iter().map(|mut row| Ok(InputPath { path: row.take()?, state: row.take()?, size: row.take()? })).collect()
    }

    /// With its tasks and paths. `Conflict` "wrong-state" while it has not ended.
    pub async fn delete_workflow_job(&self, id: JobId) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move {
                let job = find(connection, &WORKFLOW_JOBS, "job", id.into(), read).await?;
                if !hold_job(connection, job.number).await?.is_final() {
                    return Err(Failure::new(Kind::Conflict, "the job has not ended")
                        .with_code("wrong-state")
                        .with_next_step("cancel it first"));
                }
                connection.run(sql("DELETE FROM jobs WHERE id = $1").bind(id)).await.map(|_| ())
            })
        })
        .await
    }

    /// Jobs that ended before, the oldest first, so many at most. Answers how many went.
    pub async fn purge_workflow_jobs(&self, before: Timestamp, most: u32) -> Outcome<u64> {
        let text = format!(
            "DELETE FROM jobs WHERE number IN (SELECT w.number FROM workflow_jobs w WHERE w.completed < $1 ORDER BY w.completed LIMIT {most})"
        );
        let purge = sql(text).bind(before);
        self.write(move |connection| Box::pin(connection.run(purge))).await
    }
}

pub(crate) async fn by_number(connection: &mut Connection, number: Number) -> Outcome<WorkflowJob> {
    find(connection, &WORKFLOW_JOBS, "job", Reference::<JobId>::Number(number), read).await
}

pub(crate) fn clauses(flavour: Flavour, listing: &Listing, input_prefix: Option<&str>) -> Outcome<Clauses> {
    let mut clauses = WORKFLOW_JOBS.clauses(flavour, listing)?;
    let Some(prefix) = input_prefix.filter(|prefix| !prefix.is_empty()) else { return Ok(clauses) };
    let lower = head(prefix, PREFIX);
    let mark = clauses.values.len();
    clauses.filter.push_str(if clauses.filter.is_empty() { " WHERE " } else { " AND " });
    // The heads narrow it down, through their index.
    clauses.filter.push_str(&format!(
        "t.number IN (SELECT i.job FROM job_inputs i WHERE i.head >= ${} AND i.head < ${} AND substr(i.path, 1, CAST(${} AS INTEGER)) = ${})",
        mark + 1,
        mark + 2,
        mark + 3,
        mark + 4
    ));
    let characters = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
    let upper = format!("{lower}{}", char::MAX);
    clauses.values.extend([Value::from(lower), upper.into(), characters.into(), prefix.into()]);
    Ok(clauses)
}

/// As much of the beginning as has so many bytes, in whole characters.
fn head(text: &str, bytes: usize) -> &str {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= bytes).last();
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

async fn insert(connection: &mut Connection, new: &NewWorkflowJob) -> Outcome<Number> {
    let row = connection.one(sql("SELECT number, name FROM workflows WHERE id = $1").bind(new.workflow)).await?;
    let mut row = row.ok_or_else(|| missing("workflow"))?;
    let (workflow, workflow_name): (Number, String) = (row.take()?, row.take()?);
    let place =
        sql("SELECT s.number, q.number FROM sites s JOIN site_queues q ON q.site = s.number WHERE s.id = $1 AND q.id = $2");
    let mut place = connection.one(place.bind(new.site).bind(new.queue)).await?.ok_or_else(|| missing("queue of the site"))?;
    let (site, queue): (Number, Number) = (place.take()?, place.take()?);
    let space = match new.space {
        Some(space) => Some(open_space(connection, space).await?),
        None => None,
    };
    let (id, now) = (JobId::new(), Timestamp::now());
    let work = capstan_domain::job::Work::Workflow { definition: new.definition.clone(), call: new.call.clone() };
    let job = sql(
        "INSERT INTO jobs (id, name, kind, work, state, created, ready, lane) VALUES ($1, $2, 'workflow', $3, $4, $5, $6, $7) \
                   RETURNING number",
    )
    .bind(id)
    .bind(&new.name)
    .bind(json(&work))
    .bind(word(&JobState::Pending.of_any_job()))
    .bind(now)
    .bind(i64::MAX)
    .bind(word(&work.lane()));
    let number: Number = connection.value(job).await?;
    let mut words = format!("{} {workflow_name}", new.name);
    for input in new.inputs.iter().take_while(|_| words.len() < WORDS).collect::<Vec<_>>() {
        words.push(' ');
        words.push_str(&input.path);
    }
    let (given_owner, by_system) = match new.owner {
        JobOwner::User(number) => (Some(number), false),
        JobOwner::System => (None, true),
        JobOwner::Unknown => (None, false),
    };
    let insert = sql(
        "INSERT INTO workflow_jobs (number, id, state, workflow_name, workflow, site, queue, space, given_owner, by_system, \
                      client_key, schedule, discovery, words, created) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(number)
    .bind(id)
    .bind(word(&JobState::Pending))
    .bind(workflow_name)
    .bind(workflow)
    .bind(site)
    .bind(queue)
    .bind(space)
    .bind(given_owner)
    .bind(by_system)
    .bind(new.client_key)
    .bind(new.schedule)
    .bind(new.discovery.clone())
    .bind(head(&words, WORDS))
    .bind(now);
    connection.run(insert).await?;
    Ok(number)
}

/// A space that jobs may begin on, held until the transaction ends.
async fn open_space(connection: &mut Connection, id: capstan_domain::ids::SpaceId) -> Outcome<Number> {
    let found = connection.one(sql("SELECT number FROM spaces WHERE id = $1").bind(id)).await?;
    let number: Number = found.ok_or_else(|| missing("space"))?.take()?;
    hold_space(connection, number).await?;
    refuse_deleting(connection, number).await?;
    Ok(number)
}

pub(crate) async fn refuse_deleting(connection: &mut Connection, space: Number) -> Outcome<()> {
    let deleting = sql("SELECT count(*) FROM space_profiles WHERE space = $1 AND deleting IS NOT NULL").bind(space);
    match connection.value::<i64>(deleting).await? {
        0 => Ok(()),
        _ => Err(Failure::new(Kind::Conflict, "the space is being deleted").with_code("deleting")),
    }
}

async fn insert_inputs(connection: &mut Connection, job: Number, inputs: &[InputPath]) -> Outcome<()> {
    let mut position: u64 = 0;
    for chunk in inputs.chunks(CHUNK) {
        let mut values = Vec::with_capacity(chunk.len() * INPUT_COLUMNS);
        for input in chunk {
            values.extend([Value::from(job), position.into(), (&input.path).into(), head(&input.path, HEAD).into()]);
            values.extend([Value::from(input.state.clone()), input.size.into()]);
            position += 1;
        }
        let text = format!(
            "INSERT INTO job_inputs (job, position, path, head, state, size) VALUES {}",
            tuples(chunk.len(), INPUT_COLUMNS)
        );
        connection.run(sql(text).bind_all(values)).await?;
    }
    Ok(())
}
