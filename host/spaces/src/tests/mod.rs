//! Rules of the room: a space on a real directory, two buckets that are directories, a catalogue of SQLite.

mod deaths;
mod faults;
mod migrating;
mod names;
mod purging;
mod rebuilding;
mod recalling;
mod viewing;

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use capstan_catalogue::Catalogue;
use capstan_domain::entry::{EntryKind, Tree};
use capstan_domain::external_target::{NewExternalTarget, TargetRule};
use capstan_domain::file_state::StatefulFile;
use capstan_domain::ids::{JobId, LocationId, Number, SpaceId, TargetId, TaskId};
use capstan_domain::listing::Listing;
use capstan_domain::ports::LocationInfo;
use capstan_domain::site::NewSite;
use capstan_domain::space::NewSpace;
use capstan_domain::space_profile::{ManagedSpace, SpaceProfile};
use capstan_domain::target::NewTarget;
use capstan_domain::workflow::{PathResult, TaskPath, TaskResult};
use capstan_domain::{Failure, Outcome};
use capstan_jobs::{SpaceWork, StepWork};
use capstan_mover::LocalTree;
use capstan_stub::{Look, RawTree};
use capstan_workflows::{Migrate, Recall, Step};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

use crate::{Buckets, Limits, Settings, Spaces};

/// When all files of the tests were changed.
const CHANGED: Duration = Duration::new(1_000_000_000, 123_456_789);

/// Directories for buckets. One that is away answers nobody.
#[derive(Default)]
struct Directories(std::sync::Mutex<HashMap<LocationId, PathBuf>>);

#[async_trait]
impl Buckets for Directories {
    async fn tree(&self, location: LocationId) -> Outcome<Arc<dyn capstan_mover::Tree>> {
        let directory = self.0.lock().unwrap().get(&location).cloned();
        match directory {
            Some(directory) => Ok(Arc::new(LocalTree::open(format!("bucket:{location}"), &directory)?)),
            None => Err(Failure::new(capstan_domain::Kind::Unavailable, "the bucket is away")),
        }
    }
}

struct World {
    raw: PathBuf,
    buckets: [PathBuf; 2],
    locations: [LocationId; 2],
    directories: Arc<Directories>,
    catalogue: Catalogue,
    spaces: Spaces,
    space: ManagedSpace,
    site: Number,
    tree: RawTree,
    _above: Option<TempDir>,
}

impl World {
    /// Everything goes to the first bucket.
    async fn new() -> Self {
        let world = Self::without_targets().await;
        world.target("first", 0, ".*", |_| {}).await;
        world
    }

    async fn without_targets() -> Self {
        let above = directory();
        let catalogue = Self::make(above.path()).await;
        let world = Self::over(above.path(), catalogue, Limits { tries: 3, ..Limits::default() }).await;
        Self { _above: Some(above), ..world }
    }

    async fn catalogue(above: &Path) -> Catalogue {
        let url = above.join("catalogue.db");
        Catalogue::open(url.to_str().unwrap(), capstan_catalogue::Options::default()).await.unwrap()
    }

    /// A site, a space, two buckets.
    async fn make(above: &Path) -> Catalogue {
        let path = |name: &str| above.join(name);
        let catalogue = Self::catalogue(above).await;
        let new =
            NewSite { name: "here".to_owned(), label: "Here".to_owned(), settings: Default::default(), attributes: json!({}) };
        let site = catalogue.default_site(&new).await.unwrap().number;
        let new = NewSpace {
            name: "s".to_owned(),
            comment: None,
            directory: path("raw").to_str().unwrap().to_owned(),
            quota_bytes: None,
            cache_quota_bytes: None,
            push_pool: None,
            cleaning_pool: None,
            attributes: json!({}),
        };
        catalogue.create_managed_space(&new, &SpaceProfile::default(), &[site]).await.unwrap();
        let new = NewTarget {
            name: "t".to_owned(),
            plugin: "posix".to_owned(),
            pinned: None,
            configuration: json!({}),
            attributes: json!({}),
            secrets: Vec::new(),
            owner: None,
        };
        let target = catalogue.create_target(TargetId::new(), &new, Vec::new(), Vec::new()).await.unwrap();
        let info = |name: &str| LocationInfo { name: name.to_owned(), created: None, extras: Vec::new() };
        catalogue.sync_locations(target.id, &[info("one"), info("two")]).await.unwrap();
        for bucket in ["one", "two"] {
            std::fs::create_dir(path(bucket)).unwrap();
        }
        catalogue
    }

