//! Two sites with one space, each with a directory of its own, and steps that do in it what they say.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use capstan_catalogue::{Catalogue, Options};
use capstan_domain::ids::{JobId, Number, Reference, SpaceId};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::site::{NewSite, Site, SiteSettings};
use capstan_domain::space::NewSpace;
use capstan_domain::space_profile::SpaceProfile;
use capstan_domain::workflow::{InputPath, JobOwner, JobState, PathResult, Task, TaskPath, TaskResult, WorkflowJob};
use capstan_domain::{Failure, Kind, Outcome};
use capstan_jobs::{AskedDiscovery, SpaceWork, StepWork, Submission, WorkflowJobs, WorkflowLimits};
use capstan_stub::RawTree;
use capstan_workflows::{Step, built_in};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

pub(crate) const MOUNTPOINT: &str = "/mnt/projects";

/// A step that was taken with a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) site: Number,
    pub(crate) step: &'static str,
    pub(crate) path: String,
}

/// Takes steps in the directory of one site; what is stored is what the first site has.
pub(crate) struct Hands {
    directory: PathBuf,
    stored: PathBuf,
    taken: Arc<Mutex<Vec<Taken>>>,
    pub(crate) failing: Mutex<HashSet<String>>,
    /// How many of the next steps find their target away.
    pub(crate) away: AtomicU32,
    /// Milliseconds that each path takes.
    pub(crate) pace: AtomicU32,
    /// Steps wait while it is false.
    pub(crate) open: watch::Sender<bool>,
}

#[async_trait]
impl SpaceWork for Hands {
    async fn raw(&self, _: SpaceId) -> Outcome<RawTree> {
        RawTree::open(&self.directory)
    }

    async fn step(&self, work: StepWork, results: mpsc::Sender<Vec<TaskResult>>) -> Outcome<()> {
        if self.away.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |away| away.checked_sub(1)).is_ok() {
            return Err(Failure::new(Kind::Unavailable, "the target is away"));
        }
        let mut stop = work.stop.clone();
        for (position, path) in (0..).zip(&work.paths) {
            tokio::select! {
                _ = async { self.open.subscribe().wait_for(|open| *open).await.map(|_| ()) } => {}
                _ = stop.wait_for(|stop| *stop) => return Err(Failure::new(Kind::Cancelled, "stopped")),
            }
            tokio::time::sleep(Duration::from_millis(self.pace.load(Ordering::SeqCst).into())).await;
            let taken = Taken { site: work.site, step: work.step.task_type(), path: path.path.clone() };
            self.taken.lock().unwrap().push(taken);
            let fails = self.failing.lock().unwrap().contains(&path.path);
            let ended = if fails { Err("it is in use".to_owned()) } else { self.take(&work.step, path) };
            let result = match ended {
                Ok(()) => TaskResult { position, result: PathResult::Processed, code: None, message: None },
                Err(why) => TaskResult { position, result: PathResult::Failed, code: Some("bad".into()), message: Some(why) },
            };
            if results.send(vec![result]).await.is_err() {
                return Err(Failure::new(Kind::Cancelled, "nobody listens"));
            }
        }
        Ok(())
    }
}

impl Hands {
    fn take(&self, step: &Step, path: &TaskPath) -> Result<(), String> {
        let (own, stored) = (self.directory.join(&path.path), self.stored.join(&path.path));
        let told = |cause: std::io::Error| format!("{}: {cause}", path.path);
        let meta = |at: &Path| std::fs::symlink_metadata(at).ok();
        match step {
            Step::Migrate(_) | Step::Recall(_) => meta(&own).map(|_| ()).ok_or_else(|| format!("{} is not there", path.path)),
            Step::ReverseStub(_) if stored.is_dir() => std::fs::create_dir_all(&own).map_err(told),
            Step::ReverseStub(_) => {
                // Its folder may be made by another task, which runs beside this one.
                std::fs::create_dir_all(own.parent().unwrap_or(&own)).map_err(told)?;
                std::fs::copy(&stored, &own).map(|_| ()).map_err(told)
            }
            Step::Delete(_) => match meta(&own) {
                None => Ok(()),
                Some(found) if found.is_dir() => std::fs::remove_dir(&own).map_err(told),
                Some(_) => std::fs::remove_file(&own).map_err(told),
            },
            Step::Move(_) => {
                let from = self.directory.join(path.from.as_ref().ok_or("it came from nowhere")?);
                match (meta(&from), meta(&own)) {
                    (None, Some(_)) => Ok(()),
                    (Some(_), Some(_)) if from != own => Err(format!("{} is taken", path.path)),
                    _ => std::fs::rename(&from, &own).map_err(told),
                }
            }
        }
    }
}

pub(crate) struct Sites {
    pub(crate) catalogue: Catalogue,
    pub(crate) here: Site,
    pub(crate) there: Site,
    pub(crate) space: SpaceId,
    pub(crate) hands: Arc<Hands>,
    pub(crate) other_hands: Arc<Hands>,
    pub(crate) directory: PathBuf,
    pub(crate) other_directory: PathBuf,
    taken: Arc<Mutex<Vec<Taken>>>,
    _kept: tempfile::TempDir,
}

pub(crate) fn limits() -> WorkflowLimits {
    let brief = Duration::from_millis(20);
    WorkflowLimits {
        lease: Duration::from_millis(800),
        tick: Duration::from_millis(50),
        poll: brief,
        recovery: Duration::from_millis(100),
        sweep: Duration::from_millis(200),
        wait: brief,
        pause: brief,
        ..WorkflowLimits::default()
    }
}

