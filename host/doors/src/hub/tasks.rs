//! Tasks.

use std::collections::HashMap;

use async_trait::async_trait;
use capstan_api_http::Caller;
use capstan_api_hub as api;
use capstan_api_hub::{Answer, Error, Link, Page, PathState, TaskFile, TaskFileFilter, TaskFilter, TaskPath, Tasks, Window};
use capstan_domain::ids::TaskId;
use capstan_domain::listing::{Filter, Listing, Operator};
use capstan_domain::workflow::{Task, TaskPathRecord, TaskState};
use serde_json::{Value, json};

use super::Door;
use super::failures::{error, missing};
use super::jobs::one_of;
use super::listing::{page, window};
use super::words::{RESULTS, file_kind, moment, path_result, runtime, state_of_task, task_state, word_of_kind, words_of_path};

/// Paths that a task shows of those it has.
const PATHS_SHOWN: u32 = 5;
/// Before the name of what a task does, on the wire.
const PREFIX: &str = "dynamo.tasks.";
/// Kinds of tasks that no rule asks for: the host's own.
const INTERNAL: [&str; 3] = ["discovery", "push_settings", "read_settings"];

pub(super) fn task_type(kind: &str) -> String {
    if kind.starts_with("dynamo.") { kind.to_owned() } else { format!("{PREFIX}{kind}") }
}

