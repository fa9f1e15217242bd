//! The catalogue and the tree are lost: a space is made anew from what its buckets say of it.

use std::fs::{File, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use capstan_domain::entry::{EntryKind, Tree};
use capstan_domain::file_state::FileState;
use capstan_domain::ids::SpaceId;
use capstan_domain::workflow::{PathResult, TaskPath};
use capstan_domain::{Kind, Outcome};
use capstan_stub::{Access, Existing, NewStub, State};
use capstan_workflows::{Delete, Migrate, Move, ReverseStub, Step};
use rustix::fs::XattrFlags;

use super::{CHANGED, World, bytes, file, is_stub, only};
use crate::Rebuilt;

const ACL: &str = "system.posix_acl_access";

/// More than one piece of 16 MiB.
const LARGE: usize = (20 << 20) + 77;

impl World {
    /// Another host, which has nothing but the buckets.
    async fn after_its_loss(&self) -> Self {
        self.spaces.close(self.id()).await;
        let world = Self::new().await;
        for (location, bucket) in world.locations.iter().zip(&self.buckets) {
            world.directories.0.lock().unwrap().insert(*location, bucket.clone());
        }
        Self { buckets: self.buckets.clone(), ..world }
    }

    async fn rebuild(&self) -> Outcome<Rebuilt> {
        self.spaces.rebuild(self.id(), self.locations[0], None).await
    }

    /// The batches of all manifests in the first bucket, oldest first.
    fn batches(&self) -> Vec<PathBuf> {
        let Ok(spaces) = std::fs::read_dir(self.buckets[0].join(".capstan-spaces")) else { return Vec::new() };
        let of_space = |space: std::fs::DirEntry| std::fs::read_dir(space.path()).unwrap().flatten();
        let mut batches: Vec<PathBuf> = spaces.flatten().flat_map(of_space).map(|batch| batch.path()).collect();
        batches.sort_by_key(|batch| batch.file_name().map(ToOwned::to_owned));
        batches
    }

    fn metadata(&self, name: &str) -> Metadata {
        std::fs::metadata(self.raw.join(name)).unwrap()
    }

    fn xattr(&self, path: &str, name: &str) -> Option<Vec<u8>> {
        let mut room = vec![0; 4096];
        let length = rustix::fs::getxattr(self.raw.join(path), name, room.as_mut_slice()).ok()?;
        room.truncate(length);
        Some(room)
    }

    fn set_xattr(&self, path: &str, name: &str, value: &[u8]) -> bool {
        rustix::fs::setxattr(self.raw.join(path), name, value, XattrFlags::empty()).is_ok()
    }
}

/// `user::rw-,user:42:r--,group::r--,mask::r--,other::---`
fn acl() -> Vec<u8> {
    let entries = [(1_u16, 6_u16, u32::MAX), (2, 4, 42), (4, 4, u32::MAX), (16, 4, u32::MAX), (32, 0, u32::MAX)];
    let mut value = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        value.extend(tag.to_le_bytes());
        value.extend(permissions.to_le_bytes());
        value.extend(id.to_le_bytes());
    }
    value
}

fn counts(rebuilt: &Rebuilt) -> [u64; 5] {
    [rebuilt.made, rebuilt.there, rebuilt.kept, rebuilt.failed, rebuilt.torn]
}

