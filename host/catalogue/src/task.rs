//! Tasks as records: made, with the paths they begin with, and listed.

use std::collections::{BTreeMap, HashMap};

use capstan_domain::ids::{Number, Reference, TaskId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::{JobPathState, MOST_PATHS, NewTask, Results, Task, TaskPath, TaskState};
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::connection::Connection;
use crate::failure::missing;
use crate::find::find;
use crate::query::{Row, Value, json, sql, tuples, word};
use crate::select::{Field, Select, Type};
use crate::task_advance::advance;
use crate::text_key::text_key;
use crate::upsert::kind_word;

pub(crate) const TASKS: Select = Select {
    columns: "t.id, t.number, w.id, t.job, t.position, t.kind, t.step, t.site, s.name, t.queue, q.name, t.state, \
              (SELECT string_agg(CAST(l.predecessor AS TEXT), ',' ORDER BY l.predecessor) FROM task_links l WHERE l.task = t.number), \
              t.spawner, t.paths, t.processed, t.skipped, t.aborted, t.failed, t.bytes, t.continuation, t.attempt, t.failure, \
              t.created, t.started, t.ended",
    from: "tasks t JOIN workflow_jobs w ON w.number = t.job LEFT JOIN sites s ON s.number = t.site \
           LEFT JOIN site_queues q ON q.number = t.queue",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("job", Type::Id, "w.id"),
        Field("job_number", Type::Integer, "t.job"),
        Field("position", Type::Integer, "t.position"),
        Field("kind", Type::Text, "t.kind"),
        Field("state", Type::Text, "t.state"),
        Field("site_number", Type::Integer, "t.site"),
        Field("site_name", Type::Text, "s.name"),
        Field("queue_number", Type::Integer, "t.queue"),
        Field("spawner", Type::Integer, "t.spawner"),
        Field("created", Type::Integer, "t.created"),
        Field("started", Type::Integer, "t.started"),
        Field("ended", Type::Integer, "t.ended"),
        Field(
            "viewer",
            Type::Id,
            "t.job IN (SELECT v.object FROM objects_given v WHERE v.permission = 'view_job' AND {v.holder})",
        ),
    ],
    open: &[],
    order: "t.number",
};

/// Tasks that are made at once, and predecessors of one.
const TASKS_AT_ONCE: usize = 10_000;
const PREDECESSORS: usize = 64;
/// Rows of one statement.
const CHUNK: usize = 400;

pub(crate) fn read(row: &mut Row) -> Outcome<Task> {
    Ok(Task {
        id: row.take()?,
        number: row.take()?,
        job: row.take()?,
        job_number: row.take()?,
        position: row.take()?,
        kind: row.take()?,
        step: row.json()?,
        site_number: row.take()?,
        site_name: row.take()?,
        queue_number: row.take()?,
        queue_name: row.take()?,
        state: row.word()?,
        predecessors: row.records()?,
        spawner: row.take()?,
        paths: row.take()?,
        results: Results { processed: row.take()?, skipped: row.take()?, aborted: row.take()?, failed: row.take()? },
        bytes: row.take()?,
        cursor: row.json_option()?,
        attempt: row.take()?,
        failure: row.json_option()?,
        created: row.take()?,
        started: row.take()?,
        ended: row.take()?,
    })
}

impl Catalogue {
    pub async fn task(&self, reference: impl Into<Reference<TaskId>>) -> Outcome<Task> {
        self.find(&TASKS, "task", reference.into(), read).await
    }

    pub async fn tasks(&self, listing: &Listing) -> Outcome<Page<Task>> {
        self.list(&TASKS, listing, read).await
    }
}

pub(crate) async fn by_number(connection: &mut Connection, number: Number) -> Outcome<Task> {
    find(connection, &TASKS, "task", Reference::<TaskId>::Number(number), read).await
}

/// Makes tasks of a job, whose row the caller holds. `open`: the job takes up tasks.
pub(crate) async fn insert_tasks(
    connection: &mut Connection,
    job: Number,
    open: bool,
    spawner: Option<Number>,
    tasks: &[NewTask],
) -> Outcome<()> {
    if tasks.len() > TASKS_AT_ONCE {
        return Err(Failure::invalid(format!("at most {TASKS_AT_ONCE} tasks at once")).with_code("too-many"));
    }
    let mut known: HashMap<u64, Number> = HashMap::with_capacity(tasks.len());
    let mut waiting = Vec::new();
    for task in tasks {
        let number = insert_task(connection, job, open, spawner, task).await?;
        known.insert(task.position, number);
        for position in &task.predecessors {
            let predecessor = match known.get(position) {
                Some(number) => *number,
                None => {
                    let found = sql("SELECT number FROM tasks WHERE job = $1 AND position = $2").bind(job).bind(*position);
                    waiting.push(number);
                    connection.one(found).await?.ok_or_else(|| missing("predecessor"))?.take()?
                }
            };
            let link =
                sql("INSERT INTO task_links (task, predecessor) VALUES ($1, $2) ON CONFLICT (task, predecessor) DO NOTHING");
            connection.run(link.bind(number).bind(predecessor)).await?;
        }
    }
    // What they wait for may have ended before they were made.
    advance(connection, open, waiting).await
}

