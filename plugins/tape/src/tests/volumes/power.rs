use capstan_tape_simulator::faults::{Fault, Subject};

use super::*;

#[test]
fn an_instance_that_is_gone_leaves_what_was_synced_and_writing_goes_on() {
    on_both(1, 1, LARGE, |_, target| {
        let cartridge = Simulated::label(1);
        let c = cartridge.as_str();
        target.run(async || {
            put(c, "synced", &noise(1, 700_000)).await.unwrap();
            sync(c, "").await.unwrap();
            put(c, "lost", &noise(2, 2_000_000)).await.unwrap();
        });
        for round in 0..3 {
            target.run(async || {
                let there: Vec<String> = (0..round).map(|round| format!("round {round}")).chain(["synced".to_owned()]).collect();
                assert_eq!(names(c, "").await, there);
                holds(c, "synced", &noise(1, 700_000)).await;
                put(c, &format!("round {round}"), &noise(round, 600_000)).await.unwrap();
                sync(c, "").await.unwrap();
                put(c, "lost again", &noise(9, 900_000)).await.unwrap();
            });
        }
        target.run(async || holds(c, "round 2", &noise(2, 600_000)).await);
    });
}

#[test]
fn power_may_go_at_any_command_and_what_was_synced_reads_back() {
    on_both(1, 1, LARGE, |library, target| {
        let cartridge = Simulated::label(1);
        let c = cartridge.as_str();
        target.run(async || {
            put(c, "synced 0", &noise(0, 600_000)).await.unwrap();
            sync(c, "").await.unwrap();
        });
        let mut synced = 1;
        for after in 0..18 {
            let done = target.run(async || {
                // What it takes to find out what is there is not counted.
                stat(c, "").await.unwrap();
                library.arm(Subject::Drive(0), Fault::PowerCut { performed: after % 2 == 0, kept: after % 5 }, after);
                let put = put(c, &format!("synced {synced}"), &noise(synced, 1_700_000)).await;
                put.is_ok() && sync(c, "").await.is_ok()
            });
            library.restore(0);
            let found = target.run(async || {
                for number in 0..synced {
                    holds(c, &format!("synced {number}"), &noise(number, if number == 0 { 600_000 } else { 1_700_000 })).await;
                }
                let last = format!("synced {synced}");
                let found = stat(c, &last).await.is_ok();
                if found {
                    holds(c, &last, &noise(synced, 1_700_000)).await;
                }
                found
            });
            assert!(found || !done, "after {after} commands");
            synced += u64::from(found);
        }
        assert!(synced > 2, "{synced}");
    });
}

#[test]
fn what_was_not_synced_and_is_lost_while_the_instance_lives_is_told_by_the_next_sync() {
    on_both(1, 1, LARGE, |library, target| {
        let cartridge = Simulated::label(1);
        let c = cartridge.as_str();
        target.run(async || {
            put(c, "lost", &noise(1, 600_000)).await.unwrap();
            library.power(0, 0);
            let failure = sync(c, "").await.unwrap_err();
            assert!(failure.fault().code.as_deref() == Some("unsynced-lost"), "{failure:?}");
            assert!(names(c, "").await.is_empty());
            put(c, "lost", &noise(1, 600_000)).await.unwrap();
            sync(c, "").await.unwrap();
            holds(c, "lost", &noise(1, 600_000)).await;
        });
    });
}
