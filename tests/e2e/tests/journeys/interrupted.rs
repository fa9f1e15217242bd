//! Work that is interrupted, by a crash, by a user, by a restart, goes on and ends verified.

use std::time::{Duration, Instant};

use capstan_e2e::{Harbour, Shape, Tree};
use capstan_test_servers::{ChecksumFront, Rgw, server_or_skip};

const PATIENCE: Duration = Duration::from_secs(300);

/// How long each upload is held up, so that the work is still under way when it is interrupted. Milliseconds.
const HELD_UP: u64 = 400;

fn shape() -> Shape {
    Shape { files: 1_500, small: 8 << 10, large: vec![192 << 20], odd: true }
}

#[test]
fn killed_in_the_middle_a_task_finishes_verified_after_the_restart() {
    let rgw = server_or_skip!(Rgw::get());
    let front = ChecksumFront::start(&rgw.s3).unwrap();
    front.hold_up(HELD_UP);
    let mut harbour = Harbour::open("killed", &front.s3).unwrap();
    let before = harbour.load(&shape()).unwrap();
    let up = harbour.upward("copy").unwrap();
    harbour.cargo.act(up, "run").unwrap();
    for part in [before.bytes() / 4, before.bytes() / 2] {
        let seen = harbour.cargo.watch(up, PATIENCE, |run| run.bytes >= part).unwrap();
        assert!(!seen.is_final(), "it was over before it could be interrupted: {}", seen.whole);
        harbour = harbour.crash_and_restart().unwrap();
    }
    harbour.cargo.finish(up, PATIENCE).unwrap();

    let down = harbour.downward().unwrap();
    harbour.cargo.act(down, "run").unwrap();
    harbour.cargo.watch(down, PATIENCE, |run| run.bytes >= before.bytes() / 3).unwrap();
    harbour = harbour.crash_and_restart().unwrap();
    harbour.cargo.finish(down, PATIENCE).unwrap();
    before.same_as(&Tree::read(&harbour.inbound()).unwrap()).unwrap();
    harbour.close().unwrap();
}

#[test]
fn a_task_killed_in_the_middle_of_a_move_loses_nothing() {
    let rgw = server_or_skip!(Rgw::get());
    let front = ChecksumFront::start(&rgw.s3).unwrap();
    front.hold_up(HELD_UP);
    let mut harbour = Harbour::open("killed-move", &front.s3).unwrap();
    let before = harbour.load(&Shape { files: 800, small: 8 << 10, large: vec![64 << 20], odd: false }).unwrap();
    let up = harbour.upward("move").unwrap();
    harbour.cargo.act(up, "run").unwrap();
    for part in [1, 2, 3] {
        let seen = harbour.cargo.watch(up, PATIENCE, |run| run.bytes >= before.bytes() * part / 5).unwrap();
        assert!(!seen.is_final(), "it was over before it could be interrupted: {}", seen.whole);
        harbour = harbour.crash_and_restart().unwrap();
    }
    harbour.cargo.finish(up, PATIENCE).unwrap();
    harbour.cargo.run(harbour.downward().unwrap(), PATIENCE).unwrap();
    before.same_as(&Tree::read(&harbour.inbound()).unwrap()).unwrap();
    harbour.close().unwrap();
}

#[test]
fn a_paused_task_stands_still_and_goes_on_when_it_is_resumed() {
    let rgw = server_or_skip!(Rgw::get());
    let front = ChecksumFront::start(&rgw.s3).unwrap();
    front.hold_up(HELD_UP);
    let harbour = Harbour::open("paused", &front.s3).unwrap();
    let before = harbour.load(&shape()).unwrap();
    let up = harbour.upward("copy").unwrap();
    harbour.cargo.act(up, "run").unwrap();
    harbour.cargo.watch(up, PATIENCE, |run| run.bytes > 1 << 20).unwrap();
    harbour.cargo.act(up, "pause").unwrap();
    let paused = harbour.cargo.watch(up, PATIENCE, |run| run.status == "paused").unwrap();
    assert_eq!(paused.status, "paused", "{}", paused.whole);
    std::thread::sleep(Duration::from_secs(2));
    let later = harbour.cargo.execution(up).unwrap();
    assert_eq!((later.status.as_str(), later.files), ("paused", paused.files));
    front.hold_up(0);
    harbour.cargo.act(up, "resume").unwrap();
    harbour.cargo.finish(up, PATIENCE).unwrap();
    harbour.cargo.run(harbour.downward().unwrap(), PATIENCE).unwrap();
    before.same_as(&Tree::read(&harbour.inbound()).unwrap()).unwrap();
    harbour.close().unwrap();
}

