//! Jobs that run workflows: asked for, looked at, and told what users want of them. What they do is the engine's.

mod unattended;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use capstan_catalogue::{Catalogue, InputHead};
use capstan_domain::failure::Kind;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{JobId, Number};
use capstan_domain::listing::{Listing, Operator, Page};
use capstan_domain::site::Site;
use capstan_domain::space_profile::ManagedSpace;
use capstan_domain::workflow::{
    InputPath, JobEvent, JobOwner, JobPath, JobPathState, JobTally, Task, TaskPathRecord, WorkflowJob, WorkflowRecord,
};
use capstan_domain::{Failure, Outcome};
use serde_json::{Map, Value, json};

use crate::audit::Audit;
use crate::managed_spaces::within;
use crate::refused::{FieldErrors, FieldPath, Refused};

/// Spaces of a site among which a path is looked for; the catalogue's own bound on a window.
const SPACES_MAX: u32 = capstan_catalogue::WINDOW;

/// What makes jobs out of runs and moves them on.
#[async_trait]
pub trait WorkflowEngine: Send + Sync {
    /// # Errors
    /// What is wrong with fields, globs or paths, by member.
    async fn submit(&self, run: Run) -> Result<WorkflowJob, Refused>;
    /// `Pause`, `Resume`, `Cancel` or `Resubmit`; one that does not fit the state has no effect.
    async fn request(&self, job: JobId, request: JobEvent) -> Outcome<WorkflowJob>;
}

/// A run of a workflow on files of one space, whose names were looked up.
#[derive(Clone, Debug)]
pub struct Run {
    pub workflow: WorkflowRecord,
    pub site: Site,
    /// None: the workflow's own, or else the site's default one.
    pub queue: Option<String>,
    pub space: ManagedSpace,
    /// Absolute, as the caller gave them; all within the space.
    pub paths: Vec<InputPath>,
    /// `None`: the workflow's own; `Some(None)`: none.
    pub discovery: Option<Option<String>>,
    pub fields: Map<String, Value>,
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    pub ignore_site_includes: bool,
    pub ignore_site_excludes: bool,
    /// Number of the job that it belongs to.
    pub parent: Option<Number>,
    pub owner: JobOwner,
    pub client_key: Option<Number>,
}

/// A run as somebody asks for it.
#[derive(Clone, Debug, Default)]
pub struct RunWish {
    /// Names.
    pub workflow: String,
    pub site: String,
    pub queue: Option<String>,
    pub paths: Vec<InputPath>,
    pub discovery: Option<Option<String>>,
    pub fields: Map<String, Value>,
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    pub ignore_site_includes: bool,
    pub ignore_site_excludes: bool,
    pub parent: Option<Number>,
}

/// The paths of a job by what became of them.
#[derive(Clone, Debug, Default)]
pub struct PathTally {
    pub states: Vec<(JobPathState, u64)>,
    pub bytes: u64,
    pub processed_bytes: u64,
}

#[derive(Clone)]
pub struct WorkflowJobs {
    catalogue: Catalogue,
    audit: Audit,
    /// None: this host runs no workflows.
    engine: Arc<dyn WorkflowEngine>,
}

