//! Full disks, buckets that go, and steps that are stopped.

use std::process::Command;

use capstan_domain::Kind;
use capstan_domain::file_state::FileState;
use capstan_domain::ids::{JobId, TaskId};
use capstan_domain::workflow::{PathResult, TaskResult};
use capstan_jobs::{SpaceWork, StepWork};
use capstan_stub::State;
use capstan_workflows::{Migrate, Recall, ReverseStub, Step};
use tokio::sync::{mpsc, watch};

use super::{World, bytes, directory, file, is_stub, only};
use crate::Limits;

/// Bytes of the disk that is full soon.
const DISK: usize = 16 << 20;

struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// None without the right to mount.
fn small_disk(at: &std::path::Path) -> Option<Mounted> {
    std::fs::create_dir(at).unwrap();
    let size = format!("size={DISK},mode=700");
    let output = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output().unwrap();
    if output.status.success() {
        return Some(Mounted(at.to_owned()));
    }
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(std::env::var_os("CAPSTAN_TEST_REQUIRE_SERVERS").is_none(), "{why}");
    eprintln!("SKIPPED: {why}");
    None
}

#[tokio::test]
async fn a_full_disk_is_told_and_the_stub_stays() {
    let above = directory();
    let catalogue = World::make(above.path()).await;
    let Some(_mounted) = small_disk(&above.path().join("raw")) else { return };
    let world = World::over(above.path(), catalogue, Limits::default()).await;
    world.target("first", 0, ".*", |_| {}).await;
    let files = [("small", 600_000), ("large", 6 << 20)];
    for (name, size) in files {
        std::fs::write(world.buckets[0].join(name), bytes(size, 1)).unwrap();
        world.well(Step::ReverseStub(ReverseStub::default()), &[name]).await;
    }
    world.write("filler", &bytes(DISK - 400_000, 2));
    for (name, _) in files {
        let told = only(world.step(Step::Recall(Recall::default()), &[name]).await);
        assert_eq!(told, (PathResult::Failed, "no-space".to_owned()), "{name}");
        assert!(is_stub(&world, name), "{name}: {:?}", world.look(name));
        let state = world.state(name).await.unwrap();
        assert_eq!((state.state, state.failure.unwrap().kind), (FileState::Migrated, Kind::NoSpace), "{name}");
    }
    std::fs::remove_file(world.raw.join("filler")).unwrap();
    for (name, size) in files {
        world.recall(&[name]).await;
        assert!(world.read(name) == bytes(size, 1), "{name}");
    }
    world.spaces.close(world.id()).await;
}

/// A step on its way, from its first results on.
async fn begun(world: &World, step: Step, names: &[String]) -> (watch::Sender<bool>, Begun) {
    let (stop, stopped) = watch::channel(false);
    let (send, mut results) = mpsc::channel(1);
    let work = StepWork {
        space: world.id(),
        site: world.site,
        job: JobId::new(),
        task: TaskId::new(),
        step,
        paths: names.iter().map(|name| file(name)).collect(),
        stop: stopped,
    };
    let spaces = world.spaces.clone();
    let running = tokio::spawn(async move { spaces.step(work, send).await });
    let first = results.recv().await.unwrap();
    (stop, Begun { running, results, first })
}

struct Begun {
    running: tokio::task::JoinHandle<capstan_domain::Outcome<()>>,
    results: mpsc::Receiver<Vec<TaskResult>>,
    first: Vec<TaskResult>,
}

impl Begun {
    async fn end(mut self) -> (capstan_domain::Outcome<()>, Vec<TaskResult>) {
        let mut told = self.first;
        while let Some(some) = self.results.recv().await {
            told.extend(some);
        }
        (self.running.await.unwrap(), told)
    }
}

async fn in_small_batches() -> (tempfile::TempDir, World, Vec<String>) {
    let above = directory();
    let catalogue = World::make(above.path()).await;
    let limits = Limits { batch_files: 10, batches: 1, tries: 1, ..Limits::default() };
    let world = World::over(above.path(), catalogue, limits).await;
    world.target("first", 0, ".*", |_| {}).await;
    let names: Vec<String> = (0..300).map(|number| format!("f{number}")).collect();
    for (seed, name) in names.iter().enumerate() {
        world.write(name, &bytes(2000, seed as u64));
    }
    (above, world, names)
}

/// Each is a stub with its copy, or as it was.
fn check(world: &World, names: &[String]) {
    for (seed, name) in names.iter().enumerate() {
        match world.look(name).state {
            State::Migrated(_) => assert!(world.stored(0, name).unwrap() == bytes(2000, seed as u64), "{name}"),
            State::Resident | State::Premigrated(_) => assert!(world.read(name) == bytes(2000, seed as u64), "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_step_that_is_stopped_is_cancelled_and_tells_nothing_of_the_rest() {
    let (_above, world, names) = in_small_batches().await;
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    for step in [Step::Migrate(Migrate::default()), Step::Recall(Recall::default())] {
        let (stop, begun) = begun(&world, step.clone(), &names).await;
        stop.send_replace(true);
        let (ended, told) = begun.end().await;
        assert_eq!(ended.unwrap_err().kind, Kind::Cancelled, "{step:?}");
        assert!(told.len() < names.len() && told.iter().all(|one| one.result == PathResult::Processed), "{step:?}");
        check(&world, &names);
        world.well(step, &all).await;
    }
}

#[tokio::test]
async fn a_bucket_that_goes_while_a_step_runs_leaves_every_file_whole_or_a_stub_with_its_copy() {
    let (_above, world, names) = in_small_batches().await;
    let (_stop, begun) = begun(&world, Step::Migrate(Migrate::default()), &names).await;
    let kept = std::mem::take(&mut *world.directories.0.lock().unwrap());
    let (ended, told) = begun.end().await;
    assert!(ended.is_err() || told.iter().any(|one| one.result == PathResult::Failed));
    check(&world, &names);
    *world.directories.0.lock().unwrap() = kept;
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    world.migrate(&all).await;
    world.recall(&all).await;
    check(&world, &names);
}
