//! The cartridges, and what is on them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;

use capstan_e2e::Shape;
use capstan_e2e::tape::{PATIENCE, POOL};
use capstan_test_servers::server_or_skip;
use serde_json::{Value, json};

use super::scene::{DRIVE, GIVES_UP_SOON, SECOND, Scene, VICTIM, library, small};

const DRIVES: u16 = 2;
const FILES: usize = 5;
/// Bytes that a cartridge takes which ends too early, and of the files that do not fit on it.
const EARLY: u64 = 24 << 20;
const SPREAD: [u64; 40] = [1 << 20; 40];
/// Files of several blocks together.
const MANY: usize = 60;
/// What the simulator writes down of a record.
const ENTRY: u64 = 16;
/// The host's own settings.
const AS_ALWAYS: &str = "";

#[test]
fn a_cartridge_that_is_write_protected_is_not_written() {
    let library = server_or_skip!(library(DRIVES, None));
    let mut scene = Scene::set(library, DRIVES, &[VICTIM], GIVES_UP_SOON).unwrap();
    scene.arm_victim(&json!({ "kind": "write-protected" })).unwrap();
    let (wanted, was) = (scene.want(&small(FILES)).unwrap(), scene.on(VICTIM).unwrap());
    let told = scene.fails(&wanted, &[DRIVE]).unwrap();
    assert!(told.failures.iter().any(|failure| failure["kind"] == "denied"), "{:#?}", told.failures);
    assert_eq!(scene.on(VICTIM).unwrap(), was);
    scene.others_are_well().unwrap();
    scene.close().unwrap();
}

#[test]
fn what_does_not_fit_on_a_cartridge_that_ends_early_goes_to_the_next_one() {
    let library = server_or_skip!(library(DRIVES, None));
    let mut scene = Scene::set(library, DRIVES, &[VICTIM, SECOND], GIVES_UP_SOON).unwrap();
    scene.arm_victim(&json!({ "kind": "early-end", "bytes": EARLY })).unwrap();
    let shape = Shape { files: FILES, small: 1 << 10, large: SPREAD.to_vec(), odd: false };
    let wanted = scene.want(&shape).unwrap();
    scene.is_done(&wanted).unwrap();
    let stored = scene.rig.stored(&wanted.container).unwrap();
    let used: BTreeSet<&String> = stored.values().flat_map(|file| &file.tapes).collect();
    assert_eq!(used, BTreeSet::from([&scene.label(VICTIM), &scene.label(SECOND)]));
    assert!(stored.values().all(|file| file.tapes.len() == 1), "a file is told to be on two tapes: {stored:#?}");
    scene.others_are_well().unwrap();
    scene.close().unwrap();
}

#[test]
fn an_end_that_nobody_could_expect_loses_nothing_that_is_said_to_be_stored() {
    let library = server_or_skip!(library(DRIVES, None));
    let mut scene = Scene::set(library, DRIVES, &[VICTIM, SECOND], GIVES_UP_SOON).unwrap();
    let first = scene.want(&small(FILES)).unwrap();
    scene.is_done(&first).unwrap();
    // It is in a drive, which has told how much room there is.
    scene.arm_victim(&json!({ "kind": "early-end", "bytes": EARLY })).unwrap();
    let shape = Shape { files: FILES, small: 1 << 10, large: SPREAD.to_vec(), odd: false };
    let wanted = scene.want(&shape).unwrap();
    scene.rig.cargo.act(wanted.task, "run").unwrap();
    scene.goes_on(&wanted).unwrap();
    scene.is_whole(&first).unwrap();
    scene.others_are_well().unwrap();
    scene.close().unwrap();
}

#[test]
fn a_block_that_cannot_be_read_takes_its_own_files_only() {
    let library = server_or_skip!(library(DRIVES, None));
    let mut scene = Scene::set(library, DRIVES, &[VICTIM], GIVES_UP_SOON).unwrap();
    let wanted = scene.want(&Shape { files: MANY, small: 512 << 10, large: Vec::new(), odd: false }).unwrap();
    scene.is_done(&wanted).unwrap();

    // In the middle of the partition with the files.
    let partitions = scene.on(VICTIM).unwrap();
    let bytes = |partition: &Value| partition["bytes"].as_u64().unwrap();
    let of_files = partitions.as_array().unwrap().iter().enumerate().max_by_key(|(_, partition)| bytes(partition));
    let (number, partition) = of_files.unwrap();
    let block = partition["records"].as_u64().unwrap() / 2;
    scene.arm_victim(&json!({ "kind": "read-error", "partition": number, "block": block })).unwrap();

    let (task, container) = scene.rig.recalling(POOL).unwrap();
    let told = scene.rig.fails(task, PATIENCE).unwrap();
    told.names(&[scene.rig.library.serial(), DRIVE, &scene.label(VICTIM)]).unwrap();
    let failed = told.outcomes.in_state("failed");
    assert!(!failed.is_empty() && failed.len() < MANY / 2, "{failed:?}");
    let after = scene.rig.left(&container).unwrap();
    for (path, was) in &wanted.files.files {
        let name = String::from_utf8(path.clone()).unwrap();
        let told_to_fail = failed.iter().any(|failed| failed.ends_with(name.as_str()));
        let came = after.files.get(path).is_some_and(|is| is.hash == was.hash);
        assert!(came != told_to_fail, "{name}: it came is {came}, it was told to fail is {told_to_fail}");
    }
    scene.others_are_well().unwrap();
    scene.close().unwrap();
}

/// The last index of a partition, which is not whole any more: its end and its last filemark are gone.
fn cut_index(scene: &Scene, partition: u32) {
    let media = scene.rig.library.simulator().unwrap().media();
    let path: PathBuf = media.join("cartridges").join(scene.label(VICTIM)).join(format!("{partition}.index"));
    let index = File::options().write(true).open(path).unwrap();
    index.set_len(index.metadata().unwrap().len() - 2 * ENTRY).unwrap();
}

/// One drive: whatever else is read sends the victim home, with an index on both of its partitions.
#[test]
fn an_index_that_is_not_whole_on_one_partition_is_made_good_by_the_other() {
    let library = server_or_skip!(library(1, None));
    let mut scene = Scene::set(library, 1, &[VICTIM], AS_ALWAYS).unwrap();
    let mut all = Vec::new();
    for partition in [0, 1] {
        all.push(scene.want(&small(FILES)).unwrap());
        scene.is_done(all.last().unwrap()).unwrap();
        scene.others_are_well().unwrap();
        scene.rig.library.simulator_mut().unwrap().kill().unwrap();
        cut_index(&scene, partition);
        scene.rig.library.simulator_mut().unwrap().restart().unwrap();
        for wanted in &all {
            scene.is_whole(wanted).unwrap();
        }
    }
    let last = scene.want(&small(FILES)).unwrap();
    scene.is_done(&last).unwrap();
    scene.close().unwrap();
}