async fn insert_task(
    connection: &mut Connection,
    job: Number,
    open: bool,
    spawner: Option<Number>,
    task: &NewTask,
) -> Outcome<Number> {
    if task.paths.len() > MOST_PATHS || task.predecessors.len() > PREDECESSORS {
        let bounds = format!("a task has at most {MOST_PATHS} paths and {PREDECESSORS} predecessors");
        return Err(Failure::invalid(bounds).with_code("too-many"));
    }
    if !task.paths.is_empty() && !task.predecessors.is_empty() {
        return Err(Failure::invalid("a task with predecessors is handed its paths by them").with_code("invalid"));
    }
    let insert =
        sql("INSERT INTO tasks (id, job, position, kind, step, site, queue, state, claimable, spawner, paths, ready, created) \
                      SELECT $1, $2, $3, $4, $5, q.site, q.number, $6, $7, $8, $9, $10, $10 FROM site_queues q WHERE q.id = $11 \
                      RETURNING number")
        .bind(TaskId::new())
        .bind(job)
        .bind(task.position)
        .bind(&task.kind)
        .bind(json(&task.step))
        .bind(word(&TaskState::Pending))
        .bind(open && task.predecessors.is_empty())
        .bind(spawner)
        .bind(u64::try_from(task.paths.len()).unwrap_or(u64::MAX))
        .bind(Timestamp::now())
        .bind(task.queue);
    let number = connection.one(insert).await?.ok_or_else(|| missing("queue"))?.take()?;
    let mut position = 0;
    for chunk in task.paths.chunks(CHUNK) {
        insert_paths(connection, job, number, position, chunk).await?;
        position += chunk.len();
    }
    let bytes = task.paths.iter().fold(0_u64, |sum, path| sum.saturating_add(path.size));
    let found = sql(
        "UPDATE jobs SET files_to_process = files_to_process + $2, bytes_to_process = bytes_to_process + $3 WHERE number = $1",
    );
    connection.run(found.bind(job).bind(u64::try_from(task.paths.len()).unwrap_or(u64::MAX)).bind(bytes)).await?;
    Ok(number)
}

async fn insert_paths(connection: &mut Connection, job: Number, task: Number, from: usize, paths: &[TaskPath]) -> Outcome<()> {
    // The same path may be in a task twice, as when a file gave way to a folder; of the job it is one.
    let unlike: BTreeMap<&str, ()> = paths.iter().map(|path| (path.path.as_str(), ())).collect();
    let pending = word(&JobPathState::Pending);
    let values = unlike
        .keys()
        .flat_map(|path| [Value::from(job), (*path).into(), text_key(&[path]), pending.as_str().into(), task.into()]);
    let text = format!(
        "INSERT INTO job_paths (job, path, path_key, state, task) VALUES {} ON CONFLICT (job, path_key) DO UPDATE \
         SET state = excluded.state, code = NULL, message = NULL, task = excluded.task RETURNING path, number",
        tuples(unlike.len(), 5)
    );
    let mut numbers: HashMap<String, Number> = HashMap::with_capacity(unlike.len());
    for mut row in connection.all(sql(text).bind_all(values)).await? {
        numbers.insert(row.take()?, row.take()?);
    }
    let mut values = Vec::with_capacity(paths.len() * 7);
    for (position, path) in (from..).zip(paths) {
        let number = numbers.get(&path.path).copied().ok_or_else(|| missing("path"))?;
        values.extend([Value::from(task), u64::try_from(position).unwrap_or(u64::MAX).into(), number.into()]);
        values.extend([Value::from(kind_word(path.kind)), path.size.into(), (&path.state).into(), path.from.clone().into()]);
    }
    let text =
        format!("INSERT INTO task_paths (task, position, path, kind, size, state, moved_from) VALUES {}", tuples(paths.len(), 7));
    connection.run(sql(text).bind_all(values)).await.map(|_| ())
}
