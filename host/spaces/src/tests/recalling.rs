//! Back from the buckets.

use std::num::NonZeroUsize;
use std::time::Duration;

use capstan_domain::file_state::FileState;
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::PathResult;
use capstan_stub::{Access, Proof, State, VerifiedCopy, Version};
use capstan_workflows::{Migrate, Recall, Step};

use super::viewing::until;
use super::{World, bytes, file, is_stub, only, spoil, step_of};

const LARGE: usize = (36 << 20) + 4321;

fn recall() -> Step {
    Step::Recall(Recall::default())
}

#[tokio::test]
async fn what_comes_back_is_what_went() {
    let world = World::new().await;
    let names: Vec<String> = (0..300).map(|number| format!("d/{}/f{number}", number % 7)).collect();
    for (seed, name) in names.iter().enumerate() {
        world.write(name, &bytes(seed * 300, seed as u64));
    }
    world.write("large", &bytes(LARGE, 1));
    let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
    all.push("large");
    world.migrate(&all).await;
    world.recall(&all).await;
    for (seed, name) in names.iter().enumerate() {
        assert!(world.read(name) == bytes(seed * 300, seed as u64), "{name}");
    }
    assert!(world.read("large") == bytes(LARGE, 1));
    for name in &all {
        assert!(matches!(world.look(name).state, State::Premigrated(_)), "{name}");
        assert_eq!(world.state(name).await.unwrap().state, FileState::Premigrated, "{name}");
    }
    let space = world.catalogue.space(world.id()).await.unwrap();
    assert_eq!(space.resident_bytes, space.file_bytes);
    world.recall(&all).await;
    world.migrate(&all).await;
    assert!(all.iter().all(|name| is_stub(&world, name) || world.look(name).size == 0));
}

#[tokio::test]
async fn a_copy_that_is_missing_cut_or_changed_is_told_and_the_stub_stays() {
    let world = World::new().await;
    for size in [5000, LARGE] {
        let names = ["gone", "cut", "spoiled", "longer"].map(|name| format!("{name}{size}"));
        for name in &names {
            world.write(name, &bytes(size, 2));
        }
        world.migrate(&names.each_ref().map(String::as_str)).await;
        let copy = |name: &str| world.buckets[0].join(format!("{name}{size}"));
        std::fs::remove_file(copy("gone")).unwrap();
        std::fs::write(copy("cut"), &bytes(size, 2)[..size - 1]).unwrap();
        spoil(&copy("spoiled"));
        std::fs::write(copy("longer"), [bytes(size, 2), vec![0]].concat()).unwrap();
        for name in &names {
            let (result, code) = only(world.step(recall(), &[name]).await);
            assert_eq!(result, PathResult::Failed, "{name}: {code}");
            assert!(is_stub(&world, name), "{name}: {:?}", world.look(name));
            assert!(world.allocated(name) <= 4096, "{name}");
            let state = world.state(name).await.unwrap();
            assert_eq!(state.state, FileState::Migrated, "{name}");
            assert!(state.failure.is_some(), "{name}");
        }
        std::fs::write(copy("gone"), bytes(size, 2)).unwrap();
        world.recall(&[&names[0]]).await;
        assert!(world.read(&names[0]) == bytes(size, 2));
        assert_eq!(world.state(&names[0]).await.unwrap().failure, None);
    }
}

#[tokio::test]
async fn a_second_copy_serves_where_the_first_fails() {
    let world = World::without_targets().await;
    world.target("first", 0, ".*", |_| {}).await;
    world.target("second", 1, ".*", |rule| rule.position = 1).await;
    for (name, size) in [("small", 5000), ("large", LARGE)] {
        world.write(name, &bytes(size, 3));
        world.premigrate(&[name]).await;
        let second = Migrate { endpoint: Some("second".to_owned()), ..Migrate::default() };
        world.well(Step::Migrate(second), &[name]).await;
        assert_eq!(world.look(name).record().unwrap().content.places.len(), 2);
        spoil(&world.buckets[1].join(name));
        world.recall(&[name]).await;
        assert!(world.read(name) == bytes(size, 3));
    }
}

