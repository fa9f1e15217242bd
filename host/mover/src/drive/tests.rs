//! The rules of a copy, between two drives in memory.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use capstan_domain::Failure;
use capstan_domain::failure::Kind;

use super::{DriveCopy, DriveEnd, PIECE};
use crate::testing::{MemoryDrives, bytes};
use crate::{Control, Counters};

/// Of the source: data in its first piece, in the middle of its fourth and at its very end.
const SIZE: u64 = 10 * PIECE + 1024;

fn source() -> Arc<MemoryDrives> {
    let drives = MemoryDrives::new();
    drives.put("from", SIZE, &[(0, bytes(100_000, 1)), (3 * PIECE + 5_000, bytes(10_000, 2)), (SIZE - 512, bytes(512, 3))]);
    drives
}

/// Data in all of its pieces.
fn full() -> Arc<MemoryDrives> {
    let drives = MemoryDrives::new();
    drives.put("from", SIZE, &[(0, bytes(SIZE as usize, 4))]);
    drives
}

fn fresh() -> Arc<MemoryDrives> {
    let drives = MemoryDrives::new();
    drives.put("to", SIZE.next_multiple_of(4096) + PIECE, &[]);
    drives
}

fn copy(from: &Arc<MemoryDrives>, to: &Arc<MemoryDrives>) -> DriveCopy {
    let end = |drives: &Arc<MemoryDrives>, name: &str, block| DriveEnd {
        drives: Arc::clone(drives) as _,
        location: "here".to_owned(),
        name: name.to_owned(),
        block,
    };
    DriveCopy {
        source: end(from, "from", 512),
        destination: end(to, "to", 4096),
        size: SIZE,
        from: 0,
        control: Control::default(),
        counters: Arc::new(Counters::default()),
        bandwidth: None,
        attempt: "job-1-copy".to_owned(),
        tries: 3,
    }
}

fn assert_same(from: &MemoryDrives, to: &MemoryDrives) {
    let (expected, found) = (from.bytes_of("from"), to.bytes_of("to"));
    let (copied, behind) = found.split_at(expected.len());
    assert!(copied == expected, "the copy differs");
    assert!(behind.iter().all(|byte| *byte == 0), "what lies behind the source is not zeros");
}

#[tokio::test]
async fn a_sparse_copy_reads_and_writes_only_data() {
    let (from, to) = (source(), fresh());
    let copy = copy(&from, &to);
    copy.run().await.unwrap();
    assert_same(&from, &to);
    let read: u64 = from.reads().iter().map(|(_, length)| length).sum();
    assert!(read <= 100_000 + 10_000 + 512 + 5 * 4096, "{read} bytes were read");
    assert_eq!(to.writes().len(), 3);
    assert!(to.writes().iter().all(|(offset, length)| offset % 4096 == 0 && length % 4096 == 0), "{:?}", to.writes());
    assert_eq!(copy.counters.bytes_finalized.load(Relaxed), SIZE);
    to.crash();
    assert_same(&from, &to);
}

#[tokio::test]
async fn pieces_of_zeros_are_not_written_where_the_source_cannot_tell_its_extents() {
    let (from, to) = (source(), fresh());
    from.tell_no_extents();
    copy(&from, &to).run().await.unwrap();
    assert_same(&from, &to);
    let written: Vec<u64> = to.writes().iter().map(|(offset, _)| offset / PIECE).collect();
    assert_eq!(written, [0, 3, 10]);
}

#[tokio::test]
async fn a_changed_byte_is_found_when_it_is_read_back() {
    let (from, to) = (source(), fresh());
    to.corrupt_writes();
    let copy = copy(&from, &to);
    let failure = copy.run().await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Corrupt, Some("hash-mismatch")));
    assert_eq!(copy.counters.bytes_finalized.load(Relaxed), 0);
}

#[tokio::test]
async fn what_fails_for_a_moment_is_asked_for_again() {
    let (from, to) = (full(), fresh());
    from.fail_after(2, "read", Failure::new(Kind::Unavailable, "away"));
    from.fail_after(0, "extents", Failure::new(Kind::Busy, "later"));
    to.fail_after(1, "write", Failure::new(Kind::TimedOut, "slow"));
    to.fail_after(0, "flush", Failure::new(Kind::Busy, "later"));
    copy(&from, &to).run().await.unwrap();
    assert_same(&from, &to);
}

#[tokio::test]
async fn a_copy_that_broke_off_goes_on_where_all_was_proved_and_durable() {
    let (from, to) = (full(), fresh());
    to.fail_after(6, "write", Failure::new(Kind::NoSpace, "full"));
    let broken = copy(&from, &to);
    assert_eq!(broken.run().await.unwrap_err().kind, Kind::NoSpace);
    let done = broken.counters.bytes_finalized.load(Relaxed);
    assert!(done > 0 && done < SIZE && done.is_multiple_of(PIECE), "{done}");
    // What counts survives the engine's death too.
    to.crash();
    let (before, flushes) = (from.reads().len(), to.flushes());
    assert!(flushes > 0);
    let next = DriveCopy { from: done, ..copy(&from, &to) };
    next.run().await.unwrap();
    assert_same(&from, &to);
    assert!(from.reads().into_iter().skip(before).all(|(offset, _)| offset >= done), "it began anew");
    assert_eq!(next.counters.bytes_finalized.load(Relaxed), SIZE);
}

#[tokio::test]
async fn a_copy_that_is_stopped_ends_between_two_pieces() {
    let (from, to) = (full(), fresh());
    let copy = copy(&from, &to);
    to.stop_after(1, &copy.control);
    assert_eq!(copy.run().await.unwrap_err().kind, Kind::Cancelled);
    assert!(to.writes().len() < 11, "it went on to its end");
    assert!(copy.counters.bytes_finalized.load(Relaxed) < SIZE);
}

#[tokio::test]
async fn a_copy_that_was_whole_already_does_nothing_but_flush() {
    let (from, to) = (full(), fresh());
    copy(&from, &to).run().await.unwrap();
    let reads = from.reads().len();
    DriveCopy { from: SIZE, ..copy(&from, &to) }.run().await.unwrap();
    assert_eq!(from.reads().len(), reads);
}
