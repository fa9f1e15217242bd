//! The process is killed at every point; another opens the same space, and every file has its bytes, at once and after the step was taken
//! again.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use capstan_domain::entry::Tree;
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::{PathResult, TaskPath};
use capstan_workflows::{Delete, Migrate, Move, Recall, ReverseStub, Step};

use super::{World, bytes, directory, file};
use crate::Limits;
use crate::points::{Point, die_at};

const VICTIM: &str = "CAPSTAN_SPACES_VICTIM";
const WORLD: &str = "CAPSTAN_SPACES_WORLD";
/// From here on a file of these tests is a large one.
const SMALL: usize = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Migrate,
    Premigrate,
    Recall,
    RecallAndDelete,
    ReverseStub,
    Delete,
    Move,
    Purge,
}

const ALL: [Work; 8] = [
    Work::Migrate,
    Work::Premigrate,
    Work::Recall,
    Work::RecallAndDelete,
    Work::ReverseStub,
    Work::Delete,
    Work::Move,
    Work::Purge,
];

const SMALL_FILES: [(&str, usize); 3] = [("a", 5000), ("d/b", 100), ("d/e/c", SMALL)];
const LARGE_FILES: [(&str, usize); 1] = [("d/large", SMALL + 30_000)];

fn files(is_large: bool) -> &'static [(&'static str, usize)] {
    if is_large { &LARGE_FILES } else { &SMALL_FILES }
}

fn content(name: &str, size: usize) -> Vec<u8> {
    bytes(size, name.len() as u64)
}

fn moved(name: &str) -> String {
    format!("new/{name}")
}

async fn reopen(above: &Path) -> World {
    let limits = Limits { tries: 3, small_file: SMALL as u64, ..Limits::default() };
    World::over(above, World::catalogue(above).await, limits).await
}

impl Work {
    fn points(self) -> &'static [Point] {
        match self {
            Self::Migrate | Self::Premigrate => {
                &[Point::Stored, Point::ReadBack, Point::CopyRecorded, Point::Freed, Point::StateRecorded]
            }
            Self::Recall => &[Point::Begun, Point::Filled, Point::Whole, Point::StateRecorded],
            Self::RecallAndDelete => &[Point::Whole, Point::Invalidated, Point::Released, Point::CopiesDeleted],
            Self::ReverseStub => &[Point::StubMade],
            Self::Delete => &[Point::Removed],
            Self::Move => &[Point::Renamed, Point::OldNameForgotten],
            Self::Purge => &[Point::Released, Point::CopiesDeleted],
        }
    }

    /// What it begins from.
    async fn prepare(self, world: &World, is_large: bool) {
        for (name, size) in files(is_large) {
            world.write(name, &content(name, *size));
        }
        let names: Vec<&str> = files(is_large).iter().map(|(name, _)| *name).collect();
        if !matches!(self, Self::Migrate | Self::Premigrate) {
            world.migrate(&names).await;
        }
        if matches!(self, Self::ReverseStub | Self::Purge) {
            world.well(Step::Delete(Delete::default()), &names).await;
        }
    }

    /// Everything is processed.
    async fn run(self, world: &World, is_large: bool) {
        let names: Vec<&str> = files(is_large).iter().map(|(name, _)| *name).collect();
        let step = match self {
            Self::Migrate => Step::Migrate(Migrate::default()),
            Self::Premigrate => Step::Migrate(Migrate { premigrate: true, ..Migrate::default() }),
            Self::Recall => Step::Recall(Recall::default()),
            Self::RecallAndDelete => Step::Recall(Recall { delete_remote: true, ..Recall::default() }),
            Self::ReverseStub => Step::ReverseStub(ReverseStub::default()),
            Self::Delete => Step::Delete(Delete::default()),
            Self::Move => {
                let from = |name: &&str| TaskPath { from: Some((*name).to_owned()), ..file(&moved(name)) };
                let results = world.step_with(Step::Move(Move::default()), names.iter().map(from).collect()).await.unwrap();
                assert!(results.iter().all(|one| one.result == PathResult::Processed), "{results:?}");
                return;
            }
            Self::Purge => {
                let later = Timestamp::now().plus(Duration::from_secs(8 * 24 * 60 * 60));
                world.spaces.purge(later).await.unwrap();
                return;
            }
        };
        world.well(step, &names).await;
    }

    /// Where the content must be, under which names.
    async fn check(self, world: &World, is_large: bool, is_done: bool, when: &str) {
        let listing = Listing::first(10).with("space", Operator::Equal, world.id()).with("state", Operator::Equal, "recalling");
        assert!(world.catalogue.stateful_files(&listing).await.unwrap().items.is_empty(), "{when}: recalling");
        check_copies(world, is_large, when).await;
        for (name, size) in files(is_large) {
            match self {
                Self::Purge => {
                    assert!(!world.raw.join(name).exists(), "{when}: {name}");
                    if is_done {
                        assert_eq!(world.stored(0, name), None, "{when}: {name}");
                        assert!(world.catalogue.entry_at(Tree::Space(world.id()), name).await.is_err(), "{when}: {name}");
                    }
                    continue;
                }
                Self::Delete if is_done => assert!(!world.raw.join(name).exists(), "{when}: {name}"),
                _ => {}
            }
            let is_at = match self {
                Self::Move if is_done || !world.raw.join(name).exists() => moved(name),
                _ => (*name).to_owned(),
            };
            if !world.raw.join(&is_at).exists() {
                assert!(matches!(self, Self::Delete | Self::ReverseStub), "{when}: {is_at} is gone");
                world.well(Step::ReverseStub(ReverseStub::default()), &[&is_at]).await;
            }
            world.recall(&[&is_at]).await;
            assert!(world.read(&is_at) == content(name, *size), "{when}: {is_at}");
            let look = world.look(&is_at);
            assert!(look.is_data() && !look.unfinished, "{when}: {look:?}");
            // And from there everything goes on.
            world.migrate(&[&is_at]).await;
            world.recall(&[&is_at]).await;
            assert!(world.read(&is_at) == content(name, *size), "{when}: {is_at}, migrated anew");
        }
        check_copies(world, is_large, when).await;
    }
}

