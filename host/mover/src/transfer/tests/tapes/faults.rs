//! What a killed run leaves on a tape, what a tape loses, refuses, or has no room for.

use std::sync::Arc;
use std::time::Duration;

use capstan_domain::Failure;
use capstan_domain::failure::Kind;
use capstan_domain::job::{PathState, Verify};

use super::{LARGE, archive, counts, plant};
use crate::testing::{Crash, MemoryLedger, MemoryTape};
use crate::{Destination, Transfer};

/// Runs until the tape's process dies, or to the end. True: it died.
async fn until_death(run: Transfer, tape: &Arc<MemoryTape>) -> bool {
    tokio::select! {
        biased;
        () = tape.died() => true,
        ended = tokio::time::timeout(Duration::from_secs(20), run.run()) => {
            let summary = ended.expect("in time").expect("run");
            assert_eq!(counts(&summary).1, 0);
            false
        }
    }
}

/// Every line of the table: at the beginning and at the end of each call to the tape.
#[tokio::test]
async fn killed_at_any_step_nothing_recorded_is_lost_and_the_next_run_ends_it() {
    for (kept, moved, verify) in [(false, false, Verify::ReadBack), (true, true, Verify::ReadBack), (false, false, Verify::Claim)]
    {
        let mut step = 0;
        loop {
            step += 1;
            let from = tempfile::tempdir().expect("dir");
            let files = plant(from.path(), 4);
            let (tape, ledger) = (MemoryTape::new(), MemoryLedger::new());
            let run = || {
                let mut run = archive(from.path(), &tape, &ledger);
                (run.options.remove_source, run.options.verify) = (moved, verify);
                (run.limits.round_files, run.limits.batch_files) = (5, 2);
                run
            };
            tape.die_at(step);
            let died = until_death(run(), &tape).await;
            tape.revive(kept);
            for (name, content) in &files {
                let safe = tape.durable(&format!("in/{name}")).as_ref() == Some(content);
                assert!(safe || from.path().join(name).exists(), "{name} is nowhere after step {step}");
                assert!(safe || ledger.settled(name).is_none(), "{name} is recorded after step {step} and not on the tape");
            }
            let on_tape: Vec<String> =
                files.iter().map(|(name, _)| format!("in/{name}")).filter(|path| tape.durable(path).is_some()).collect();
            assert!(!until_death(run(), &tape).await);
            let twice: Vec<String> = tape.calls("write").into_iter().filter(|path| on_tape.contains(path)).collect();
            assert_eq!(twice, Vec::<String>::new(), "what was on the tape after step {step} is adopted");
            for (name, content) in &files {
                assert_eq!(tape.durable(&format!("in/{name}")).as_ref(), Some(content), "{name} after step {step}");
                assert_eq!(from.path().join(name).exists(), !moved, "{name} after step {step}");
            }
            if !died {
                break;
            }
        }
        assert!(step > 20, "{step} steps");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_before_and_after_the_record_writes_nothing_again() {
    for crash in [Crash::BeforeRecord, Crash::AfterRecord] {
        let from = tempfile::tempdir().expect("dir");
        let files = plant(from.path(), 10);
        let (tape, ledger) = (MemoryTape::new(), MemoryLedger::new());
        let moving = || {
            let mut run = archive(from.path(), &tape, &ledger);
            run.options.remove_source = true;
            run.options.overwrite = false;
            run
        };
        ledger.crash_at(crash);
        moving().run().await.expect_err("died");
        assert!(files.iter().all(|(name, _)| from.path().join(name).exists()));
        ledger.restart();
        tape.revive(false);
        let summary = moving().run().await.expect("second run");
        assert_eq!((summary.failed, summary.skipped), (0, 0), "its own copies are not in its way");
        assert_eq!(tape.calls("write"), Vec::<String>::new());
        assert!(files.iter().all(|(name, _)| !from.path().join(name).exists()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_fails_fails_its_round_and_the_transfer() {
    let from = tempfile::tempdir().expect("dir");
    let files = plant(from.path(), 6);
    let (tape, ledger) = (MemoryTape::new(), MemoryLedger::new());
    tape.fail("sync", Failure::new(Kind::Unavailable, "the index could not be written"));
    let mut run = archive(from.path(), &tape, &ledger);
    run.options.remove_source = true;
    assert_eq!(run.run().await.expect_err("failed").kind, Kind::Unavailable);
    for (name, _) in files {
        assert_eq!(ledger.state_of(&name), Some(PathState::Failed), "{name}");
        assert!(from.path().join(name).exists());
    }
    assert_eq!(tape.log().iter().filter(|line| *line == "sync").count(), 1, "it is not asked again until it says yes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lost_session_took_with_it_is_written_again() {
    for verify in [Verify::ReadBack, Verify::Claim] {
        for step in [6, 11, 20] {
            let from = tempfile::tempdir().expect("dir");
            let files = plant(from.path(), 12);
            let (tape, ledger) = (MemoryTape::new(), MemoryLedger::new());
            tape.lose_at(step);
            let mut run = archive(from.path(), &tape, &ledger);
            run.options.verify = verify;
            let summary = run.run().await.expect("run");
            assert_eq!(counts(&summary), (14, 0, 0), "step {step}");
            for (name, content) in files {
                assert_eq!(tape.durable(&format!("in/{name}")), Some(content), "{name}, step {step}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_goes_onto_the_next_tape() {
    let from = tempfile::tempdir().expect("dir");
    let files = plant(from.path(), 20);
    let (first, second, ledger) = (MemoryTape::of(LARGE as u64 + 25_000), MemoryTape::new(), MemoryLedger::new());
    let mut run = archive(from.path(), &first, &ledger);
    run.destinations = vec![Destination { trees: vec![first.tree("A00001"), second.tree("A00002")] }];
    let summary = run.run().await.expect("run");
    assert_eq!(counts(&summary), (22, 0, 0));
    assert!(first.files() > 0 && second.files() > 0);
    assert_eq!(ledger.full(), [(0, 0)], "it is told which of them is full");
    for (name, content) in &files {
        let copy = ledger.settled(name).expect("settled").copies.remove(0);
        let tape = if copy.tree == 0 { &first } else { &second };
        assert_eq!(tape.durable(&format!("in/{name}")).as_ref(), Some(content), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fits_onto_the_last_tape_is_recorded_and_the_rest_fails() {
    let from = tempfile::tempdir().expect("dir");
    let files = plant(from.path(), 40);
    let (tape, ledger) = (MemoryTape::of(30_000), MemoryLedger::new());
    let summary = archive(from.path(), &tape, &ledger).run().await.expect("run");
    assert_eq!(summary.done as usize, tape.files());
    assert!(summary.done > 5);
    assert_eq!(summary.done + summary.failed, files.len() as u64, "each has an outcome: {summary:?}");
    let failure = ledger.settled("large-1").and_then(|settled| settled.failure).expect("failure");
    assert_eq!(failure.kind, Kind::NoSpace);
    assert_eq!(ledger.full(), [(0, 0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_file_that_cannot_be_written_costs_no_other() {
    let from = tempfile::tempdir().expect("dir");
    plant(from.path(), 6);
    let (tape, ledger) = (MemoryTape::new(), MemoryLedger::new());
    tape.fail("write in/a/file-03", Failure::invalid("not this name"));
    tape.fail("write in/large-0", Failure::new(Kind::Busy, "not now"));
    let summary = archive(from.path(), &tape, &ledger).run().await.expect("run");
    assert_eq!(counts(&summary), (7, 1, 0));
    assert_eq!(ledger.state_of("a/file-03"), Some(PathState::Failed));
}
