//! The robot, the drives and the mail slots.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use capstan_e2e::tape::{PATIENCE, Told};
use capstan_test_servers::server_or_skip;
use serde_json::{Value, json};

use super::scene::{DRIVE, GIVES_UP_SOON, SECOND, Scene, VICTIM, library, library_with, small};

const DRIVES: u16 = 2;
const FILES: usize = 5;
/// How a drive is, is seen at an inventory.
const LOOKS_OFTEN: &str = "[jobs]\ninventory-minutes = 1\n";
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

#[test]
fn a_cartridge_that_never_gets_ready_fails_its_own_task_only() {
    let library = server_or_skip!(library(DRIVES, None));
    let mut scene = Scene::set(library, DRIVES, &[VICTIM], GIVES_UP_SOON).unwrap();
    scene.arm_victim(&json!({ "kind": "load-timeout" })).unwrap();
    let wanted = scene.want(&small(FILES)).unwrap();
    scene.fails(&wanted, &[DRIVE]).unwrap();
    // It stays where it is; the other drive works.
    scene.others_are_well().unwrap();
    scene.clear().unwrap();
    scene.is_done(&wanted).unwrap();
    scene.close().unwrap();
}

#[test]
fn a_robot_that_is_stuck_fails_what_needs_it_and_works_on_once_it_is_freed() {
    let library = server_or_skip!(library(DRIVES, None));
    let mut scene = Scene::set(library, DRIVES, &[VICTIM], GIVES_UP_SOON).unwrap();
    scene.arm(&json!("robot"), &json!({ "kind": "robot-jam" }), 0, None).unwrap();
    let (wanted, was) = (scene.want(&small(FILES)).unwrap(), scene.on(VICTIM).unwrap());
    scene.fails(&wanted, &[]).unwrap();
    assert_eq!(scene.on(VICTIM).unwrap(), was);
    // Its tape is in a drive, and needs no robot.
    scene.others_are_well().unwrap();
    scene.clear().unwrap();
    scene.is_done(&wanted).unwrap();
    scene.close().unwrap();
}

#[test]
fn drives_that_stay_busy_fail_a_task_that_is_done_when_they_are_not() {
    let library = server_or_skip!(library(DRIVES, None));
    let mut scene = Scene::set(library, DRIVES, &[VICTIM], GIVES_UP_SOON).unwrap();
    scene.arm_drives(&json!({ "kind": "busy" }), 0, None).unwrap();
    let wanted = scene.want(&small(FILES)).unwrap();
    scene.fails(&wanted, &[DRIVE]).unwrap();
    scene.clear().unwrap();
    scene.is_done(&wanted).unwrap();
    scene.others_are_well().unwrap();
    scene.close().unwrap();
}

#[test]
fn a_drive_that_is_busy_for_a_moment_is_asked_again() {
    let library = server_or_skip!(library(DRIVES, None));
    let mut scene = Scene::set(library, DRIVES, &[VICTIM], GIVES_UP_SOON).unwrap();
    scene.arm_drives(&json!({ "kind": "busy" }), 0, Some(2)).unwrap();
    let wanted = scene.want(&small(FILES)).unwrap();
    scene.is_done(&wanted).unwrap();
    scene.close().unwrap();
}

/// What the robot reads on the cartridge is not what the task wants.
fn is_not_taken_for_another(fault: &Value) {
    let library = server_or_skip!(library(DRIVES, None));
    let mut scene = Scene::set(library, DRIVES, &[VICTIM], GIVES_UP_SOON).unwrap();
    scene.arm_victim(fault).unwrap();
    let (wanted, was) = (scene.want(&small(FILES)).unwrap(), scene.on(VICTIM).unwrap());
    scene.fails(&wanted, &[]).unwrap();
    assert_eq!(scene.on(VICTIM).unwrap(), was, "a cartridge was written that nobody could know");
    scene.others_are_well().unwrap();
    scene.clear().unwrap();
    scene.is_done(&wanted).unwrap();
    scene.close().unwrap();
}

#[test]
fn a_cartridge_with_another_label_is_not_taken_for_the_one_that_is_wanted() {
    is_not_taken_for_another(&json!({ "kind": "wrong-barcode", "shown": "XYZ999L9" }));
}

