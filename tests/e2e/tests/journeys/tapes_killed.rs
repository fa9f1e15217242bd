//! The host killed (SIGKILL) while it writes onto tape: what it says to be stored is, and the task goes on and ends. Here at some moments;
//! `cargo xtask prove tape-killed` goes through 200.

#![allow(clippy::unwrap_used, reason = "everything here is a test")]

use capstan_e2e::Shape;
use capstan_e2e::tape::{Deaths, Library, plan};
use capstan_test_servers::server_or_skip;

const DEATHS: u32 = 8;
/// Several times as many as are synced together.
const FILES: usize = 100;
const SMALL: usize = 64 << 10;
const LARGE: u64 = 2 << 20;
/// A load takes a fifteenth of a second, and a task some seconds: long enough to be killed in it.
const TIMES: f64 = 250.0;
const DRIVES: u16 = 2;
const CARTRIDGES: u16 = 2;

#[test]
fn what_is_said_to_be_stored_on_tape_outlives_the_host_at_any_moment_of_a_write() {
    let library = server_or_skip!(Library::portal(&plan(DRIVES, CARTRIDGES, Some(TIMES))));
    let shape = Shape { files: FILES, small: SMALL, large: vec![LARGE], odd: false };
    let mut deaths = Deaths::begin(library, shape).unwrap();
    for moment in deaths.spread(DEATHS) {
        deaths.die(moment).unwrap();
    }
    deaths.close().unwrap();
}