    /// What was made, as a process finds it that starts.
    async fn over(above: &Path, catalogue: Catalogue, limits: Limits) -> Self {
        let path = |name: &str| above.join(name);
        let site = catalogue.sites(&Listing::first(1)).await.unwrap().items[0].number;
        let space = catalogue.managed_spaces(&Listing::first(1)).await.unwrap().items.remove(0);
        let found = catalogue.locations(&Listing::first(2)).await.unwrap().items;
        let locations = ["one", "two"].map(|name| found.iter().find(|location| location.name == name).unwrap().id);
        let buckets = [path("one"), path("two")];
        let directories = Arc::new(Directories::default());
        for (location, bucket) in locations.iter().zip(&buckets) {
            directories.0.lock().unwrap().insert(*location, bucket.clone());
        }
        let settings = Settings { site, limits, ..Settings::default() };
        let spaces = Spaces::new(catalogue.clone(), Arc::clone(&directories) as _, settings);
        let raw = path("raw");
        spaces.open(&space, &raw).await.unwrap();
        let tree = spaces.raw(space.space.id).await.unwrap();
        Self { raw, buckets, locations, directories, catalogue, spaces, space, site, tree, _above: None }
    }

    async fn target(&self, name: &str, bucket: usize, regex: &str, edit: impl FnOnce(&mut TargetRule)) {
        let mut rule = TargetRule {
            local_file_regex: regex.to_owned(),
            enabled: true,
            delete_on_recall: false,
            backup_only: false,
            backup_site: None,
            sites: Vec::new(),
            position: 0,
            attributes: json!({}),
        };
        edit(&mut rule);
        let new = NewExternalTarget { name: name.to_owned(), space: self.id(), location: self.locations[bucket], rule };
        self.catalogue.create_external_target(&new).await.unwrap();
    }

    fn id(&self) -> SpaceId {
        self.space.space.id
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.raw.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self.retime(name, CHANGED);
    }

    fn retime(&self, name: &str, modified: Duration) {
        File::open(self.raw.join(name)).unwrap().set_modified(UNIX_EPOCH + modified).unwrap();
    }

    /// What the directory holds, stub or not.
    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.raw.join(name)).unwrap()
    }

    fn look(&self, name: &str) -> Look {
        self.tree.look(name).unwrap()
    }

    /// Bytes of disk.
    fn allocated(&self, name: &str) -> u64 {
        std::fs::metadata(self.raw.join(name)).unwrap().blocks() * 512
    }

    fn stored(&self, bucket: usize, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.buckets[bucket].join(name)).ok()
    }

    async fn state(&self, name: &str) -> Option<StatefulFile> {
        self.catalogue.file_states(Tree::Space(self.id()), &[name.to_owned()]).await.unwrap().pop()
    }

    async fn step(&self, step: Step, names: &[&str]) -> Outcome<Vec<TaskResult>> {
        let paths = names.iter().map(|name| file(name)).collect();
        self.step_with(step, paths).await
    }

    async fn step_with(&self, step: Step, paths: Vec<TaskPath>) -> Outcome<Vec<TaskResult>> {
        step_of(&self.spaces, self.id(), self.site, step, paths).await
    }

    /// Fails unless every path was processed.
    async fn well(&self, step: Step, names: &[&str]) {
        let results = self.step(step, names).await.unwrap();
        assert_eq!(results.len(), names.len());
        assert!(results.iter().all(|one| one.result == PathResult::Processed), "{results:?}");
    }

    async fn migrate(&self, names: &[&str]) {
        self.well(Step::Migrate(Migrate::default()), names).await;
    }

    async fn premigrate(&self, names: &[&str]) {
        self.well(Step::Migrate(Migrate { premigrate: true, ..Migrate::default() }), names).await;
    }

    async fn recall(&self, names: &[&str]) {
        self.well(Step::Recall(Recall::default()), names).await;
    }
}

/// On a file system that holds stubs.
fn directory() -> TempDir {
    let beside = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    tempfile::Builder::new().prefix("spaces-").tempdir_in(beside).unwrap()
}

fn file(name: &str) -> TaskPath {
    TaskPath { path: name.to_owned(), kind: EntryKind::File, size: 0, state: String::new(), from: None }
}

async fn step_of(spaces: &Spaces, space: SpaceId, site: Number, step: Step, paths: Vec<TaskPath>) -> Outcome<Vec<TaskResult>> {
    let (send, mut receive) = mpsc::channel(4);
    let (_stop, stop) = watch::channel(false);
    let work = StepWork { space, site, job: JobId::new(), task: TaskId::new(), step, paths, stop };
    let spaces = spaces.clone();
    let running = tokio::spawn(async move { spaces.step(work, send).await });
    let mut results = Vec::new();
    while let Some(some) = receive.recv().await {
        results.extend(some);
    }
    running.await.unwrap()?;
    results.sort_by_key(|one| one.position);
    Ok(results)
}

/// Result and code of the only path.
fn only(results: Outcome<Vec<TaskResult>>) -> (PathResult, String) {
    let mut results = results.unwrap();
    assert_eq!(results.len(), 1, "{results:?}");
    let one = results.remove(0);
    (one.result, one.code.unwrap_or_default())
}

/// Bytes that repeat nowhere near.
fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut out = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

fn is_stub(world: &World, name: &str) -> bool {
    matches!(world.look(name).state, capstan_stub::State::Migrated(_))
}

fn spoil(path: &Path) {
    let mut content = std::fs::read(path).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    let modified = std::fs::metadata(path).unwrap().modified().unwrap();
    std::fs::write(path, content).unwrap();
    File::open(path).unwrap().set_modified(modified).unwrap();
}