impl WorkflowJobs {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit, engine: Arc<dyn WorkflowEngine>) -> Self {
        Self { catalogue, audit, engine }
    }

    /// # Errors
    /// What is wrong with the run, by member: names that nothing has, paths that are in no space of the site which the caller may look
    /// at, or in several; and what the engine finds.
    pub async fn start(&self, caller: &Caller, wish: RunWish) -> Result<WorkflowJob, Refused> {
        let (workflow, site) = self.named(&wish).await?;
        if let Some(queue) = &wish.queue {
            self.catalogue.queue_of_site(site.number, Some(queue)).await.map_err(|failure| match failure.kind {
                Kind::NotFound => Refused::member("queue", format!("The site {} has no queue {queue}.", site.name)),
                _ => Refused::Whole(failure),
            })?;
        }
        if let Some(parent) = wish.parent {
            self.parent(caller, parent).await?;
        }
        let space = self.space_of(caller, &site, &wish.paths).await?;
        let owner = JobOwner::User(self.catalogue.user(caller.user).await?.number);
        let run = Run {
            workflow,
            site,
            queue: wish.queue,
            space,
            paths: wish.paths,
            discovery: wish.discovery,
            fields: wish.fields,
            include: wish.include,
            exclude: wish.exclude,
            ignore_site_includes: wish.ignore_site_includes,
            ignore_site_excludes: wish.ignore_site_excludes,
            parent: wish.parent,
            owner,
            client_key: caller.key,
        };
        let job = self.engine.submit(run).await?;
        let detail = json!({ "number": job.number, "workflow": job.workflow, "site": job.site_name });
        self.audit.done(caller, "start", "job", &job.name, detail).await?;
        Ok(job)
    }

    pub async fn request(&self, caller: &Caller, number: Number, request: JobEvent) -> Outcome<WorkflowJob> {
        let job = self.catalogue.workflow_job(number).await?;
        let job = self.engine.request(job.id, request).await?;
        let detail = json!({ "number": number, "request": format!("{request:?}").to_lowercase() });
        self.audit.done(caller, "request", "job", &job.name, detail).await?;
        Ok(job)
    }

    /// With its tasks and paths. `Conflict` "wrong-state" while it has not ended.
    pub async fn delete(&self, caller: &Caller, number: Number) -> Outcome<()> {
        let job = self.catalogue.workflow_job(number).await?;
        self.catalogue.delete_workflow_job(job.id).await?;
        self.audit.done(caller, "delete", "job", &job.name, json!({ "number": number })).await
    }

    pub async fn get(&self, number: Number) -> Outcome<WorkflowJob> {
        self.catalogue.workflow_job(number).await
    }

    /// `prefix`: of one of the paths that the call gave.
    pub async fn list(&self, listing: &Listing, prefix: Option<&str>) -> Outcome<Page<WorkflowJob>> {
        self.catalogue.workflow_jobs(listing, prefix).await
    }

    /// Of all that the filters leave, whatever the window.
    pub async fn tally(&self, listing: &Listing, prefix: Option<&str>) -> Outcome<JobTally> {
        self.catalogue.tally_workflow_jobs(listing, prefix).await
    }

    /// How many paths each of these jobs was given, and the first of them.
    pub async fn inputs(&self, jobs: &[Number], most: u32) -> Outcome<HashMap<Number, InputHead>> {
        self.catalogue.job_input_heads(jobs, most).await
    }

    pub async fn tally_paths(&self, job: JobId) -> Outcome<PathTally> {
        let states = self.catalogue.tally_job_paths(job).await?;
        let (bytes, processed_bytes) = self.catalogue.job_path_bytes(job).await?;
        Ok(PathTally { states, bytes, processed_bytes })
    }

    pub async fn paths(&self, listing: Listing) -> Outcome<Page<JobPath>> {
        self.catalogue.job_paths(&listing).await
    }

    pub async fn path(&self, number: Number) -> Outcome<JobPath> {
        self.catalogue.job_path(number).await
    }

    /// What each task did with a path of a job, oldest first.
    pub async fn history(&self, path: Number, limit: u32) -> Outcome<Vec<(Task, TaskPathRecord)>> {
        let records = self.catalogue.job_path_history(path, &Listing::first(limit)).await?.items;
        let tasks = crate::ownership::one_of(Listing::first(limit), "number", records.iter().map(|record| record.task));
        let tasks: HashMap<Number, Task> =
            self.catalogue.tasks(&tasks).await?.items.into_iter().map(|task| (task.number, task)).collect();
        Ok(records.into_iter().filter_map(|record| Some((tasks.get(&record.task)?.clone(), record))).collect())
    }

    pub async fn tasks(&self, listing: Listing) -> Outcome<Page<Task>> {
        self.catalogue.tasks(&listing).await
    }

    pub async fn task(&self, number: Number) -> Outcome<Task> {
        self.catalogue.task(number).await
    }

    pub async fn task_paths(&self, task: Number, listing: Listing) -> Outcome<Page<TaskPathRecord>> {
        self.catalogue.task_paths(task, &listing).await
    }

    /// The first paths of each of these tasks.
    pub async fn first_task_paths(&self, tasks: &[Number], most: u32) -> Outcome<Vec<TaskPathRecord>> {
        self.catalogue.first_task_paths(tasks, most).await
    }

    async fn named(&self, wish: &RunWish) -> Result<(WorkflowRecord, Site), Refused> {
        let named = |name: &str| Listing::first(1).with("name", Operator::Equal, name);
        let workflow = self.catalogue.workflows(&named(&wish.workflow)).await?.items.into_iter().next();
        let site = self.catalogue.sites(&named(&wish.site)).await?.items.into_iter().next();
        let (mut wrong, root) = (FieldErrors::default(), FieldPath::root());
        if site.is_none() {
            wrong.add(&root.then("site"), format!("There is no site {}.", wish.site));
        }
        let flag = |workflow: &WorkflowRecord, member: &str| workflow.definition.get(member).and_then(Value::as_bool);
        match &workflow {
            None => wrong.add(&root.then("workflow"), format!("There is no workflow {}.", wish.workflow)),
            Some(found) if flag(found, "enabled") == Some(false) => {
                wrong.add(&root.then("workflow"), format!("The workflow {} is not enabled.", wish.workflow));
            }
            Some(found) if flag(found, "schedule_only") == Some(true) => {
                wrong.add(&root.then("workflow"), format!("The workflow {} runs from schedules only.", wish.workflow));
            }
            Some(_) => {}
        }
        match (workflow, site) {
            (Some(workflow), Some(site)) if wrong.is_empty() => Ok((workflow, site)),
            _ => Err(wrong.into()),
        }
    }

    /// The one space that all paths are in.
    async fn space_of(&self, caller: &Caller, site: &Site, paths: &[InputPath]) -> Result<ManagedSpace, Refused> {
        let on_site = Listing::first(SPACES_MAX).with("site_number", Operator::Equal, site.number);
        let spaces = self.catalogue.managed_spaces(&caller.narrowed("spaces", "index", on_site)).await?.items;
        let (mut wrong, at) = (FieldErrors::default(), FieldPath::root().then("paths"));
        let mut found: Option<&ManagedSpace> = None;
        for (index, path) in paths.iter().enumerate() {
            let space = spaces.iter().find(|space| contains(space, &path.path));
            match (space, found) {
                (None, _) => {
                    let message = format!("This path is in no space of the site {}.", site.name);
                    wrong.add(&at.then(index).then("path"), message);
                }
                (Some(space), Some(first)) if first.space.id != space.space.id => {
                    let message = format!("All paths have to be in one space; the first is in {}.", first.space.name);
                    wrong.add(&at.then(index).then("path"), message);
                }
                (Some(space), _) => found = Some(space),
            }
        }
        match found {
            Some(space) if wrong.is_empty() && space.deleting.is_some() => {
                Err(Failure::new(Kind::Conflict, "the space is being deleted").with_code("deleting").into())
            }
            Some(space) if wrong.is_empty() => Ok(space.clone()),
            None if wrong.is_empty() => Err(Refused::member("paths", "This list may not be empty.")),
            _ => Err(wrong.into()),
        }
    }

    async fn parent(&self, caller: &Caller, parent: Number) -> Result<(), Refused> {
        let missing = || Refused::member("job", format!("There is no job {parent}."));
        if !caller.may_on("jobs", "show", parent) {
            return Err(missing());
        }
        match self.catalogue.workflow_job(parent).await {
            Err(failure) if failure.kind == Kind::NotFound => Err(missing()),
            found => Ok(found.map(|_| ())?),
        }
    }
}

/// Whether an absolute path is at or below the mountpoint of a space.
pub(crate) fn contains(space: &ManagedSpace, path: &str) -> bool {
    space.profile.mountpoint.as_deref().is_some_and(|mountpoint| within(mountpoint, path).is_some())
}