#[tokio::test]
async fn everything_that_was_stored_comes_back_with_its_hashes_modes_times_and_attributes() {
    let old = World::new().await;
    let names: Vec<String> = (0..300).map(|number| format!("d/{}/f{number}", number % 7)).collect();
    for (seed, name) in names.iter().enumerate() {
        old.write(name, &bytes(5000 + seed, seed as u64));
    }
    old.write("large", &bytes(LARGE, 1));
    old.write("empty", b"");
    old.write("only premigrated", &bytes(7000, 2));
    old.write("never stored", b"mine");
    std::fs::set_permissions(old.raw.join("large"), std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(old.set_xattr("large", "user.colour", b"\0blue\xff"));
    let has_acl = old.set_xattr("d/0/f0", ACL, &acl());
    let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
    all.extend(["large", "empty"]);
    old.migrate(&all).await;
    old.premigrate(&["only premigrated"]).await;
    all.push("only premigrated");
    assert!(old.batches().len() <= 8, "{} batches", old.batches().len());
    let mode = old.metadata("large").mode();

    let new = old.after_its_loss().await;
    let rebuilt = new.rebuild().await.unwrap();
    assert_eq!(counts(&rebuilt), [all.len() as u64, 0, 0, 0, 0], "{:?}", rebuilt.left);
    assert!(!new.raw.join("never stored").exists());
    for name in &all {
        let (found, then) = (new.metadata(name), old.metadata(name));
        assert_eq!((found.len(), found.mode(), found.uid()), (then.len(), then.mode(), then.uid()), "{name}");
        assert_eq!(found.modified().unwrap(), UNIX_EPOCH + CHANGED, "{name}");
        let state = new.state(name).await.unwrap();
        let expected = if *name == "empty" { FileState::Premigrated } else { FileState::Migrated };
        assert_eq!((state.state, state.failure), (expected, None), "{name}");
    }
    assert_eq!(new.metadata("large").mode(), mode);
    assert_eq!(new.xattr("large", "user.colour").unwrap(), b"\0blue\xff");
    assert_eq!(new.xattr("d/0/f0", ACL), has_acl.then(acl));
    new.recall(&all).await;
    assert!(new.read("large") == bytes(LARGE, 1) && new.read("only premigrated") == bytes(7000, 2));
    for (seed, name) in names.iter().enumerate() {
        assert!(new.read(name) == bytes(5000 + seed, seed as u64), "{name}");
    }
    // Nothing is stored a second time for it.
    new.migrate(&all).await;
    assert!(!new.buckets[0].join("large (1)").exists());
}

#[tokio::test]
async fn of_a_file_that_was_replaced_the_last_content_comes_back_and_of_one_that_was_deleted_none() {
    let old = World::new().await;
    for seed in [1, 2, 3] {
        old.write("twice", &bytes(4000, seed));
        old.retime("twice", CHANGED + Duration::from_secs(seed));
        old.migrate(&["twice"]).await;
        if seed < 3 {
            old.recall(&["twice"]).await;
        }
    }
    for name in ["deleted", "moved", "d/in a folder", "again"] {
        old.write(name, &bytes(3000, 4));
        old.migrate(&[name]).await;
    }
    old.well(Step::Delete(Delete::default()), &["deleted", "again"]).await;
    let moved = |from: &str, to: &str, kind| TaskPath { kind, from: Some(from.to_owned()), ..file(to) };
    let paths = vec![moved("moved", "new name", EntryKind::File), moved("d", "e", EntryKind::Folder)];
    old.step_with(Step::Move(Move::default()), paths).await.unwrap();
    old.write("again", &bytes(100, 5));
    old.migrate(&["again"]).await;

    let new = old.after_its_loss().await;
    let rebuilt = new.rebuild().await.unwrap();
    assert_eq!(counts(&rebuilt), [4, 0, 0, 0, 0], "{:?}", rebuilt.left);
    for name in ["deleted", "moved", "d"] {
        assert!(!new.raw.join(name).exists(), "{name}");
        assert!(new.catalogue.entry_at(Tree::Space(new.id()), name).await.is_err(), "{name}");
    }
    new.recall(&["twice", "new name", "e/in a folder", "again"]).await;
    assert!(new.read("twice") == bytes(4000, 3) && new.read("again") == bytes(100, 5));
    assert!(new.read("new name") == bytes(3000, 4) && new.read("e/in a folder") == bytes(3000, 4));
}

#[tokio::test]
async fn a_torn_batch_is_told_and_nothing_of_it_is_believed() {
    let old = World::new().await;
    for (seed, name) in ["first", "second"].into_iter().enumerate() {
        old.write(name, &bytes(2000, seed as u64));
        old.migrate(&[name]).await;
    }
    let batches = old.batches();
    let content = std::fs::read(&batches[0]).unwrap();
    std::fs::write(&batches[0], &content[..content.len() - 20]).unwrap();
    let new = old.after_its_loss().await;
    let rebuilt = new.rebuild().await.unwrap();
    assert_eq!(counts(&rebuilt), [1, 0, 0, 0, 1], "{:?}", rebuilt.left);
    assert_eq!(rebuilt.left[0].why.code.as_deref(), Some("bad-manifest"));
    assert!(!new.raw.join("first").exists() && is_stub(&new, "second"));
    // Repaired, it counts.
    std::fs::write(&batches[0], content).unwrap();
    assert_eq!(counts(&new.rebuild().await.unwrap()), [1, 1, 0, 0, 0]);
}

#[tokio::test]
async fn what_is_there_stays_and_is_told() {
    let old = World::new().await;
    for name in ["mine", "same", "folder"] {
        old.write(name, &bytes(2000, 6));
        old.migrate(&[name]).await;
    }
    let new = old.after_its_loss().await;
    new.write("mine", b"another");
    new.write("folder/in it", b"another");
    new.write("same", &bytes(2000, 6));
    let rebuilt = new.rebuild().await.unwrap();
    // A file without a record is compared with nothing: it stays, too.
    assert_eq!(counts(&rebuilt), [0, 0, 2, 1, 0], "{:?}", rebuilt.left);
    assert_eq!(rebuilt.left.len(), 3);
    assert!(new.read("mine") == b"another" && new.read("same") == bytes(2000, 6));
}

#[tokio::test]
async fn a_rebuild_that_died_over_a_stub_is_taken_up_again() {
    let old = World::new().await;
    for name in ["one", "two"] {
        old.write(name, &bytes(2000, 7));
        assert!(old.set_xattr(name, "user.mark", name.as_bytes()));
    }
    old.migrate(&["one", "two"]).await;
    let record = old.look("one").record().unwrap().content.clone();
    let new = old.after_its_loss().await;
    let place = capstan_stub::Place { location: new.locations[0], ..record.places[0].clone() };
    let content = capstan_stub::Content { places: vec![place], ..record };
    new.tree.reverse_stub("one", &NewStub { content: &content, mode: 0o644, owner: None }, Existing::Keep).unwrap();
    assert_eq!(counts(&new.rebuild().await.unwrap()), [1, 1, 0, 0, 0]);
    assert_eq!(new.xattr("one", "user.mark").unwrap(), b"one");
    assert_eq!(new.state("one").await.unwrap().state, FileState::Migrated);
    new.recall(&["one", "two"]).await;
    assert_eq!(counts(&new.rebuild().await.unwrap()), [0, 2, 0, 0, 0]);
}

#[tokio::test]
async fn a_file_whose_host_died_before_it_was_freed_is_in_the_manifest() {
    let old = World::new().await;
    old.write("f", &bytes(3000, 8));
    let reader = File::open(old.raw.join("f")).unwrap();
    assert_eq!(only(old.step(Step::Migrate(Migrate::default()), &["f"]).await).0, PathResult::Skipped);
    drop(reader);
    let new = old.after_its_loss().await;
    assert_eq!(counts(&new.rebuild().await.unwrap()), [1, 0, 0, 0, 0]);
    new.recall(&["f"]).await;
    assert!(new.read("f") == bytes(3000, 8));
}

#[tokio::test]
async fn nothing_is_freed_where_the_manifest_cannot_be_written() {
    let world = World::new().await;
    world.write("f", &bytes(3000, 9));
    // A file stands where the folder would.
    std::fs::write(world.buckets[0].join(".capstan-spaces"), b"").unwrap();
    assert_eq!(only(world.step(Step::Migrate(Migrate::default()), &["f"]).await).0, PathResult::Failed);
    assert_eq!(world.look("f").state, State::Resident);
    assert!(world.state("f").await.is_none_or(|file| file.state == FileState::Resident));
    std::fs::remove_file(world.buckets[0].join(".capstan-spaces")).unwrap();
    world.migrate(&["f"]).await;
    assert!(is_stub(&world, "f"));
}

#[tokio::test]
async fn an_export_writes_the_whole_and_removes_what_it_replaces() {
    let old = World::new().await;
    for name in ["a", "b", "c"] {
        old.write(name, &bytes(2000, 10));
        old.migrate(&[name]).await;
    }
    std::fs::remove_file(old.raw.join("c")).unwrap();
    let exported = old.spaces.export(old.id(), None).await.unwrap().remove(0);
    assert_eq!((exported.files, exported.missing, exported.removed), (2, 1, 0), "what is known of the third stays");
    old.well(Step::Delete(Delete::default()), &["b", "c"]).await;
    let exported = old.spaces.export(old.id(), Some(old.locations[0])).await.unwrap().remove(0);
    assert_eq!((exported.files, exported.missing, exported.written), (1, 0, 1));
    assert!(exported.removed >= 4, "{exported:?}");
    assert_eq!(old.batches().len(), 1);
    old.write("later", &bytes(2000, 11));
    old.migrate(&["later"]).await;
    let new = old.after_its_loss().await;
    assert_eq!(counts(&new.rebuild().await.unwrap()), [2, 0, 0, 0, 0]);
    assert!(is_stub(&new, "a") && is_stub(&new, "later") && !new.raw.join("b").exists());
}

#[tokio::test]
async fn batches_that_an_export_replaced_count_no_longer_though_they_are_there() {
    let old = World::new().await;
    for name in ["a", "b"] {
        old.write(name, &bytes(2000, 12));
        old.migrate(&[name]).await;
    }
    let before: Vec<(PathBuf, Vec<u8>)> =
        old.batches().into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    old.well(Step::Delete(Delete::default()), &["b"]).await;
    old.spaces.export(old.id(), None).await.unwrap();
    for (path, content) in before {
        std::fs::write(path, content).unwrap();
    }
    let new = old.after_its_loss().await;
    assert_eq!(counts(&new.rebuild().await.unwrap()), [1, 0, 0, 0, 0]);
    assert!(!new.raw.join("b").exists());
}

#[tokio::test]
async fn a_space_that_was_rebuilt_can_be_lost_again() {
    let first = World::new().await;
    for name in ["a", "b", "c"] {
        first.write(name, &bytes(2000, 13));
        first.migrate(&[name]).await;
    }
    let second = first.after_its_loss().await;
    second.rebuild().await.unwrap();
    second.write("d", &bytes(2000, 14));
    second.migrate(&["d"]).await;
    second.well(Step::Delete(Delete::default()), &["b"]).await;
    let third = second.after_its_loss().await;
    let rebuilt = third.rebuild().await.unwrap();
    assert_eq!((counts(&rebuilt), rebuilt.from), ([3, 0, 0, 0, 0], vec![second.id(), first.id()]));
    assert!(!third.raw.join("b").exists() && is_stub(&third, "d"));
    third.spaces.export(third.id(), None).await.unwrap();
    third.well(Step::Delete(Delete::default()), &["a"]).await;
    let fourth = third.after_its_loss().await;
    assert_eq!(counts(&fourth.rebuild().await.unwrap()), [2, 0, 0, 0, 0]);
    assert!(is_stub(&fourth, "c") && is_stub(&fourth, "d") && !fourth.raw.join("a").exists());
}

#[tokio::test]
async fn where_several_manifests_could_be_meant_one_has_to_be_named() {
    let one = World::new().await;
    let none = one.rebuild().await.unwrap_err();
    assert_eq!((none.kind, none.code.as_deref()), (Kind::NotFound, Some("no-manifest")));
    one.write("one", &bytes(2000, 15));
    one.migrate(&["one"]).await;
    let other = one.after_its_loss().await;
    other.write("other", &bytes(2000, 16));
    other.migrate(&["other"]).await;
    let third = other.after_its_loss().await;
    let which = third.rebuild().await.unwrap_err();
    assert_eq!((which.kind, which.code.as_deref()), (Kind::Conflict, Some("which-manifest")));
    assert!(which.message.contains(&one.id().to_string()) && which.message.contains(&other.id().to_string()));
    let unknown = third.spaces.rebuild(third.id(), third.locations[0], Some(SpaceId::new())).await;
    assert_eq!(unknown.unwrap_err().code.as_deref(), Some("no-manifest"));
    let from = |id: SpaceId| third.spaces.rebuild(third.id(), third.locations[0], Some(id));
    assert_eq!(counts(&from(other.id()).await.unwrap()), [1, 0, 0, 0, 0]);
    assert!(is_stub(&third, "other") && !third.raw.join("one").exists());
    assert_eq!(counts(&from(one.id()).await.unwrap()), [1, 0, 0, 0, 0]);
}

#[tokio::test]
async fn manifests_are_no_files_of_a_space() {
    let world = World::new().await;
    world.write("f", &bytes(2000, 17));
    world.migrate(&["f"]).await;
    let batch = world.batches().remove(0);
    let path = batch.strip_prefix(&world.buckets[0]).unwrap().to_str().unwrap();
    assert!(crate::is_manifest(path) && !crate::is_manifest("f"));
    let made = world.step(Step::ReverseStub(ReverseStub::default()), &[path]).await;
    assert_eq!(only(made), (PathResult::Failed, "reserved-name".to_owned()));
}

#[tokio::test]
async fn attributes_that_changed_after_the_migration_come_back() {
    let old = World::new().await;
    old.write("f", &bytes(2000, 18));
    old.migrate(&["f"]).await;
    std::fs::set_permissions(old.raw.join("f"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let modified = capstan_domain::time::Timestamp(77_000_000_001);
    old.tree.file("f", Access::Write).unwrap().set_modified(modified).unwrap();
    let open = old.spaces.inner.space(old.id()).unwrap();
    crate::changes::look_again(&old.spaces.inner, &open, vec!["f".to_owned()]).await.unwrap();
    drop(open);
    let new = old.after_its_loss().await;
    new.rebuild().await.unwrap();
    let found = new.metadata("f");
    assert_eq!((found.mode() & 0o777, found.mtime(), found.mtime_nsec()), (0o600, 77, 1));
}
