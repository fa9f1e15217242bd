//! Executions of tasks: the jobs of definitions.

use std::collections::HashMap;

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{Answer, Criterion, Error, Listing, Operator, Page, TaskExecution, TaskExecutions};
use capstan_domain::ids::DefinitionId;
use capstan_domain::job::{Definition, Job};
use capstan_domain::listing::{self, Filter};

use super::failures::{error, missing};
use super::listing::{Column, Columns, filter, listing, operator};
use super::tasks::Kept;
use super::words::{STATUS_WORDS, count, moment, status, value};
use super::{Door, attributes};

const COLUMNS: Columns = &[
    ("id", Column::By(id)),
    ("task_id", Column::Is("definition_number")),
    ("name", Column::Is("name")),
    ("workflow_type", Column::Is("workflow")),
    ("workflow_action", Column::Is("action")),
    ("source_type", Column::Is("definition/nodeum/source_type")),
    ("destination_type", Column::Is("definition/nodeum/destination_type")),
    ("status", Column::Words("state", STATUS_WORDS)),
    ("log_time", Column::Is("created")),
    ("job_started", Column::Is("started")),
    ("job_finished", Column::Is("finished")),
    ("creation_date", Column::Is("created")),
    ("modification_date", Column::Absent),
    ("to_process_size", Column::Is("bytes_to_process")),
    ("processed_size", Column::Is("bytes_processed")),
    ("to_process_files", Column::Is("files_to_process")),
    ("processed_files", Column::Is("files_processed")),
    ("finalized_files", Column::Is("files_finalized")),
    ("estimation_time", Column::By(estimation)),
    ("bandwidth", Column::Is("bytes_per_second")),
];

const MILLIS: i64 = 1_000;

/// What cannot be an id is no execution's.
fn id(criterion: &Criterion) -> Option<Vec<Filter>> {
    match criterion.operator {
        Operator::Like | Operator::NotLike => None,
        other => {
            let fit = |value: &&String| value.parse::<capstan_domain::ids::JobId>().is_ok();
            let negative = matches!(other, Operator::NotEqual | Operator::NotIn);
            let values: Vec<String> = criterion.values.iter().filter(fit).cloned().collect();
            Some(vec![filter("id", if negative { listing::Operator::NotIn } else { listing::Operator::In }, values)])
                .filter(|_| negative || matches!(other, Operator::Equal | Operator::In))
        }
    }
}

/// Seconds here, milliseconds there.
fn estimation(criterion: &Criterion) -> Option<Vec<Filter>> {
    let scaled = |value: &String| value.parse::<i64>().ok().map(|seconds| seconds.saturating_mul(MILLIS).to_string());
    let values: Option<Vec<String>> = criterion.values.iter().map(scaled).collect();
    Some(vec![filter("remaining_ms", operator(criterion.operator), values?)])
}

fn execution(job: &Job, definition: Option<&Definition>) -> TaskExecution {
    let kept: Kept = definition.map(|definition| attributes::read(&definition.attributes)).unwrap_or_default();
    TaskExecution {
        id: job.id.to_string(),
        task_id: job.definition_number,
        name: job.name.clone(),
        workflow_type: definition.and_then(|definition| value(&definition.workflow)),
        workflow_action: definition.and_then(|definition| value(&definition.action)),
        source_type: kept.source_type,
        destination_type: kept.destination_type,
        status: status(job.state),
        log_time: Some(moment(job.created)),
        job_started: job.started.map(moment),
        job_finished: job.finished.map(moment),
        creation_date: Some(moment(job.created)),
        modification_date: None,
        to_process_size: count(job.progress.bytes_to_process),
        processed_size: count(job.progress.bytes_processed),
        to_process_files: count(job.progress.files_to_process),
        processed_files: count(job.progress.files_processed),
        finalized_files: count(job.progress.files_finalized),
        estimation_time: job.progress.remaining_ms.map(|millis| count(millis) / MILLIS),
        bandwidth: count(job.progress.bytes_per_second),
    }
}

/// Definitions that are looked up at once.
const DEFINITIONS_LOOKED_UP: usize = 1_000;

impl Door {
    async fn executions(&self, jobs: &[Job]) -> Answer<Vec<TaskExecution>> {
        let mut ids: Vec<String> =
            jobs.iter().filter_map(|job| job.definition).map(|definition| definition.to_string()).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut definitions: HashMap<DefinitionId, Definition> = HashMap::new();
        for chunk in ids.chunks(DEFINITIONS_LOOKED_UP) {
            let mut asked = listing::Listing::first(u32::try_from(chunk.len()).unwrap_or(u32::MAX));
            asked.filters.push(filter("id", listing::Operator::In, chunk.to_vec()));
            let found = self.app.definitions.list(asked).await.map_err(error)?;
            definitions.extend(found.items.into_iter().map(|definition| (definition.id, definition)));
        }
        let definition = |job: &Job| job.definition.and_then(|definition| definitions.get(&definition));
        Ok(jobs.iter().map(|job| execution(job, definition(job))).collect())
    }
}

#[async_trait]
impl TaskExecutions for Door {
    async fn index(&self, caller: &Caller, task: Option<&Reference>, given: Listing) -> Answer<Page<TaskExecution>> {
        let asked = self.caller(caller)?.narrowed("task_executions", "index", listing(&given, COLUMNS)?);
        let asked = match task {
            Some(task) => asked.with("definition", listing::Operator::Equal, self.task(task).await?.id),
            // Jobs that no task started, such as a sync, are not executions.
            None => asked.with("definition_number", listing::Operator::Greater, 0),
        };
        let page = self.app.jobs.list(asked).await.map_err(error)?;
        Ok(Page { count: page.count, items: self.executions(&page.items).await? })
    }

    async fn show(&self, caller: &Caller, task: Option<&Reference>, id: &str) -> Answer<TaskExecution> {
        let none = || Error::not_found("task_execution_id", id);
        let task = match task {
            Some(task) => Some(self.task(task).await?.id),
            None => None,
        };
        let job = self.app.jobs.get(id.parse().map_err(|_| none())?).await.map_err(missing("task_execution_id", id))?;
        if job.definition.is_none() || (task.is_some() && job.definition != task) {
            return Err(none());
        }
        self.caller_on(caller, ("task_executions", "show"), job.number).map_err(missing("task_execution_id", id))?;
        self.executions(std::slice::from_ref(&job)).await?.pop().ok_or_else(none)
    }
}
