//! Tasks: definitions, shown with what their newest job counted.

use std::collections::HashMap;

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{
    Answer, Code, ConflictResolution, Error, Listing, Page, Task, TaskInput, TaskOption, Tasks, Where, WorkflowAction,
    WorkflowType,
};
use capstan_app::definitions::DefinitionChange;
use capstan_domain::ids::JobId;
use capstan_domain::job::{Definition, Job, NewDefinition};
use capstan_domain::listing::{self, Operator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::failures::error;
use super::listing::{Column, Columns, filter, listing};
use super::words::{STATUS_WORDS, count, moment, requested, status, word, workflow_action, workflow_type};
use super::{Door, attributes};

const COLUMNS: Columns = &[
    ("id", Column::Is("number")),
    ("name", Column::Is("name")),
    ("comment", Column::Is("comment")),
    ("workflow_type", Column::Is("workflow")),
    ("workflow_action", Column::Is("action")),
    ("source_type", Column::Is("attributes/nodeum/source_type")),
    ("destination_type", Column::Is("attributes/nodeum/destination_type")),
    ("priority", Column::Kept("attributes/nodeum/priority")),
    ("conflict_resolution", Column::Is("attributes/nodeum/conflict_resolution")),
    ("action", Column::Is("requested")),
    ("activate", Column::Is("active")),
    ("creation_date", Column::Is("created")),
    ("creation_username", Column::Is("attributes/nodeum/creation_username")),
    ("modification_date", Column::Is("updated")),
    ("modification_username", Column::Is("attributes/nodeum/modification_username")),
    ("job_started", Column::Is("job_started")),
    ("job_finished", Column::Is("job_finished")),
    ("status", Column::Words("status", STATUS_WORDS)),
    ("processed_size", Column::Is("bytes_processed")),
    ("to_process_size", Column::Is("bytes_to_process")),
    ("source_pool_id", Column::Is("source_pool_number")),
    ("source_pool_name", Column::Is("source_pool_name")),
    ("source_tape_id", Column::Is("source_location_number")),
    ("source_tape_barcode", Column::Is("source_location_name")),
    ("destination_pool_id", Column::Is("destination_pool_number")),
    ("destination_pool_name", Column::Is("destination_pool_name")),
    ("destination_tape_id", Column::Is("destination_location_number")),
    ("destination_tape_barcode", Column::Is("destination_location_name")),
];

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    pub(super) source_type: Option<Where>,
    pub(super) destination_type: Option<Where>,
    priority: Option<i64>,
    conflict_resolution: Option<ConflictResolution>,
    creation_username: Option<String>,
    modification_username: Option<String>,
    pub(super) options: Vec<TaskOption>,
}

impl Kept {
    fn change(self, input: &TaskInput, by: &str) -> Self {
        Self {
            source_type: input.source_type.or(self.source_type),
            destination_type: input.destination_type.or(self.destination_type),
            priority: input.priority.or(self.priority),
            conflict_resolution: input.conflict_resolution.or(self.conflict_resolution),
            creation_username: self.creation_username.or_else(|| Some(by.to_owned())),
            modification_username: Some(by.to_owned()),
            options: self.options,
        }
    }
}

/// What this host does, so that a task that could never run is refused when it is made.
fn check(input: &TaskInput) -> Answer<()> {
    use WorkflowAction::{CheckConsistency, Copy, Duplication, Ejection, Erase, Format, GetIndex, Move, Scan};
    if let Some(action) = input.workflow_action
        && !matches!(action, Copy | Move | Scan | Erase | Format | Ejection | GetIndex | Duplication | CheckConsistency)
    {
        let done = "copy, move, scan and erase, and with tapes format, ejection, get_index, duplication and check_consistency";
        let message = format!("This host does not do {}; it does {done}", word(action));
        return Err(Error::because("workflow_action", Code::Invalid, message));
    }
    if input.workflow_type.is_some_and(|kind| kind != WorkflowType::Maintenance)
        && let Some(action @ (Format | Ejection | GetIndex | Duplication | CheckConsistency)) = input.workflow_action
    {
        let message = format!("{} is done by a task of type maintenance", word(action));
        return Err(Error::because("workflow_type", Code::Invalid, message));
    }
    if input.workflow_type == Some(WorkflowType::Maintenance) && matches!(input.workflow_action, Some(Copy | Move)) {
        return Err(Error::because("workflow_type", Code::Invalid, "A maintenance task does not copy or move"));
    }
    Ok(())
}

/// The options of the definition with what the task says about conflicts and its place in the queue.
fn options(old: &Value, input: &TaskInput) -> Value {
    let mut options = match old {
        Value::Object(options) => options.clone(),
        _ => Map::new(),
    };
    if let Some(resolution) = input.conflict_resolution {
        options.insert("overwrite".to_owned(), Value::from(resolution == ConflictResolution::Overwrite));
        options.insert("rename".to_owned(), Value::from(resolution == ConflictResolution::Rename));
    }
    if let Some(priority) = input.priority {
        options.insert("priority".to_owned(), Value::from(priority));
    }
    Value::Object(options)
}

