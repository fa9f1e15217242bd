//! Tasks, what they go from and to, and their runs.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::*;

use super::{AT, Fake, job, queued};

fn task(name: &str) -> Task {
    Task {
        id: 1,
        name: name.into(),
        comment: None,
        workflow_type: WorkflowType::OfflineArchive,
        workflow_action: WorkflowAction::Copy,
        source_type: None,
        destination_type: None,
        priority: None,
        conflict_resolution: None,
        action: RequestedAction::Noop,
        activate: true,
        creation_date: AT,
        modification_date: AT,
        creation_username: None,
        modification_username: None,
        status: TaskStatus::NotActivated,
        job_started: None,
        job_finished: None,
        processed_size: 0,
        to_process_size: 0,
    }
}

fn destination(input: TaskDestinationInput) -> TaskDestination {
    TaskDestination {
        id: 1,
        folder_id: input.folder_id,
        folder_path: input.folder_path,
        tape_id: None,
        tape_barcode: None,
        pool_id: input.pool_id,
        pool_name: input.pool_name,
        folder: None,
        container: None,
        tape: None,
        pool: None,
    }
}

fn source(input: TaskSourceInput) -> TaskSource {
    TaskSource {
        id: 1,
        file_id: input.file_id,
        file_path: input.file_path,
        range: input.range,
        import_file_id: None,
        import_file_path: None,
        tape_id: None,
        tape_barcode: None,
        pool_id: input.pool_id,
        pool_name: input.pool_name,
        file: None,
        container: None,
        import_file: None,
        tape: None,
        pool: None,
    }
}

fn execution() -> TaskExecution {
    TaskExecution {
        id: "e1".into(),
        task_id: Some(1),
        name: "one".into(),
        workflow_type: None,
        workflow_action: None,
        source_type: None,
        destination_type: None,
        status: TaskStatus::Done,
        log_time: None,
        job_started: None,
        job_finished: None,
        creation_date: None,
        modification_date: None,
        to_process_size: 0,
        processed_size: 0,
        to_process_files: 0,
        processed_files: 0,
        finalized_files: 0,
        estimation_time: None,
        bandwidth: 0,
    }
}

#[async_trait]
impl Tasks for Fake {
    async fn index(&self, _: &Caller, listing: Listing) -> Answer<Page<Task>> {
        self.list(&listing, task("one"))
    }
    async fn create(&self, _: &Caller, input: TaskInput) -> Answer<Task> {
        Ok(task(input.name.as_deref().unwrap_or_default()))
    }
    async fn show(&self, _: &Caller, at: &Reference) -> Answer<Task> {
        self.find("task_id", at).map(|()| task("one"))
    }
    async fn update(&self, _: &Caller, at: &Reference, input: TaskInput) -> Answer<Task> {
        self.find("task_id", at)?;
        self.note(&input);
        Ok(task("one"))
    }
    async fn destroy(&self, _: &Caller, at: &Reference) -> Answer<()> {
        self.find("task_id", at)
    }
}

#[async_trait]
impl TaskActions for Fake {
    async fn request(&self, _: &Caller, at: &Reference, action: TaskAction) -> Answer<ActiveJob> {
        self.find("task_id", at)?;
        self.note(action);
        Ok(queued())
    }
    async fn result(&self, _: &Caller, at: &Reference, action: TaskAction, id: &str) -> Answer<ActiveJob> {
        self.find("task_id", at)?;
        self.note(action);
        job(id)
    }
}

#[async_trait]
impl TaskDestinations for Fake {
    async fn index(&self, _: &Caller, at: &Reference, listing: Listing) -> Answer<Page<TaskDestination>> {
        self.find("task_id", at)?;
        self.list(&listing, destination(TaskDestinationInput::default()))
    }
    async fn create(&self, _: &Caller, at: &Reference, input: TaskDestinationInput) -> Answer<TaskDestination> {
        self.find("task_id", at).map(|()| destination(input))
    }
    async fn show(&self, _: &Caller, at: &Reference, number: i64) -> Answer<TaskDestination> {
        self.find("task_id", at)?;
        self.number("task_destination_id", number).map(|()| destination(TaskDestinationInput::default()))
    }
    async fn update(&self, _: &Caller, at: &Reference, number: i64, input: TaskDestinationInput) -> Answer<TaskDestination> {
        self.find("task_id", at)?;
        self.number("task_destination_id", number).map(|()| destination(input))
    }
    async fn destroy(&self, _: &Caller, at: &Reference, number: i64) -> Answer<()> {
        self.find("task_id", at)?;
        self.number("task_destination_id", number)
    }
}

#[async_trait]
impl TaskSources for Fake {
    async fn index(&self, _: &Caller, at: &Reference, listing: Listing) -> Answer<Page<TaskSource>> {
        self.find("task_id", at)?;
        self.list(&listing, source(TaskSourceInput::default()))
    }
    async fn create(&self, _: &Caller, at: &Reference, input: TaskSourceInput) -> Answer<TaskSource> {
        self.find("task_id", at).map(|()| source(input))
    }
    async fn show(&self, _: &Caller, at: &Reference, number: i64) -> Answer<TaskSource> {
        self.find("task_id", at)?;
        self.number("task_source_id", number).map(|()| source(TaskSourceInput::default()))
    }
    async fn update(&self, _: &Caller, at: &Reference, number: i64, input: TaskSourceInput) -> Answer<TaskSource> {
        self.find("task_id", at)?;
        self.number("task_source_id", number).map(|()| source(input))
    }
    async fn destroy(&self, _: &Caller, at: &Reference, number: i64) -> Answer<()> {
        self.find("task_id", at)?;
        self.number("task_source_id", number)
    }
}

#[async_trait]
impl TaskExecutions for Fake {
    async fn index(&self, _: &Caller, at: Option<&Reference>, listing: Listing) -> Answer<Page<TaskExecution>> {
        if let Some(at) = at {
            self.find("task_id", at)?;
        }
        self.list(&listing, execution())
    }
    async fn show(&self, _: &Caller, at: Option<&Reference>, id: &str) -> Answer<TaskExecution> {
        if let Some(at) = at {
            self.find("task_id", at)?;
        }
        if id == "e1" { Ok(execution()) } else { Err(Error::not_found("task_execution_id", id)) }
    }
}

fn option() -> TaskOption {
    TaskOption { id: 1, kind: OptionKind::TapeToScratch, value: "true".into() }
}

#[async_trait]
impl TaskOptions for Fake {
    async fn index(&self, _: &Caller, at: &Reference, listing: Listing) -> Answer<Page<TaskOption>> {
        self.find("task_id", at)?;
        self.list(&listing, option())
    }
    async fn create(&self, _: &Caller, at: &Reference, input: TaskOptionInput) -> Answer<TaskOption> {
        self.find("task_id", at)?;
        self.note(&input);
        Ok(option())
    }
    async fn show(&self, _: &Caller, at: &Reference, number: i64) -> Answer<TaskOption> {
        self.find("task_id", at)?;
        self.number("task_option_id", number).map(|()| option())
    }
    async fn update(&self, _: &Caller, at: &Reference, number: i64, _: TaskOptionInput) -> Answer<TaskOption> {
        self.find("task_id", at)?;
        self.number("task_option_id", number).map(|()| option())
    }
    async fn destroy(&self, _: &Caller, at: &Reference, number: i64) -> Answer<()> {
        self.find("task_id", at)?;
        self.number("task_option_id", number)
    }
}