#[tokio::test]
async fn a_copy_goes_after_the_recall_where_its_target_or_the_step_says_so() {
    let world = World::without_targets().await;
    world.target("kept", 0, "kept", |_| {}).await;
    world.target("going", 1, "going", |rule| rule.delete_on_recall = true).await;
    for (name, bucket, size) in [("kept", 0, 5000), ("going", 1, 5000), ("kept large", 0, LARGE), ("going large", 1, LARGE)] {
        world.write(name, &bytes(size, 4));
        world.migrate(&[name]).await;
        assert!(world.stored(bucket, name).is_some());
        world.recall(&[name]).await;
        assert!(world.read(name) == bytes(size, 4));
        assert_eq!(world.stored(bucket, name).is_some(), bucket == 0, "{name}");
        if bucket == 1 {
            assert_eq!(world.look(name).state, State::Resident);
            assert!(world.state(name).await.is_none());
        } else {
            world.well(Step::Recall(Recall { delete_remote: true, ..Recall::default() }), &[name]).await;
            assert!(world.stored(bucket, name).is_none());
            assert_eq!(world.look(name).state, State::Resident, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_stays_of_which_the_file_became_a_stub_again_before_it_could_go() {
    let world = World::new().await;
    world.write("f", &bytes(5000, 7));
    world.migrate(&["f"]).await;
    // As a migration has it that is under way.
    let counting = world.spaces.inner.counting.read().await;
    let step = Step::Recall(Recall { delete_remote: true, ..Recall::default() });
    let (spaces, space, site) = (world.spaces.clone(), world.id(), world.site);
    let going = tokio::spawn(async move { step_of(&spaces, space, site, step, vec![file("f")]).await });
    until("the file is back", async || world.look("f").is_data()).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    // It knew of the copy, and makes a stub that rests on it.
    let record = world.look("f").record().cloned().unwrap();
    until("it is a stub", async || {
        let version = world.tree.file("f", Access::Read).and_then(|file| Version::settled(&file));
        let blake3 = record.content.blake3;
        let copy = VerifiedCopy { place: record.content.places[0].clone(), size: 5000, blake3, verified: Timestamp::now() };
        let proof = version.and_then(|version| Proof::new(version, blake3, &[], &[copy], NonZeroUsize::MIN));
        proof.and_then(|proof| world.tree.migrate("f", &proof, 0)).is_ok()
    })
    .await;
    drop(counting);
    going.await.unwrap().unwrap();
    assert!(is_stub(&world, "f") && world.stored(0, "f").is_some());
    world.recall(&["f"]).await;
    assert!(world.read("f") == bytes(5000, 7));
}

#[tokio::test]
async fn times_are_set_to_now_where_the_step_asks_for_it() {
    let world = World::new().await;
    world.write("f", &bytes(5000, 5));
    world.migrate(&["f"]).await;
    world.well(Step::Recall(Recall { update_mtime: true, update_atime: true, ..Recall::default() }), &["f"]).await;
    let metadata = std::fs::metadata(world.raw.join("f")).unwrap();
    for time in [metadata.modified().unwrap(), metadata.accessed().unwrap()] {
        assert!(time.elapsed().unwrap().as_secs() < 60);
    }
    assert!(matches!(world.look("f").state, State::Premigrated(_)), "its copy is as good as before");
    std::thread::sleep(std::time::Duration::from_millis(30));
    world.migrate(&["f"]).await;
}

#[tokio::test]
async fn a_bucket_that_is_away_leaves_the_stubs() {
    let world = World::new().await;
    world.write("f", &bytes(5000, 6));
    world.migrate(&["f"]).await;
    let kept = std::mem::take(&mut *world.directories.0.lock().unwrap());
    assert_eq!(only(world.step(recall(), &["f"]).await).0, PathResult::Failed);
    assert!(is_stub(&world, "f"));
    *world.directories.0.lock().unwrap() = kept;
    world.recall(&["f"]).await;
}
