//! A host in small with two engines of drives, which outlive it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use capstan_catalogue::Catalogue;
use capstan_domain::drive::{Drive, DriveChange, DriveState, Media, NewDrive, NewSnapshot, Snapshot};
use capstan_domain::identity::{NewUser, Role};
use capstan_domain::ids::{DriveId, JobId, SnapshotId, TargetId, UserId};
use capstan_domain::job::{Job, JobState, NewJob, Place, Work};
use capstan_domain::ports::Connection;
use capstan_domain::target::NewTarget;
use capstan_domain::{Failure, Outcome};
use capstan_jobs::{Ground, Jobs, Limits, Places};
use serde_json::json;

use crate::engine::Engine;
use crate::world::{NoProbes, limits};

/// Bytes of the drives here: six pieces of a copy.
pub(crate) const SIZE: u64 = 24 << 20;
/// How long anything may take, on whatever machine.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) struct DriveWorld {
    pub(crate) catalogue: Catalogue,
    pub(crate) jobs: Jobs,
    pub(crate) near: Engine,
    pub(crate) far: Engine,
    owner: UserId,
    targets: [TargetId; 2],
    directory: Arc<tempfile::TempDir>,
}

/// Where a drive is made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    Near,
    Far,
}

struct Engines(HashMap<TargetId, Engine>);

#[async_trait]
impl Places for Engines {
    async fn source(&self, _: &Place) -> Outcome<Ground> {
        Err(Failure::unsupported("this world has only drives"))
    }

    async fn destination(&self, _: &Place) -> Outcome<Ground> {
        Err(Failure::unsupported("this world has only drives"))
    }

    async fn connect(&self, target: TargetId) -> Outcome<Arc<dyn Connection>> {
        match self.0.get(&target) {
            Some(engine) => Ok(Arc::new(engine.clone())),
            None => Err(Failure::not_found("no such target")),
        }
    }
}

async fn catalogue(directory: &tempfile::TempDir) -> Catalogue {
    let url = directory.path().join("catalogue.db");
    Catalogue::open(url.to_str().unwrap(), capstan_catalogue::Options::default()).await.unwrap()
}

fn start(catalogue: &Catalogue, targets: [TargetId; 2], near: &Engine, far: &Engine) -> Jobs {
    let engines = Engines(targets.into_iter().zip([near.clone(), far.clone()]).collect());
    // A process that is to die must not be waited for.
    let limits = Limits {
        stop: Duration::from_millis(100),
        longest_pause: Duration::from_millis(100),
        transfer: capstan_mover::Limits { tries: 2, ..capstan_mover::Limits::default() },
        ..limits()
    };
    Jobs::start(catalogue.clone(), Arc::new(engines), Arc::new(NoProbes::default()), limits)
}