#[test]
fn a_stopped_task_says_who_stopped_it_and_can_be_run_again() {
    let rgw = server_or_skip!(Rgw::get());
    let front = ChecksumFront::start(&rgw.s3).unwrap();
    front.hold_up(HELD_UP);
    let harbour = Harbour::open("stopped", &front.s3).unwrap();
    harbour.load(&shape()).unwrap();
    let up = harbour.upward("copy").unwrap();
    harbour.cargo.act(up, "run").unwrap();
    harbour.cargo.watch(up, PATIENCE, |run| run.bytes > 1 << 20).unwrap();
    harbour.cargo.act(up, "stop").unwrap();
    let stopped = harbour.cargo.watch(up, PATIENCE, |_| false).unwrap();
    assert_eq!(stopped.status, "stopped_by_user", "{}", stopped.whole);
    front.hold_up(0);
    harbour.cargo.run(up, PATIENCE).unwrap();
    harbour.close().unwrap();
}

#[test]
fn parts_of_a_stopped_task_are_given_up_also_when_the_host_dies_at_once() {
    let rgw = server_or_skip!(Rgw::get());
    for dies in [false, true] {
        let front = ChecksumFront::start(&rgw.s3).unwrap();
        front.hold_up(HELD_UP);
        let mut harbour = Harbour::open(if dies { "left-killed" } else { "left" }, &front.s3).unwrap();
        harbour.load(&Shape { files: 1, small: 8 << 10, large: vec![256 << 20], odd: false }).unwrap();
        let up = harbour.upward("copy").unwrap();
        harbour.cargo.act(up, "run").unwrap();
        let seen = harbour.cargo.watch(up, PATIENCE, |run| run.bytes > 24 << 20).unwrap();
        assert!(!seen.is_final(), "it was over before it could be stopped: {}", seen.whole);
        assert_eq!(rgw.s3.unfinished(&harbour.bucket).unwrap().len(), 1);
        harbour.cargo.act(up, "stop").unwrap();
        if dies {
            harbour = harbour.crash_and_restart().unwrap();
        }
        let stopped = harbour.cargo.watch(up, PATIENCE, |_| false).unwrap();
        assert_eq!(stopped.status, "stopped_by_user", "{}", stopped.whole);
        let until = Instant::now() + PATIENCE;
        while !rgw.s3.unfinished(&harbour.bucket).unwrap().is_empty() {
            assert!(Instant::now() < until, "the parts of the stopped task are still there");
            std::thread::sleep(Duration::from_millis(200));
        }
        harbour.close().unwrap();
    }
}

#[test]
fn an_upload_whose_beginning_nobody_heard_of_is_taken_up_again_or_given_up() {
    let rgw = server_or_skip!(Rgw::get());
    for dies in [true, false] {
        let front = ChecksumFront::start(&rgw.s3).unwrap();
        let mut harbour = Harbour::open(if dies { "unheard-killed" } else { "unheard" }, &front.s3).unwrap();
        harbour.load(&Shape { files: 1, small: 8 << 10, large: vec![64 << 20], odd: false }).unwrap();
        front.keep_beginnings(true);
        let up = harbour.upward("copy").unwrap();
        harbour.cargo.act(up, "run").unwrap();
        until("the upload", || rgw.s3.unfinished(&harbour.bucket).unwrap().len() == 1);
        if dies {
            harbour = harbour.crash_and_restart().unwrap();
            front.keep_beginnings(false);
            harbour.cargo.finish(up, PATIENCE).unwrap();
        } else {
            harbour.cargo.act(up, "stop").unwrap();
            let stopped = harbour.cargo.watch(up, PATIENCE, |_| false).unwrap();
            assert_eq!(stopped.status, "stopped_by_user", "{}", stopped.whole);
        }
        until("the end of the upload", || rgw.s3.unfinished(&harbour.bucket).unwrap().is_empty());
        harbour.close().unwrap();
    }
}

fn until(what: &str, is: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < end, "{what} did not come");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_restart_keeps_everything_that_was_configured() {
    let rgw = server_or_skip!(Rgw::get());
    let harbour = Harbour::open("kept", &rgw.s3).unwrap();
    harbour.load(&Shape { files: 20, small: 8 << 10, large: vec![], odd: false }).unwrap();
    let up = harbour.upward("copy").unwrap();
    harbour.cargo.run(up, PATIENCE).unwrap();
    let lists = ["cloud_connectors", "cloud_buckets", "pools", "containers", "tasks", "task_executions"];
    let look = |harbour: &Harbour| -> Vec<serde_json::Value> {
        lists.iter().map(|list| harbour.cargo.client.get(&format!("/api/v2/{list}?sort_by=name")).unwrap()).collect()
    };
    let before = look(&harbour);
    let harbour = harbour.restart().unwrap();
    assert_eq!(look(&harbour), before);
    // The secret is sealed, not lost: the target still answers.
    harbour.cargo.run(harbour.downward().unwrap(), PATIENCE).unwrap();
    harbour.close().unwrap();
}
