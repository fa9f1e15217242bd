//! What is told of a cartridge's life, against the simulator.

use std::collections::BTreeMap;

use capstan_tape_simulator::faults::{Fault, Subject};
use capstan_tape_simulator::plan::Features;

use super::simulated::Simulated;
use super::{Target, noise};
use crate::stream::Laying;
use crate::tape::Spot;
use crate::{medium, robot, stream};

/// Bytes of a block, which divide a mebibyte and no megabyte.
const BLOCK: u32 = 1 << 18;
const BLOCKS: u64 = 80;
const BYTES: u64 = BLOCKS * BLOCK as u64;
/// What the tape of these cartridges holds.
const CAPACITY: u64 = 4_000_000_000;

async fn counters() -> BTreeMap<String, u64> {
    let told = medium::inspect(&Simulated::drive(0)).await.unwrap().counters;
    told.into_iter().map(|counter| (counter.name, counter.value.parse().unwrap())).collect()
}

/// Written to the beginning, as its whole content.
async fn write(bytes: &Vec<u8>) {
    let laying = Laying { at: Spot { partition: 0, object: 0 }, truncate: true, block: BLOCK, filemarks: 1 };
    medium::write(&Simulated::drive(0), laying, bytes, "write").await.unwrap();
}

fn of<const N: usize>(counters: &BTreeMap<String, u64>, names: [&str; N]) -> [Option<u64>; N] {
    names.map(|name| counters.get(name).copied())
}

fn megabytes(bytes: u64) -> u64 {
    bytes / 1_000_000 * 1_000_000
}

#[test]
fn counters_of_a_life_go_on_with_the_next_load_and_those_of_a_load_begin_anew() {
    let library = Simulated::start(1, false, 1, CAPACITY);
    let label = Simulated::label(1);
    Target::simulated(&library).run(async || {
        robot::load(&label, None).await.unwrap();
        write(&noise(1, BYTES as usize)).await;
        let told = counters().await;
        assert_eq!(of(&told, ["loads", "mebibytes-written", "mebibytes-read"]), [Some(1), Some(BYTES >> 20), Some(0)]);
        let moved = ["last-load-bytes-written", "last-load-bytes-read", "bytes-from-host", "bytes-to-medium", "bytes-to-host"];
        assert_eq!(of(&told, moved), [Some(megabytes(BYTES)), Some(0), Some(BYTES), Some(BYTES), Some(0)]);
        assert_eq!(
            of(&told, ["write-compression", "last-load-write-compression", "read-compression"]),
            [Some(100), Some(100), Some(0)]
        );
        assert_eq!(of(&told, ["native-capacity", "write-protected", "written-once"]), [Some(CAPACITY), Some(0), Some(0)]);
        assert!(told["used-native-capacity"] >= megabytes(BYTES));
        robot::unload(&Simulated::drive(0)).await.unwrap();

        robot::load(&label, None).await.unwrap();
        let (_, reading) = stream::read(&Simulated::drive(0), Spot { partition: 0, object: 0 }, BYTES).await.unwrap();
        let mut read = Vec::new();
        reading.pour(&mut read).await.unwrap();
        assert_eq!(read.len() as u64, BYTES);
        let told = counters().await;
        assert_eq!(of(&told, ["loads", "mebibytes-written", "mebibytes-read"]), [Some(2), Some(BYTES >> 20), Some(BYTES >> 20)]);
        assert_eq!(of(&told, moved), [Some(0), Some(megabytes(BYTES)), Some(0), Some(0), Some(BYTES)]);
    });
}

#[test]
fn a_block_that_could_not_be_written_is_counted_for_the_load_and_for_life() {
    let library = Simulated::start(1, false, 1, CAPACITY);
    let (label, target) = (Simulated::label(1), Target::simulated(&library));
    let names = ["write-errors", "last-load-write-errors", "permanent-write-errors", "read-errors"];
    target.run(async || {
        robot::load(&label, None).await.unwrap();
        library.arm(Subject::Drive(0), Fault::WriteError, 0);
        let laying = Laying { at: Spot { partition: 0, object: 0 }, truncate: true, block: BLOCK, filemarks: 1 };
        medium::write(&Simulated::drive(0), laying, &noise(2, BLOCK as usize), "write").await.unwrap_err();
        assert_eq!(of(&counters().await, names), [Some(1), Some(1), Some(1), Some(0)]);
    });
    target.run(async || {
        robot::unload(&Simulated::drive(0)).await.unwrap();
        robot::load(&label, None).await.unwrap();
        assert_eq!(of(&counters().await, names), [Some(1), Some(0), Some(1), Some(0)]);
    });
}

#[test]
fn what_a_drive_without_log_pages_does_not_tell_the_memory_of_the_cartridge_does() {
    let library = Simulated::with(1, Features { logs: false, ..Features::default() }, 1, CAPACITY);
    Target::simulated(&library).run(async || {
        robot::load(&Simulated::label(1), None).await.unwrap();
        write(&noise(3, BYTES as usize)).await;
        let known = ["last-load-bytes-read", "last-load-bytes-written", "loads", "mebibytes-read", "mebibytes-written"];
        let told = counters().await;
        assert_eq!(told.keys().map(String::as_str).collect::<Vec<_>>(), known);
        assert_eq!(of(&told, known), [Some(0), Some(BYTES), Some(1), Some(0), Some(BYTES >> 20)]);
    });
    let library = Simulated::with(1, Features { logs: false, memory: false, ..Features::default() }, 1, CAPACITY);
    Target::simulated(&library).run(async || {
        robot::load(&Simulated::label(1), None).await.unwrap();
        assert_eq!(counters().await, BTreeMap::new());
    });
}
