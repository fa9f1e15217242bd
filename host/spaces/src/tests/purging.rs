//! Copies of removed files: kept for the recycle window, then gone, unless a file rests on them.

use std::time::Duration;

use capstan_domain::entry::Tree;
use capstan_domain::space_profile::SpaceProfile;
use capstan_domain::time::Timestamp;
use capstan_workflows::{Delete, ReverseStub, Step};

use super::viewing::{blocking, until, viewed};
use super::{World, bytes, is_stub};

fn after(days: u64) -> Timestamp {
    Timestamp::now().plus(Duration::from_secs(days * 24 * 60 * 60))
}

async fn delete(world: &World, names: &[&str]) {
    world.well(Step::Delete(Delete { recursive: true }), names).await;
}

#[tokio::test]
async fn copies_of_removed_files_stay_for_the_window_and_then_go() {
    let world = World::new().await;
    for (seed, name) in ["d/gone", "d/e/gone too", "here", "premigrated"].iter().enumerate() {
        world.write(name, &bytes(5000, seed as u64));
    }
    world.migrate(&["d/gone", "d/e/gone too", "here"]).await;
    world.premigrate(&["premigrated"]).await;
    delete(&world, &["d", "premigrated"]).await;
    assert_eq!(world.spaces.purge(after(6)).await.unwrap(), 0);
    assert!(world.stored(0, "d/gone").is_some());
    assert_eq!(world.spaces.purge(after(8)).await.unwrap(), 3);
    for name in ["d/gone", "d/e/gone too", "premigrated"] {
        assert_eq!(world.stored(0, name), None, "{name}");
    }
    for name in ["d/gone", "d/e", "d", "premigrated"] {
        assert!(world.catalogue.entry_at(Tree::Space(world.id()), name).await.is_err(), "{name}");
    }
    assert_eq!(world.spaces.purge(after(80)).await.unwrap(), 0);
    world.recall(&["here"]).await;
    assert!(world.read("here") == bytes(5000, 2));
}

#[tokio::test]
async fn a_removal_of_a_folder_that_broke_off_lets_go_of_what_went_before_it_did() {
    let world = World::new().await;
    for name in ["d/first", "d/e/second", "d/third"] {
        world.write(name, &bytes(5000, name.len() as u64));
    }
    world.migrate(&["d/first", "d/e/second", "d/third"]).await;
    // As a worker leaves it that died before it could say so.
    std::fs::remove_file(world.raw.join("d/first")).unwrap();
    std::fs::remove_dir_all(world.raw.join("d/e")).unwrap();
    delete(&world, &["d"]).await;
    assert_eq!(world.spaces.purge(after(8)).await.unwrap(), 3);
    assert!(world.catalogue.entry_at(Tree::Space(world.id()), "d").await.is_err());
}

#[tokio::test]
async fn a_copy_that_a_file_rests_on_stays_whoever_knows_of_it() {
    let world = World::new().await;
    for (seed, name) in ["linked", "renamed", "again", "back"].iter().enumerate() {
        world.write(name, &bytes(5000, seed as u64));
    }
    std::fs::hard_link(world.raw.join("linked"), world.raw.join("second name")).unwrap();
    world.migrate(&["linked", "renamed", "again", "back"]).await;
    // Behind the catalogue's back.
    std::fs::rename(world.raw.join("renamed"), world.raw.join("other name")).unwrap();
    delete(&world, &["linked", "renamed", "again", "back"]).await;
    world.write("again", &bytes(5000, 2));
    world.migrate(&["again"]).await;
    world.well(Step::ReverseStub(ReverseStub::default()), &["back"]).await;
    for days in [8, 9, 30] {
        assert_eq!(world.spaces.purge(after(days)).await.unwrap(), 0, "{days}");
    }
    let all = ["second name", "other name", "again", "back"];
    assert!(all.iter().all(|name| is_stub(&world, name)));
    world.recall(&all).await;
    for (seed, name) in all.iter().enumerate() {
        assert!(world.read(name) == bytes(5000, seed as u64), "{name}");
    }
}

#[tokio::test]
async fn nothing_goes_of_a_space_that_is_on_other_sites_or_of_a_bucket_that_they_use() {
    let mut world = World::new().await;
    world.write("f", &bytes(5000, 1));
    world.migrate(&["f"]).await;
    delete(&world, &["f"]).await;
    let new = capstan_domain::site::NewSite {
        name: "there".to_owned(),
        label: "There".to_owned(),
        settings: Default::default(),
        attributes: serde_json::json!({}),
    };
    let there = world.catalogue.create_site(&new).await.unwrap().number;
    let profile = SpaceProfile::default();
    world.space = world.catalogue.set_space_profile(world.id(), &profile, Some(&[world.site, there])).await.unwrap();
    assert_eq!(world.spaces.purge(after(8)).await.unwrap(), 0);
    world.catalogue.set_space_profile(world.id(), &profile, Some(&[world.site])).await.unwrap();
    assert_eq!(world.spaces.purge(after(8)).await.unwrap(), 1);
    assert_eq!(world.stored(0, "f"), None);
}

#[tokio::test]
async fn a_bucket_that_is_away_keeps_what_is_to_go_for_the_next_purge() {
    let world = World::new().await;
    world.write("f", &bytes(5000, 1));
    world.migrate(&["f"]).await;
    delete(&world, &["f"]).await;
    let kept = std::mem::take(&mut *world.directories.0.lock().unwrap());
    assert!(world.spaces.purge(after(8)).await.is_err());
    *world.directories.0.lock().unwrap() = kept;
    assert_eq!(world.spaces.purge(after(8)).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_removed_through_the_view_goes_likewise_and_what_was_renamed_stays() {
    let Some((world, view)) = viewed().await else { return };
    for name in ["removed", "renamed"] {
        world.write(name, &bytes(5000, 1));
    }
    world.migrate(&["removed", "renamed"]).await;
    let at = view.clone();
    blocking(move || {
        std::fs::remove_file(at.join("removed")).unwrap();
        std::fs::rename(at.join("renamed"), at.join("other")).unwrap();
    })
    .await;
    until("renamed", async || world.state("other").await.is_some()).await;
    assert_eq!(world.spaces.purge(after(8)).await.unwrap(), 1);
    assert!(world.stored(0, "removed").is_none() && world.stored(0, "renamed").is_some());
    world.recall(&["other"]).await;
    world.spaces.close(world.id()).await.unwrap();
}
