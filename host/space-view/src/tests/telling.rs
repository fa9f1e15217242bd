//! What is told of what is done.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use async_trait::async_trait;
use capstan_domain::{Failure, Outcome};
use capstan_stub::State;

use super::{World, bytes, number, until};
use crate::removed::FOLDER;
use crate::{Change, Changes, Kind, Stale};

/// A port that notes what it is told, unless it is out of order.
#[derive(Default)]
pub(super) struct Told {
    pub(super) changes: Mutex<Vec<Change>>,
    pub(super) stale: Mutex<Vec<Stale>>,
    pub(super) fails: AtomicBool,
}

impl Told {
    fn check(&self) -> Outcome<()> {
        if self.fails.load(SeqCst) { Err(Failure::host("the catalogue is away", "test")) } else { Ok(()) }
    }

    pub(super) fn has(&self, is_it: impl Fn(&Change) -> bool) -> bool {
        self.changes.lock().unwrap().iter().any(is_it)
    }

    pub(super) fn stale(&self) -> usize {
        self.stale.lock().unwrap().len()
    }
}

#[async_trait]
impl Changes for Told {
    async fn stale(&self, file: Stale) -> Outcome<()> {
        self.check()?;
        self.stale.lock().unwrap().push(file);
        Ok(())
    }

    async fn record(&self, changes: &[Change]) -> Outcome<()> {
        self.check()?;
        self.changes.lock().unwrap().extend_from_slice(changes);
        Ok(())
    }
}

fn removed(world: &World) -> usize {
    fs::read_dir(world.raw(FOLDER)).map_or(0, |names| names.count())
}

#[test]
fn what_is_done_is_told_in_its_order() {
    let Some(mut world) = World::new() else { return };
    fs::create_dir(world.at("a")).unwrap();
    fs::write(world.at("a/file"), b"bytes").unwrap();
    fs::rename(world.at("a"), world.at("b")).unwrap();
    fs::hard_link(world.at("b/file"), world.at("b/other")).unwrap();
    fs::remove_file(world.at("b/file")).unwrap();
    fs::remove_file(world.at("b/other")).unwrap();
    fs::remove_dir(world.at("b")).unwrap();
    world.unmount();
    let told = world.told.changes.lock().unwrap().clone();
    let words: Vec<String> = told
        .iter()
        .filter_map(|change| match change {
            Change::Made { at, kind } => Some(format!("made {} {kind:?}", at.path)),
            Change::Written { .. } | Change::Attributes { .. } => None,
            Change::Renamed { from, to, .. } => Some(format!("renamed {from} {}", to.path)),
            Change::Linked { at } => Some(format!("linked {}", at.path)),
            Change::Removed(gone) => Some(format!("removed {} {}", gone.path.as_deref().unwrap_or("?"), gone.last)),
            other => Some(format!("{other:?}")),
        })
        .collect();
    let wanted = [
        "made a Folder",
        "made a/file File",
        "renamed a b",
        "linked b/other",
        "removed b/file false",
        "removed b/other true",
        "removed b true",
    ];
    assert_eq!(words, wanted);
    assert!(told.iter().any(|change| matches!(change, Change::Written { .. })));
    assert!(!world.raw(FOLDER).exists(), "everything was told");
}

#[test]
fn a_file_with_copies_that_is_removed_or_replaced_is_kept_until_that_is_recorded() {
    let Some(world) = World::new() else { return };
    world.stub("gone", &bytes(100_000, 1), 0);
    world.premigrated("replaced", &bytes(100_000, 2));
    world.stub("twice", &bytes(5_000, 3), 0);
    fs::hard_link(world.raw("twice"), world.raw("second")).unwrap();
    fs::write(world.at("new"), b"new").unwrap();
    world.told.fails.store(true, SeqCst);
    fs::remove_file(world.at("gone")).unwrap();
    fs::rename(world.at("new"), world.at("replaced")).unwrap();
    fs::remove_file(world.at("twice")).unwrap();
    assert_eq!(number(fs::metadata(world.at("gone"))), Some(2));
    assert_eq!(fs::read(world.at("replaced")).unwrap(), b"new");
    assert_eq!(removed(&world), 2, "the one that has another name needs no keeping");
    assert_eq!(number(fs::read_dir(world.at(FOLDER))), Some(2), "nobody sees them");
    world.told.fails.store(false, SeqCst);
    until("they are let go", || removed(&world) == 0);
    assert!(world.told.has(|change| matches!(change, Change::Removed(gone) if gone.path.as_deref() == Some("gone")
        && gone.last && gone.record.is_some())));
    assert!(world.told.has(|change| matches!(change, Change::Renamed { from, to, kind: Kind::File, replaced: Some(gone) }
        if from == "new" && to.path == "replaced" && gone.record.is_some())));
    assert_eq!(world.recalls.calls(), 0);
}

#[test]
fn what_could_not_be_told_is_told_by_the_next_view() {
    let Some(mut world) = World::new() else { return };
    let content = bytes(70_000, 4);
    world.stub("gone", &content, 0);
    world.stub("stays", &content, 0);
    let inode = world.look("gone").identity.inode;
    world.told.fails.store(true, SeqCst);
    fs::remove_file(world.at("gone")).unwrap();
    // As if the process had died between a second name and the renaming.
    fs::hard_link(world.raw("stays"), world.raw(FOLDER).join("0-0")).unwrap();
    world.unmount();
    assert_eq!(removed(&world), 2);
    world.told.fails.store(false, SeqCst);
    world.mount();
    until("it is told", || world.told.has(|change| *change == Change::Unsure));
    assert!(world.told.has(|change| matches!(change, Change::Removed(gone) if gone.path.is_none()
        && gone.identity.inode == inode && gone.record.is_some())));
    until("it is let go", || removed(&world) == 0);
    assert!(matches!(world.look("stays").state, State::Migrated(_)));
    assert_eq!(fs::read(world.at("stays")).unwrap(), content);
}