impl DriveWorld {
    pub(crate) async fn new() -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let catalogue = catalogue(&directory).await;
        let user = NewUser { name: "ada".to_owned(), role: Role::Operator, password: "none".to_owned() };
        let owner = catalogue.create_user(&user).await.unwrap().id;
        let mut targets = Vec::new();
        for name in ["near", "far"] {
            let new = NewTarget {
                name: name.to_owned(),
                plugin: name.to_owned(),
                pinned: None,
                configuration: json!({}),
                attributes: json!({}),
                secrets: Vec::new(),
                owner: None,
            };
            targets.push(catalogue.create_target(TargetId::new(), &new, Vec::new(), Vec::new()).await.unwrap().id);
        }
        let (near, far) = (Engine::default(), Engine::default());
        let targets = [targets[0], targets[1]];
        let jobs = start(&catalogue, targets, &near, &far);
        Self { catalogue, jobs, near, far, owner, targets, directory }
    }

    /// Waits until an engine answers no more, kills the host and starts the next one.
    pub(crate) async fn die_where_it_hangs(self) -> Self {
        let start = Instant::now();
        while !self.near.hung() && !self.far.hung() {
            assert!(start.elapsed() < PATIENCE, "no call hangs");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.again().await
    }

    /// The same engines and the same catalogue under a new process.
    pub(crate) async fn again(self) -> Self {
        self.jobs.close().await;
        let Self { near, far, owner, targets, directory, catalogue: old, .. } = self;
        drop(old);
        let catalogue = catalogue(&directory).await;
        catalogue.free_leases(None).await.unwrap();
        let jobs = start(&catalogue, targets, &near, &far);
        Self { catalogue, jobs, near, far, owner, targets, directory }
    }

    fn new_drive(&self, at: At, size: u64, state: DriveState) -> NewDrive {
        let (target, storage_type) = match at {
            At::Near => (self.targets[0], "near"),
            At::Far => (self.targets[1], "far"),
        };
        NewDrive {
            id: DriveId::new(),
            owner: self.owner,
            name: "d".to_owned(),
            media: Media::Disk,
            size,
            storage_type: storage_type.to_owned(),
            target,
            location: "pool".to_owned(),
            state,
            allow_multimount: false,
            attributes: json!({}),
            tags: Vec::new(),
        }
    }

    pub(crate) async fn create(&self, at: At, size: u64) -> (Drive, Job) {
        let new = self.new_drive(at, size, DriveState::Creating);
        let job = job(new.id, DriveChange::Create);
        let made = self.catalogue.create_drive(&new, &job, &[]).await.unwrap();
        self.jobs.ring();
        made
    }

    /// A drive that is ready, with bytes in four of its six pieces.
    pub(crate) async fn filled(&self, at: At) -> Drive {
        let (drive, job) = self.create(at, SIZE).await;
        assert_eq!(self.ended(job.id).await.state, JobState::Done);
        let engine = self.engine(at);
        for piece in [0_u64, 1, 3, 5] {
            engine.put(&drive.volume(), piece * (4 << 20) + 8192, &[piece as u8 + 1; 100_000]);
        }
        self.drive(drive.id).await
    }

    pub(crate) async fn clone_of(&self, source: &Drive, snapshot: Option<SnapshotId>, at: At, size: u64) -> (Drive, Job) {
        let new = self.new_drive(at, size, DriveState::Cloning);
        let job = job(new.id, DriveChange::Clone { source: source.id, snapshot });
        let made = self.catalogue.create_drive(&new, &job, &[source.id]).await.unwrap();
        self.jobs.ring();
        made
    }

    pub(crate) async fn change(&self, drive: &Drive, to: DriveState, change: DriveChange) -> Job {
        let from = [DriveState::Ready, DriveState::Unavailable];
        let (_, job) = self.catalogue.begin_drive_change(drive.id, &from, to, &job(drive.id, change), &[]).await.unwrap();
        self.jobs.ring();
        job
    }

    pub(crate) async fn snapshot(&self, drive: &Drive) -> (Snapshot, Job) {
        let new = NewSnapshot {
            id: SnapshotId::new(),
            drive: drive.id,
            owner: self.owner,
            name: "s".to_owned(),
            size: drive.size,
            attributes: json!({}),
            tags: Vec::new(),
        };
        let job = job(drive.id, DriveChange::TakeSnapshot { snapshot: new.id });
        let made = self.catalogue.create_snapshot(&new, &job).await.unwrap();
        self.jobs.ring();
        made
    }

    pub(crate) fn engine(&self, at: At) -> &Engine {
        match at {
            At::Near => &self.near,
            At::Far => &self.far,
        }
    }

    pub(crate) async fn drive(&self, id: DriveId) -> Drive {
        self.catalogue.drive(id).await.unwrap()
    }

    pub(crate) async fn ended(&self, job: JobId) -> Job {
        self.until(job, |job| job.state.is_final()).await
    }

    pub(crate) async fn until(&self, job: JobId, reached: impl Fn(&Job) -> bool) -> Job {
        let start = Instant::now();
        loop {
            let found = self.catalogue.job(job).await.unwrap();
            if reached(&found) {
                return found;
            }
            assert!(start.elapsed() < PATIENCE, "the job stays {:?}: {:?}", found.state, found.failure);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

pub(crate) fn job(drive: DriveId, change: DriveChange) -> NewJob {
    NewJob { definition: None, name: "j".to_owned(), work: Work::Drive { drive, change } }
}