/// What the catalogue calls a verified copy of a file is that.
async fn check_copies(world: &World, is_large: bool, when: &str) {
    for (name, size) in files(is_large) {
        for path in [(*name).to_owned(), moved(name)] {
            for held in world.catalogue.replicas_at(Tree::Space(world.id()), &[path]).await.unwrap() {
                if held.replica.verified.is_some() {
                    let stored = world.stored(0, &held.replica.key);
                    assert!(stored == Some(content(name, *size)), "{when}: the copy {:?} of {:?}", held.replica.key, held.path);
                }
            }
        }
    }
}

/// What the killed process runs.
#[tokio::test]
#[ignore = "is started by the other, to be killed"]
async fn victim() {
    let (Ok(victim), Some(above)) = (std::env::var(VICTIM), std::env::var_os(WORLD)) else { return };
    let world = reopen(Path::new(&above)).await;
    for work in ALL {
        for point in work.points() {
            for is_large in [false, true] {
                if victim == format!("{work:?} {point:?} {is_large}") {
                    die_at(*point);
                    work.run(&world, is_large).await;
                }
            }
        }
    }
}

async fn die(work: Work, point: Point, is_large: bool, is_taken_again: bool) {
    let when = format!("{work:?} {point:?} {is_large}");
    let above = directory();
    World::make(above.path()).await;
    let world = reopen(above.path()).await;
    world.target("first", 0, ".*", |_| {}).await;
    work.prepare(&world, is_large).await;
    drop(world);
    let mut victim = Command::new(std::env::current_exe().unwrap());
    victim.args(["--exact", "tests::deaths::victim", "--ignored", "--nocapture"]);
    victim.env(VICTIM, &when).env(WORLD, above.path()).stdout(Stdio::null());
    let status = tokio::task::spawn_blocking(move || victim.status().unwrap()).await.unwrap();
    assert_eq!(status.signal(), Some(9), "{when}");
    let world = reopen(above.path()).await;
    if is_taken_again {
        work.run(&world, is_large).await;
    }
    work.check(&world, is_large, is_taken_again, &when).await;
}

#[tokio::test]
async fn a_worker_that_dies_at_any_point_leaves_every_byte_and_the_next_goes_on() {
    for work in ALL {
        for point in work.points() {
            for is_large in [false, true] {
                for is_taken_again in [false, true] {
                    die(work, *point, is_large, is_taken_again).await;
                }
            }
        }
    }
}
