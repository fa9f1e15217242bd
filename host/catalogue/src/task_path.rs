//! The paths of tasks, each with what the task made of it.

use capstan_domain::Outcome;
use capstan_domain::ids::Number;
use capstan_domain::listing::{Filter, Listing, Operator, Page};
use capstan_domain::workflow::{TaskPath, TaskPathRecord};

use crate::Catalogue;
use crate::query::Row;
use crate::select::{Field, Select, Type, WINDOW};

const PATHS: Select = Select {
    columns: "t.task, t.position, p.path, t.kind, t.size, t.state, t.moved_from, t.result, t.code, t.message",
    from: "task_paths t JOIN job_paths p ON p.number = t.path",
    fields: &[
        Field("task_number", Type::Integer, "t.task"),
        Field("job_path", Type::Integer, "t.path"),
        Field("position", Type::Integer, "t.position"),
        Field("path", Type::Text, "p.path"),
        Field("kind", Type::Text, "t.kind"),
        Field("state", Type::Text, "t.state"),
        Field("result", Type::Text, "t.result"),
    ],
    open: &[],
    order: "t.task, t.position",
};

/// Tasks whose paths are asked for in one statement.
const CHUNK: usize = 500;

fn read(row: &mut Row) -> Outcome<TaskPathRecord> {
    let (task, position) = (row.take()?, row.take()?);
    let path = TaskPath { path: row.take()?, kind: row.word()?, size: row.take()?, state: row.take()?, from: row.take()? };
    Ok(TaskPathRecord { task, position, path, result: row.word_option()?, code: row.take()?, message: row.take()? })
}

impl Catalogue {
    /// Of a task, in its order. A worker goes on with `position` above the last.
    pub async fn task_paths(&self, task: Number, listing: &Listing) -> Outcome<Page<TaskPathRecord>> {
        self.list(&PATHS, &listing.clone().with("task_number", Operator::Equal, task), read).await
    }

    /// The first paths of each of these tasks, so many of each at most.
    pub async fn first_task_paths(&self, tasks: &[Number], most: u32) -> Outcome<Vec<TaskPathRecord>> {
        let mut paths = Vec::new();
        for chunk in tasks.chunks(CHUNK) {
            let rows = u32::try_from(chunk.len()).unwrap_or(WINDOW).saturating_mul(most);
            let mut listing = Listing::first(rows).with("position", Operator::Less, most);
            let values = chunk.iter().map(ToString::to_string).collect();
            listing.filters.push(Filter { field: "task_number".to_owned(), operator: Operator::In, values });
            paths.extend(self.list(&PATHS, &listing, read).await?.items);
        }
        Ok(paths)
    }

    /// The tasks that a path of a job went through, oldest first.
    pub async fn job_path_history(&self, job_path: Number, listing: &Listing) -> Outcome<Page<TaskPathRecord>> {
        self.list(&PATHS, &listing.clone().with("job_path", Operator::Equal, job_path), read).await
    }
}
