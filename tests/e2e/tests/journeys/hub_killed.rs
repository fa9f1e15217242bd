//! The host killed (SIGKILL) while it migrates, recalls and deletes the files of a space, under load: no byte is lost, none is wrong, no job
//! is stuck. Here a few times; `cargo xtask prove hub-killed` goes through 200.

#![allow(clippy::unwrap_used, reason = "everything here is a test")]

use capstan_e2e::hub_killed::{Deaths, Sizes};
use capstan_test_servers::{Rgw, server_or_skip};

use crate::mount_table::{has_fuse, without_fuse};

const DEATHS: u32 = 5;
/// Jobs, of which some may end before they are cut off.
const JOBS: u32 = 25;
const SIZES: Sizes = Sizes { small: 100, middle: 4, large: 2 };
const SEED: u64 = 6;

#[test]
fn files_of_a_space_outlive_the_host_at_any_moment_of_a_job() {
    if !has_fuse() {
        return without_fuse("no space is mounted");
    }
    let rgw = server_or_skip!(Rgw::get());
    let mut deaths = Deaths::begin(&rgw.s3, SIZES, SEED).unwrap();
    while deaths.figures().deaths() < DEATHS {
        deaths.one_job().unwrap();
        assert!(deaths.figures().jobs < JOBS, "{}", deaths.figures());
    }
    deaths.end().unwrap();
}