/// "reverse_stub" as "Reverse stub".
fn friendly(kind: &str) -> String {
    let words = kind.strip_prefix(PREFIX).unwrap_or(kind).replace('_', " ");
    let mut characters = words.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// `waits`: what is to be said of it while it waits.
fn task(task: Task, paths: Vec<TaskPath>, waits: Option<&String>) -> api::Task {
    let ended = task.ended.is_some();
    api::Task {
        id: task.number,
        url: Link::to(api::Noun::Task, task.number),
        task_id: task.id.to_string(),
        tasktype: task_type(&task.kind),
        friendly_name: friendly(&task.kind),
        job: task.job_number,
        site: task.site_name.clone().unwrap_or_default(),
        state: task_state(task.state),
        // What was made while the job ran waits for nothing but what was made with it.
        dynamic_parents: if task.spawner.is_some() { task.predecessors.clone() } else { Vec::new() },
        parents: task.predecessors.clone(),
        started: task.started.map(moment),
        completed: task.ended.map(moment),
        runtime: runtime(task.started, task.ended),
        paths,
        result: if ended { Some(result(&task)) } else { waits.map(|waits| json!({ "message": waits })) },
    }
}

fn result(task: &Task) -> Value {
    let mut result = json!({
        "paths": task.paths,
        "processed": task.results.processed,
        "skipped": task.results.skipped,
        "aborted": task.results.aborted,
        "failed": task.results.failed,
        "bytes": task.bytes,
    });
    if let (Some(failure), Value::Object(members)) = (&task.failure, &mut result) {
        members.insert("code".to_owned(), json!(failure.code.clone().unwrap_or_else(|| failure.kind.to_string())));
        members.insert("message".to_owned(), json!(failure.message));
    }
    result
}

fn shown_path(record: TaskPathRecord) -> TaskPath {
    let state = Some(record.path.state).filter(|state| !state.is_empty());
    TaskPath { path: record.path.path, size: Some(record.path.size), state }
}

fn filters(listing: Listing, filter: &TaskFilter) -> Listing {
    let mut listing = listing;
    if let Some(kind) = &filter.tasktype {
        let short = kind.strip_prefix(PREFIX).unwrap_or(kind).to_owned();
        listing.filters.push(one_of("kind", [short, kind.clone()]));
    }
    if let Some(id) = &filter.task_id {
        // What is no id is nobody's.
        let known = id.parse::<TaskId>().ok().map(|id| id.to_string());
        listing.filters.push(one_of("id", known));
    }
    if !filter.states.is_empty() {
        let states = filter.states.iter().map(|state| state_of_task(*state).name().to_owned());
        listing.filters.push(one_of("state", states));
    }
    if let Some(job) = filter.job {
        listing = listing.with("job_number", Operator::Equal, job);
    }
    if let Some(internal) = filter.internal {
        let operator = if internal { Operator::In } else { Operator::NotIn };
        let values = INTERNAL.map(str::to_owned).to_vec();
        listing.filters.push(Filter { field: "kind".to_owned(), operator, values });
    }
    listing
}

impl Door {
    async fn shown_tasks(&self, tasks: Vec<Task>) -> Answer<Vec<api::Task>> {
        let numbers: Vec<i64> = tasks.iter().map(|task| task.number).collect();
        let mut paths: HashMap<i64, Vec<TaskPath>> = HashMap::new();
        for record in self.app.workflow_jobs.first_task_paths(&numbers, PATHS_SHOWN).await.map_err(error)? {
            paths.entry(record.task).or_default().push(shown_path(record));
        }
        let unattended = self.app.workflow_jobs.unattended(&tasks).await.map_err(error)?;
        let shown = tasks.into_iter().map(|one| {
            let paths = paths.remove(&one.number).unwrap_or_default();
            let is_waiting = one.state == TaskState::Pending;
            let waits = one.site_number.filter(|_| is_waiting).and_then(|site| unattended.get(&site));
            task(one, paths, waits)
        });
        Ok(shown.collect())
    }

    /// A task is a part of its job: who may look at that may look at it.
    async fn task_of(&self, caller: &Caller, number: i64) -> Answer<Task> {
        let found = self.app.workflow_jobs.task(number).await.map_err(missing("task"))?;
        let caller = self.caller(caller)?;
        caller.check_on("jobs", "show", found.job_number).map_err(missing("task"))?;
        Ok(found)
    }
}

#[async_trait]
impl Tasks for Door {
    async fn list(&self, caller: &Caller, filter: TaskFilter, asked: Window) -> Answer<Page<api::Task>> {
        let filters = filters(self.caller(caller)?.narrowed("jobs", "index", Listing::first(0)), &filter);
        let found = window(asked, filters, |listing| self.app.workflow_jobs.tasks(listing)).await?;
        Ok(Page { count: found.count, items: self.shown_tasks(found.items).await? })
    }

    async fn show(&self, caller: &Caller, number: i64) -> Answer<api::Task> {
        let found = self.task_of(caller, number).await?;
        let shown = self.shown_tasks(vec![found]).await?;
        shown.into_iter().next().ok_or_else(|| Error::not_found("task"))
    }

    async fn files(&self, caller: &Caller, number: i64, filter: TaskFileFilter, asked: Window) -> Answer<Page<TaskFile>> {
        let found = self.task_of(caller, number).await?;
        let site = found.site_name.unwrap_or_default();
        if filter.site.as_ref().is_some_and(|wanted| *wanted != site) {
            return Ok(Page::empty());
        }
        let mut filters = Listing::first(0);
        match filter.state {
            None => {}
            // It has no result yet.
            Some(PathState::Pending) => {
                let values = RESULTS.map(str::to_owned).to_vec();
                filters.filters.push(Filter { field: "result".to_owned(), operator: Operator::NotIn, values });
            }
            Some(state) => filters.filters.push(one_of("result", words_of_path(state).iter().map(|word| (*word).to_owned()))),
        }
        if let Some(kind) = filter.kind {
            filters = filters.with("kind", Operator::Equal, word_of_kind(kind));
        }
        let paths = window(asked, filters, |listing| self.app.workflow_jobs.task_paths(number, listing)).await?;
        Ok(page(paths, |record| TaskFile {
            site: site.clone(),
            kind: Some(file_kind(record.path.kind)),
            size: Some(record.path.size),
            state: path_result(record.result),
            message: record.message,
            path: record.path.path,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_asked_for_by_its_long_or_its_short_name() {
        for asked in ["dynamo.tasks.migrate", "migrate"] {
            let filter = TaskFilter { tasktype: Some(asked.to_owned()), ..TaskFilter::default() };
            let listing = filters(Listing::first(1), &filter);
            assert!(listing.filters.iter().any(|filter| filter.values.contains(&"migrate".to_owned())), "{asked}");
        }
        assert_eq!((task_type("recall").as_str(), friendly("reverse_stub").as_str()), ("dynamo.tasks.recall", "Reverse stub"));
    }

    #[test]
    fn what_is_no_id_finds_nothing() {
        let filter = TaskFilter { task_id: Some("x".to_owned()), ..TaskFilter::default() };
        assert!(filters(Listing::first(1), &filter).filters.iter().all(|filter| filter.values.is_empty()));
    }
}
