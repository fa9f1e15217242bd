//! The life of an archive on tape, on a real library and on the simulated one, by iSCSI and by SCSI devices of the host's own.
//!
//! Sizes fit a run of all tests; `cargo xtask prove tape` does the same with 20,000 files.

#![allow(clippy::unwrap_used, reason = "everything here is a test")]

use capstan_e2e::Shape;
use capstan_e2e::tape::{Library, PATIENCE, plan, tell};
use capstan_test_servers::server_or_skip;

/// Small files, and the bytes of the largest of them.
const FILES: usize = 300;
const SMALL: usize = 64 << 10;
/// Of several blocks of any tape; the last one is not full.
const LARGE: [u64; 2] = [3 << 20, (1 << 20) + 1];
const DRIVES: u16 = 2;
const CARTRIDGES: u16 = 3;

fn shape() -> Shape {
    Shape { files: FILES, small: SMALL, large: LARGE.to_vec(), odd: true }
}

#[test]
fn a_tree_is_archived_recalled_and_learned_anew_from_the_tapes_of_a_real_library() {
    let library = server_or_skip!(Library::tgt());
    tell(library, &shape(), PATIENCE, |_| {}).unwrap();
}

#[test]
fn a_tree_is_archived_recalled_and_learned_anew_from_tapes_with_partitions() {
    let library = server_or_skip!(Library::portal(&plan(DRIVES, CARTRIDGES, None)));
    tell(library, &shape(), PATIENCE, |_| {}).unwrap();
}

#[test]
fn a_tree_is_archived_recalled_and_learned_anew_through_scsi_devices_that_were_granted() {
    let library = server_or_skip!(Library::devices(&plan(DRIVES, CARTRIDGES, None)));
    tell(library, &shape(), PATIENCE, |_| {}).unwrap();
}