fn task(definition: &Definition, job: Option<&Job>) -> Task {
    let kept: Kept = attributes::read(&definition.attributes);
    let progress = job.map(|job| job.progress).unwrap_or_default();
    Task {
        id: definition.number,
        name: definition.name.clone(),
        comment: definition.comment.clone(),
        workflow_type: workflow_type(&definition.workflow),
        workflow_action: workflow_action(&definition.action),
        source_type: kept.source_type,
        destination_type: kept.destination_type,
        priority: kept.priority,
        conflict_resolution: kept.conflict_resolution,
        action: requested(job.and_then(|job| job.requested)),
        activate: definition.active,
        creation_date: moment(definition.created),
        modification_date: moment(definition.updated),
        creation_username: kept.creation_username,
        modification_username: kept.modification_username,
        status: status(job.map_or(definition.status, |job| job.state)),
        job_started: job.and_then(|job| job.started).map(moment),
        job_finished: job.and_then(|job| job.finished).map(moment),
        processed_size: count(progress.bytes_processed),
        to_process_size: count(progress.bytes_to_process),
    }
}

/// Jobs that are looked up at once.
const JOBS_LOOKED_UP: usize = 1_000;

impl Door {
    async fn tasks(&self, definitions: &[Definition]) -> Answer<Vec<Task>> {
        let ids: Vec<String> = definitions.iter().filter_map(|definition| definition.job).map(|job| job.to_string()).collect();
        let mut newest: HashMap<JobId, Job> = HashMap::new();
        for chunk in ids.chunks(JOBS_LOOKED_UP) {
            let mut asked = listing::Listing::first(u32::try_from(chunk.len()).unwrap_or(u32::MAX));
            asked.filters.push(filter("id", Operator::In, chunk.to_vec()));
            let found = self.app.jobs.list(asked).await.map_err(error)?;
            newest.extend(found.items.into_iter().map(|job| (job.id, job)));
        }
        let job = |definition: &Definition| definition.job.and_then(|job| newest.get(&job));
        Ok(definitions.iter().map(|definition| task(definition, job(definition))).collect())
    }

    async fn shown_task(&self, definition: &Definition) -> Answer<Task> {
        let mut shown = self.tasks(std::slice::from_ref(definition)).await?;
        Ok(shown.pop().unwrap_or_else(|| task(definition, None)))
    }
}

#[async_trait]
impl Tasks for Door {
    async fn index(&self, _: &Caller, given: Listing) -> Answer<Page<Task>> {
        let page = self.app.definitions.list(listing(&given, COLUMNS)?).await.map_err(error)?;
        Ok(Page { count: page.count, items: self.tasks(&page.items).await? })
    }

    async fn create(&self, caller: &Caller, input: TaskInput) -> Answer<Task> {
        check(&input)?;
        let (Some(kind), Some(action)) = (input.workflow_type, input.workflow_action) else {
            return Err(Error::attribute("workflow_type", Code::Blank));
        };
        let new = NewDefinition {
            workflow: word(kind),
            action: word(action),
            active: input.activate.unwrap_or(true),
            options: options(&Value::Null, &input),
            attributes: attributes::write(&Value::Null, &Kept::default().change(&input, &caller.name))?,
            name: input.name.unwrap_or_default(),
            comment: input.comment,
        };
        let created = self.app.definitions.create(&self.caller(caller)?, new).await.map_err(error)?;
        self.shown_task(&created).await
    }

    async fn show(&self, _: &Caller, at: &Reference) -> Answer<Task> {
        let found = self.task(at).await?;
        self.shown_task(&found).await
    }

    async fn update(&self, caller: &Caller, at: &Reference, input: TaskInput) -> Answer<Task> {
        let old = self.task(at).await?;
        check(&input)?;
        let kept = attributes::read::<Kept>(&old.attributes).change(&input, &caller.name);
        let change = DefinitionChange {
            workflow: input.workflow_type.map(word),
            action: input.workflow_action.map(word),
            active: input.activate,
            options: Some(options(&old.options, &input)),
            attributes: Some(attributes::write(&old.attributes, &kept)?),
            name: input.name,
            comment: input.comment.map(Some),
        };
        let changed = self.app.definitions.update(&self.caller(caller)?, old.id, change).await.map_err(error)?;
        self.shown_task(&changed).await
    }

    async fn destroy(&self, caller: &Caller, at: &Reference) -> Answer<()> {
        let old = self.task(at).await?;
        if let Some(job) = old.job
            && self.app.jobs.get(job).await.is_ok_and(|job| !job.state.is_final())
        {
            return Err(Error::refused(Code::Frozen, format!("{} runs; stop it before it is deleted", old.name)));
        }
        self.app.definitions.delete(&self.caller(caller)?, old.id).await.map_err(error)
    }
}
