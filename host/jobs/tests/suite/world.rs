//! A host in small: a catalogue in a directory, spaces as directories beside it, and jobs over both.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use capstan_catalogue::Catalogue;
use capstan_domain::entry::Tree as Entries;
use capstan_domain::ids::{JobId, SpaceId, TargetId};
use capstan_domain::job::{Job, NewJob, Place, TransferOptions, Verify, Work};
use capstan_domain::pool::{NewPool, PeriodUnit, Pool, PoolContent, PoolRole};
use capstan_domain::ports::{Connection, ProbeReport};
use capstan_domain::space::{NewSpace, Space};
use capstan_domain::{Failure, Kind, Outcome};
use capstan_jobs::{Ground, Jobs, Limits, Places, Plot, Probes};
use capstan_mover::{LocalTree, Tree};

use crate::share::Share;

pub(crate) struct World {
    pub(crate) catalogue: Catalogue,
    pub(crate) jobs: Jobs,
    /// How often the next looks for a place fail as if its target were away.
    pub(crate) away: Arc<AtomicU32>,
    pub(crate) probes: Arc<NoProbes>,
    /// Set where the primary pool is a share.
    share: Arc<OnceLock<Arc<Share>>>,
    directory: PathBuf,
    _kept: Arc<tempfile::TempDir>,
}

/// The one location of this world's primary pool, and its directory.
pub(crate) const POOL: &str = "share";

struct Grounds {
    catalogue: Catalogue,
    away: Arc<AtomicU32>,
    share: Arc<OnceLock<Arc<Share>>>,
    directory: PathBuf,
}

impl Grounds {
    async fn space(&self, place: &Place) -> Outcome<(Space, String)> {
        let waits = |away: u32| away.checked_sub(1);
        if self.away.fetch_update(Ordering::SeqCst, Ordering::SeqCst, waits).is_ok() {
            return Err(Failure::new(Kind::Unavailable, "the target is away"));
        }
        match place {
            Place::Space { space, path } => Ok((self.catalogue.space(*space).await?, path.clone())),
            _ => Err(Failure::unsupported("this world has only spaces")),
        }
    }
}

#[async_trait]
impl Places for Grounds {
    async fn source(&self, place: &Place) -> Outcome<Ground> {
        if let Place::Pool { pool, .. } = place {
            let tree: Arc<dyn Tree> = match self.share.get() {
                Some(share) => Share::tree(share),
                None => Arc::new(LocalTree::open("pool", &self.directory.join(POOL))?),
            };
            let plots = vec![Plot { tree, path: String::new(), shown_under: POOL.to_owned() }];
            return Ok(Ground { plots, catalogued: Some(Entries::Pool(*pool)) });
        }
        let (space, path) = self.space(place).await?;
        let tree = Arc::new(LocalTree::open(format!("space:{}", space.id), Path::new(&space.directory))?);
        let plots = vec![Plot { tree, path, shown_under: String::new() }];
        Ok(Ground { plots, catalogued: Some(Entries::Space(space.id)) })
    }

    async fn destination(&self, place: &Place) -> Outcome<Ground> {
        let (space, path) = self.space(place).await?;
        let tree = Arc::new(LocalTree::open_under(format!("space:{}:{path}", space.id), Path::new(&space.directory), &path)?);
        let plots = vec![Plot { tree, path: String::new(), shown_under: path }];
        Ok(Ground { plots, catalogued: Some(Entries::Space(space.id)) })
    }

    async fn connect(&self, _: TargetId) -> Outcome<Arc<dyn Connection>> {
        Err(Failure::unsupported("this world has no targets"))
    }
}

/// Knows no configuration; some jobs' targets never answer.
#[derive(Default)]
pub(crate) struct NoProbes {
    hanging: Mutex<HashSet<JobId>>,
    asked: Mutex<HashSet<JobId>>,
}

impl NoProbes {
    pub(crate) fn hang(&self, job: JobId) {
        self.hanging.lock().unwrap().insert(job);
    }

    pub(crate) fn asked(&self, job: JobId) -> bool {
        self.asked.lock().unwrap().contains(&job)
    }
}

#[async_trait]
impl Probes for NoProbes {
    async fn probe(&self, job: JobId) -> Outcome<ProbeReport> {
        self.asked.lock().unwrap().insert(job);
        let hangs = self.hanging.lock().unwrap().contains(&job);
        if hangs {
            std::future::pending::<()>().await;
        }
        Err(Failure::not_found("the configuration went with the process"))
    }
}