fn site(name: &str) -> NewSite {
    let settings = SiteSettings { file_batch_size: 5, ..SiteSettings::default() };
    NewSite { name: name.to_owned(), label: name.to_owned(), settings, attributes: json!({}) }
}

impl Sites {
    pub(crate) async fn new() -> Self {
        let beside = std::env::current_exe().unwrap().parent().unwrap().to_owned();
        let kept = tempfile::Builder::new().prefix("sites-").tempdir_in(beside).unwrap();
        let url = kept.path().join("catalogue.db");
        let catalogue = Catalogue::open(url.to_str().unwrap(), Options::default()).await.unwrap();
        let definitions: Vec<_> = built_in().unwrap().iter().map(capstan_workflows::Workflow::to_json).collect();
        catalogue.seed_workflows(&definitions).await.unwrap();
        let here = catalogue.default_site(&site("here")).await.unwrap();
        let there = catalogue.create_site(&site("there")).await.unwrap();
        let directories = ["here", "there"].map(|name| kept.path().join(name));
        directories.iter().for_each(|directory| drop(RawTree::create(directory).unwrap()));
        let [directory, other_directory] = directories;
        let new = NewSpace {
            name: "projects".to_owned(),
            comment: None,
            directory: directory.to_str().unwrap().to_owned(),
            quota_bytes: None,
            cache_quota_bytes: None,
            push_pool: None,
            cleaning_pool: None,
            attributes: json!({}),
        };
        let profile = SpaceProfile { mountpoint: Some(MOUNTPOINT.to_owned()), is_ready: true, ..SpaceProfile::default() };
        let space = catalogue.create_managed_space(&new, &profile, &[here.number, there.number]).await.unwrap().space.id;
        let taken = Arc::new(Mutex::new(Vec::new()));
        let hands = |own: &Path| {
            Arc::new(Hands {
                directory: own.to_owned(),
                stored: directory.clone(),
                taken: taken.clone(),
                failing: Mutex::default(),
                away: AtomicU32::new(0),
                pace: AtomicU32::new(0),
                open: watch::Sender::new(true),
            })
        };
        let (hands, other_hands) = (hands(&directory), hands(&other_directory));
        Self { catalogue, here, there, space, hands, other_hands, directory, other_directory, taken, _kept: kept }
    }

    pub(crate) async fn start(&self) -> WorkflowJobs {
        self.start_with(limits()).await
    }

    pub(crate) async fn start_with(&self, limits: WorkflowLimits) -> WorkflowJobs {
        WorkflowJobs::start(self.catalogue.clone(), self.hands.clone(), &self.here, "one", &[], limits).await.unwrap()
    }

    pub(crate) async fn start_there(&self) -> WorkflowJobs {
        WorkflowJobs::start(self.catalogue.clone(), self.other_hands.clone(), &self.there, "two", &[], limits()).await.unwrap()
    }

    pub(crate) fn write(&self, path: &str) {
        let whole = self.directory.join(path);
        std::fs::create_dir_all(whole.parent().unwrap()).unwrap();
        std::fs::write(whole, format!("content of {path}")).unwrap();
    }

    /// Steps that were taken so far, in their order; those of the first site: "migrate a/b", those of the other with its name before.
    pub(crate) fn taken(&self) -> Vec<String> {
        let shown = |taken: &Taken| {
            let site = if taken.site == self.here.number { "" } else { "there: " };
            format!("{site}{} {}", taken.step, taken.path)
        };
        self.taken.lock().unwrap().iter().map(shown).collect()
    }

    pub(crate) fn taken_sorted(&self) -> Vec<String> {
        let mut taken = self.taken();
        taken.sort();
        taken
    }

    pub(crate) fn forget(&self) {
        self.taken.lock().unwrap().clear();
    }

    pub(crate) async fn ended(&self, job: JobId) -> WorkflowJob {
        self.until(job, |job| job.state.is_final()).await
    }

    pub(crate) async fn reached(&self, job: JobId, state: JobState) -> WorkflowJob {
        self.until(job, |job| job.state == state).await
    }

    async fn until(&self, job: JobId, reached: impl Fn(&WorkflowJob) -> bool) -> WorkflowJob {
        let start = Instant::now();
        loop {
            let job = self.catalogue.workflow_job(job).await.unwrap();
            if reached(&job) {
                return job;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "the job stays {:?}: {:?}", job.state, self.tasks(&job).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn tasks(&self, job: &WorkflowJob) -> Vec<Task> {
        let listing = Listing::first(1_000).with("job_number", Operator::Equal, job.number);
        self.catalogue.tasks(&listing).await.unwrap().items
    }

    /// What a step took, until there is anything.
    pub(crate) async fn anything_taken(&self) {
        let start = Instant::now();
        while self.taken.lock().unwrap().is_empty() {
            assert!(start.elapsed() < Duration::from_secs(30), "no step was taken");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A call of a workflow with paths of the space.
pub(crate) fn call(workflow: &str, paths: &[&str]) -> Submission {
    let input = |path: &&str| InputPath { path: format!("{MOUNTPOINT}/{path}"), state: None, size: None };
    Submission {
        name: None,
        workflow: Reference::from(workflow),
        site: None,
        queue: None,
        space: None,
        paths: paths.iter().map(input).collect(),
        discovery: AskedDiscovery::AsDefined,
        fields: Value::Null,
        include: Vec::new(),
        exclude: Vec::new(),
        ignore_site_includes: false,
        ignore_site_excludes: false,
        owner: JobOwner::System,
        client_key: None,
        parent: None,
        schedule: None,
    }
}
