//! Job 1 with its stat and its task of the fake host.

use async_trait::async_trait;
use capstan_api_http::Caller;
use capstan_api_hub::*;

use super::{AT, Fake};

fn job() -> Job {
    Job {
        id: 1,
        url: Link::to(Noun::Job, 1),
        workflow: "migrate".into(),
        state: JobState::Started,
        site: "one".into(),
        queue: "default".into(),
        owner: Some("ada".into()),
        clientkey: None,
        schedule: None,
        job: None,
        discovery: Some(Discovery::Recursive),
        fields: serde_json::Map::new(),
        input_paths: vec!["/mmfs1/one".into()],
        input_paths_count: 1,
        created: AT,
        started: Some(AT),
        completed: None,
        runtime: Some(1.5),
    }
}

fn stat(history: bool) -> JobStat {
    let step = JobStatStep {
        task: 1,
        tasktype: "dynamo.tasks.migrate".into(),
        state: PathState::Processed,
        code: None,
        message: None,
        started: Some(AT),
        completed: Some(AT),
    };
    JobStat {
        id: 1,
        url: Link::to(Noun::JobStat, 1),
        job: 1,
        task: 1,
        path: "/mmfs1/one/a".into(),
        state: PathState::Processed,
        code: None,
        message: None,
        history: history.then(|| vec![step]),
    }
}

fn task() -> Task {
    Task {
        id: 1,
        url: Link::to(Noun::Task, 1),
        task_id: "t1".into(),
        tasktype: "dynamo.tasks.migrate".into(),
        friendly_name: "Migrate".into(),
        job: 1,
        site: "one".into(),
        state: TaskState::Error,
        parents: Vec::new(),
        dynamic_parents: Vec::new(),
        started: None,
        completed: None,
        runtime: None,
        paths: vec![TaskPath { path: "/mmfs1/one/a".into(), size: Some(1), state: None }],
        result: None,
    }
}

#[async_trait]
impl Jobs for Fake {
    async fn list(&self, _: &Caller, filter: &JobFilter, window: Window) -> Answer<Page<Job>> {
        self.page(filter, window, job())
    }

    async fn summary(&self, _: &Caller, filter: &JobFilter) -> Answer<JobSummary> {
        self.note(filter);
        Ok(JobSummary::default())
    }

    async fn types(&self, _: &Caller, window: Window) -> Answer<Page<JobType>> {
        self.page((), window, JobType { value: "one".into(), label: "One".into() })
    }

    async fn show(&self, _: &Caller, id: i64) -> Answer<Job> {
        self.find("job", id).map(|()| job())
    }

    async fn start(&self, _: &Caller, run: WorkflowRun) -> Answer<i64> {
        self.note(&run);
        if run.workflow.as_deref() == Some("migrate") {
            Ok(17)
        } else {
            Err(Error::field("workflow", "There is no such workflow."))
        }
    }

    async fn delete(&self, _: &Caller, id: i64) -> Answer<()> {
        self.find("job", id)
    }

    async fn act(&self, _: &Caller, id: i64, action: JobAction) -> Answer<i64> {
        self.find("job", id)?;
        self.note(action);
        Ok(id)
    }

    async fn files(&self, _: &Caller, id: i64, category: Option<PathState>, window: Window) -> Answer<Page<JobFile>> {
        self.find("job", id)?;
        let file = JobFile {
            path: "/mmfs1/one/a".into(),
            site: "one".into(),
            size: Some(1),
            state: PathState::Failed,
            code: None,
            message: Some("It is gone".into()),
            task: Some(1),
        };
        self.page(category, window, file)
    }

    async fn progress(&self, _: &Caller, id: i64) -> Answer<JobProgress> {
        self.find("job", id)?;
        Ok(JobProgress { progress: 50, state: JobState::Started, total: 2, completed: 1, message: None })
    }

    async fn statistics(&self, _: &Caller, id: i64) -> Answer<JobStatistics> {
        self.find("job", id).map(|()| JobStatistics::default())
    }
}

#[async_trait]
impl JobStats for Fake {
    async fn list(&self, _: &Caller, filter: JobStatFilter, window: Window) -> Answer<Page<JobStat>> {
        let history = filter.history;
        self.page(filter, window, stat(history))
    }

    async fn show(&self, _: &Caller, id: i64, history: bool) -> Answer<JobStat> {
        self.find("job stat", id).map(|()| stat(history))
    }
}

#[async_trait]
impl Tasks for Fake {
    async fn list(&self, _: &Caller, filter: TaskFilter, window: Window) -> Answer<Page<Task>> {
        self.page(filter, window, task())
    }

    async fn show(&self, _: &Caller, id: i64) -> Answer<Task> {
        self.find("task", id).map(|()| task())
    }

    async fn files(&self, _: &Caller, id: i64, filter: TaskFileFilter, window: Window) -> Answer<Page<TaskFile>> {
        self.find("task", id)?;
        let file = TaskFile {
            path: "/mmfs1/one/a".into(),
            site: "one".into(),
            kind: Some(FileKind::File),
            size: Some(1),
            state: PathState::Processed,
            message: None,
        };
        self.page(filter, window, file)
    }
}