pub(crate) fn limits() -> Limits {
    Limits {
        lease: Duration::from_secs(2),
        tick: Duration::from_millis(50),
        poll: Duration::from_millis(50),
        schedule: Duration::from_millis(50),
        pause: Duration::from_millis(20),
        attempts: 3,
        ..Limits::default()
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let kept = Arc::new(tempfile::tempdir().unwrap());
        Self::open(kept, 0).await
    }

    async fn open(kept: Arc<tempfile::TempDir>, away: u32) -> Self {
        let directory = kept.path().to_owned();
        let url = directory.join("catalogue.db");
        let catalogue = Catalogue::open(url.to_str().unwrap(), capstan_catalogue::Options::default()).await.unwrap();
        let away = Arc::new(AtomicU32::new(away));
        let share = Arc::new(OnceLock::new());
        let places =
            Grounds { catalogue: catalogue.clone(), away: away.clone(), share: share.clone(), directory: directory.clone() };
        let places = Arc::new(places);
        let probes = Arc::new(NoProbes::default());
        let jobs = Jobs::start(catalogue.clone(), places, probes.clone(), limits());
        Self { catalogue, jobs, away, probes, share, directory, _kept: kept }
    }

    /// The same disks under a new process. What the old one left running is for the caller to kill.
    pub(crate) async fn again(&self) -> Self {
        Self::open(self._kept.clone(), 0).await
    }

    pub(crate) async fn space(&self, name: &str) -> Space {
        let directory = self.directory.join(name);
        std::fs::create_dir(&directory).unwrap();
        let new = NewSpace {
            name: name.to_owned(),
            comment: None,
            directory: directory.to_str().unwrap().to_owned(),
            quota_bytes: None,
            cache_quota_bytes: None,
            push_pool: None,
            cleaning_pool: None,
            attributes: serde_json::json!({}),
        };
        self.catalogue.create_space(&new).await.unwrap()
    }

    /// A primary pool with a scan that is never due, and its directory.
    pub(crate) async fn primary_pool(&self) -> (Pool, PathBuf) {
        let directory = self.directory.join(POOL);
        std::fs::create_dir(&directory).unwrap();
        let new = NewPool {
            name: "p".to_owned(),
            comment: None,
            content: PoolContent::Nas,
            role: PoolRole::Primary,
            protects_full: false,
            attributes: serde_json::json!({}),
        };
        let pool = self.catalogue.create_pool(&new, &[]).await.unwrap();
        self.catalogue.put_scan(pool.id, false, 1, PeriodUnit::Days, None).await.unwrap();
        (pool, directory)
    }

    /// The same as a share, through a target's files.
    pub(crate) async fn primary_share(&self) -> (Pool, PathBuf, Arc<Share>) {
        let (pool, directory) = self.primary_pool().await;
        let share = self.share.get_or_init(|| Arc::new(Share::new(&directory))).clone();
        (pool, directory, share)
    }

    pub(crate) async fn submit(&self, work: Work) -> Job {
        self.jobs.submit(&NewJob { definition: None, name: "j".to_owned(), work }).await.unwrap()
    }

    pub(crate) async fn ended(&self, job: JobId) -> Job {
        self.until(job, |job| job.state.is_final()).await
    }

    pub(crate) async fn until(&self, job: JobId, reached: impl Fn(&Job) -> bool) -> Job {
        let start = Instant::now();
        loop {
            let job = self.catalogue.job(job).await.unwrap();
            if reached(&job) {
                return job;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "the job stays {:?}: {:?}", job.state, job.failure);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub(crate) fn fill(space: &Space, files: usize) {
    let root = Path::new(&space.directory);
    for at in 0..files {
        let folder = root.join(format!("d{}", at % 3));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("f{at}")), format!("content of {at}")).unwrap();
    }
}

pub(crate) fn whole(space: SpaceId) -> Place {
    Place::Space { space, path: String::new() }
}

pub(crate) fn copy(from: &Space, to: &Space) -> Work {
    Work::Transfer {
        sources: vec![whole(from.id)],
        destinations: vec![whole(to.id)],
        remove_source: false,
        verify: Verify::ReadBack,
        options: TransferOptions { overwrite: true, ..TransferOptions::default() },
    }
}
