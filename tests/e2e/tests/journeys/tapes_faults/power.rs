//! Power and resets: in the middle of what is written, and between two tasks.

#![allow(clippy::unwrap_used, reason = "everything here is a test")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use capstan_e2e::Shape;
use capstan_e2e::tape::PATIENCE;
use capstan_test_servers::server_or_skip;
use serde_json::{Value, json};

use super::scene::{Scene, VICTIM, library, small};

const DRIVES: u16 = 2;
/// How many seconds of the library's model pass in one: a task is long enough for something to happen in it.
const TIMES: f64 = 250.0;
/// A tape is synced several times in one task.
const SYNCED_OFTEN: &str = "[mover]\ntape-round-files = 10\n";
const FILES: usize = 40;
const LARGE: u64 = 2 << 20;
/// More than there are in a drive's buffer.
const ALL: u64 = 1 << 32;
/// POWER ON, RESET, OR BUS DEVICE RESET OCCURRED (SPC-4, annex F).
const RESET: u16 = 0x2900;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

fn shape() -> Shape {
    Shape { large: vec![LARGE], ..small(FILES) }
}

fn power_cut(performed: bool, kept: u64) -> Value {
    json!({ "kind": "power-cut", "performed": performed, "kept": kept })
}

/// A drive loses its power at a part of what a task gives it to do, and has it back.
fn is_cut_off(scene: &mut Scene, whole: u64, (part, of): (u64, u64), fault: &Value) {
    let wanted = scene.want(&shape()).unwrap();
    scene.arm_drives(fault, whole * part / of, Some(1)).unwrap();
    scene.rig.cargo.act(wanted.task, "run").unwrap();
    let drive = scene.struck().unwrap();
    scene.clear().unwrap();
    scene.order(&json!({ "order": "restore", "device": { "drive": drive } })).unwrap();
    scene.goes_on(&wanted).unwrap();
}

#[test]
fn a_power_cut_in_the_middle_of_a_write_loses_nothing_that_is_said_to_be_stored() {
    let library = server_or_skip!(library(DRIVES, Some(TIMES)));
    let mut scene = Scene::set(library, DRIVES, &[VICTIM], SYNCED_OFTEN).unwrap();
    let whole = scene.rehearse(&shape()).unwrap();
    is_cut_off(&mut scene, whole, (1, 3), &power_cut(false, 0));
    is_cut_off(&mut scene, whole, (2, 3), &power_cut(true, 1));
    scene.others_are_well().unwrap();
    scene.close().unwrap();
}

#[test]
fn data_behind_the_last_index_is_nobodys_file_and_does_not_disturb() {
    let library = server_or_skip!(library(DRIVES, Some(TIMES)));
    let mut scene = Scene::set(library, DRIVES, &[VICTIM], SYNCED_OFTEN).unwrap();
    let whole = scene.rehearse(&shape()).unwrap();
    // All that the drive was given came onto the tape, and nothing tells of it.
    is_cut_off(&mut scene, whole, (1, 2), &power_cut(true, ALL));
    scene.others_are_well().unwrap();
    scene.close().unwrap();
}

#[test]
fn after_a_reset_in_the_middle_of_a_write_nothing_is_taken_for_stored_that_is_not() {
    let library = server_or_skip!(library(DRIVES, Some(TIMES)));
    let mut scene = Scene::set(library, DRIVES, &[VICTIM], SYNCED_OFTEN).unwrap();
    let whole = scene.rehearse(&shape()).unwrap();
    // One that is only told of, and one that takes the drive's settings as well.
    let wanted = scene.want(&shape()).unwrap();
    scene.arm_drives(&json!({ "kind": "unit-attention", "code": RESET }), whole / 2, Some(1)).unwrap();
    scene.rig.cargo.act(wanted.task, "run").unwrap();
    scene.struck().unwrap();
    scene.clear().unwrap();
    scene.goes_on(&wanted).unwrap();
    let wanted = scene.want(&shape()).unwrap();
    begin_and_wait(&scene, wanted.task, whole / 2);
    scene.order(&json!({ "order": "reset" })).unwrap();
    scene.goes_on(&wanted).unwrap();
    scene.others_are_well().unwrap();
    scene.close().unwrap();
}

/// Until a drive was given so many commands.
fn begin_and_wait(scene: &Scene, task: i64, commands: u64) {
    let before = scene.commands().unwrap();
    scene.rig.cargo.act(task, "run").unwrap();
    let until = Instant::now() + PATIENCE;
    while !scene.commands().unwrap().iter().zip(&before).any(|(now, before)| *now >= before + commands) {
        assert!(Instant::now() < until, "no drive was given {commands} commands");
        sleep(PAUSE);
    }
}

#[test]
fn a_library_that_dies_with_a_tape_in_a_drive_has_all_that_was_stored() {
    let library = server_or_skip!(library(DRIVES, Some(TIMES)));
    let mut scene = Scene::set(library, DRIVES, &[VICTIM], SYNCED_OFTEN).unwrap();
    let before = scene.commands().unwrap();
    let first = scene.want(&shape()).unwrap();
    scene.is_done(&first).unwrap();
    let whole = scene.commands().unwrap().iter().zip(before).map(|(now, before)| now - before).max().unwrap();
    // Nobody has unmounted it.
    let dies = |scene: &mut Scene| {
        let simulator = scene.rig.library.simulator_mut().unwrap();
        simulator.kill().unwrap();
        simulator.restart().unwrap();
    };
    dies(&mut scene);
    scene.is_whole(&first).unwrap();
    let second = scene.want(&shape()).unwrap();
    scene.is_done(&second).unwrap();
    // And in the middle of a write. What is read back afterwards is counted in the whole.
    let third = scene.want(&shape()).unwrap();
    begin_and_wait(&scene, third.task, whole / 4);
    dies(&mut scene);
    scene.goes_on(&third).unwrap();
    for wanted in [&first, &second] {
        scene.is_whole(wanted).unwrap();
    }
    scene.others_are_well().unwrap();
    scene.close().unwrap();
}