#[test]
fn a_cartridge_without_a_label_is_not_taken_for_the_one_that_is_wanted() {
    is_not_taken_for_another(&json!({ "kind": "missing-barcode" }));
}

#[test]
fn a_drive_that_complains_at_each_block_works_on_and_who_can_clean_it_is_told() {
    let library = server_or_skip!(library(DRIVES, None));
    let mut scene = Scene::set(library, DRIVES, &[VICTIM], LOOKS_OFTEN).unwrap();
    scene.arm_drives(&json!({ "kind": "cleaning-needed", "now": true }), 0, None).unwrap();
    let wanted = scene.want(&small(FILES)).unwrap();
    scene.is_done(&wanted).unwrap();
    // The library has no cleaning cartridge.
    let until = Instant::now() + PATIENCE;
    let told = loop {
        let events = scene.rig.cargo.client.get("/capstan/v1/audit").unwrap();
        if let Some(event) = events["items"].as_array().unwrap().iter().find(|event| event["action"] == "clean") {
            break event.clone();
        }
        assert!(Instant::now() < until, "nobody is told: {events}");
        sleep(PAUSE);
    };
    let failure = &told["detail"]["failure"];
    assert_eq!((&told["verdict"], &failure["code"]), (&json!("failed"), &json!("no-cleaning-cartridge")), "{told}");
    assert!(failure["message"].as_str().unwrap().contains(DRIVE) && failure["next_step"].is_string(), "{told}");
    scene.others_are_well().unwrap();
    scene.close().unwrap();
}

#[test]
fn a_drive_that_asks_for_cleaning_is_cleaned_where_the_library_can() {
    let library = server_or_skip!(library_with(DRIVES, &["CLN001L1"]));
    let mut scene = Scene::set(library, DRIVES, &[VICTIM], LOOKS_OFTEN).unwrap();
    // It works on, and says so to whoever asks how it is.
    scene.arm(&json!({ "drive": 0 }), &json!({ "kind": "cleaning-needed", "now": false }), 0, None).unwrap();
    let wanted = scene.want(&small(FILES)).unwrap();
    scene.is_done(&wanted).unwrap();
    let until = Instant::now() + PATIENCE;
    while scene.order(&json!({ "order": "faults" })).unwrap() != json!([]) {
        assert!(Instant::now() < until, "nobody has cleaned the drive");
        sleep(PAUSE);
    }
    scene.is_whole(&wanted).unwrap();
    scene.others_are_well().unwrap();
    scene.close().unwrap();
}

#[test]
fn an_ejection_waits_for_a_mail_slot_and_says_so() {
    let library = server_or_skip!(library(DRIVES, None));
    let mut scene = Scene::set(library, DRIVES, &[VICTIM, SECOND], GIVES_UP_SOON).unwrap();
    let eject = |scene: &Scene, number| scene.rig.maintenance("ejection", &[number]).unwrap();
    let first = eject(&scene, VICTIM);
    scene.rig.cargo.run(first, PATIENCE).unwrap();
    let second = eject(&scene, SECOND);
    scene.rig.cargo.act(second, "run").unwrap();
    let until = Instant::now() + PATIENCE;
    loop {
        let run = scene.rig.cargo.execution(second).unwrap();
        assert!(!run.is_final(), "it did not wait: {}", run.whole);
        let told = Told::of(&scene.rig.cargo, &run).unwrap();
        if told.has_code("mail-slots-full") {
            told.names(&[scene.rig.library.serial()]).unwrap();
            break;
        }
        assert!(Instant::now() < until, "it never said what it waits for: {:#?}", told.failures);
        sleep(PAUSE);
    }
    let elements = scene.order(&json!({ "order": "inventory" })).unwrap();
    let mail_slot = elements.as_array().unwrap().iter().find(|element| element["kind"] == "mail-slot").unwrap();
    assert_eq!(mail_slot["barcode"], scene.label(VICTIM).as_str(), "{elements}");
    scene.order(&json!({ "order": "take", "address": mail_slot["address"] })).unwrap();
    scene.rig.cargo.finish(second, PATIENCE).unwrap();
    assert_eq!(scene.rig.tape(SECOND).unwrap()["ejected"], 1);
    scene.others_are_well().unwrap();
    scene.close().unwrap();
}
