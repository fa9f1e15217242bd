use std::collections::BTreeSet;
use std::time::Duration;

use capstan_sdk::Failure;
use capstan_tape_simulator::plan::Features;

use super::*;
use crate::volumes::uses::Patience;

#[test]
fn two_cartridges_and_one_drive_take_turns() {
    on_both(1, 3, LARGE, |_, target| {
        let (one, other) = (Simulated::label(1), Simulated::label(2));
        target.run(async || {
            Patience { hold: Duration::ZERO, lease: Duration::ZERO, by_hand: Duration::ZERO }.set();
            formatted(&other).await;
            for round in 0..3 {
                for cartridge in [&one, &other] {
                    put(cartridge, &format!("{round}"), &noise(round, 600_000)).await.unwrap();
                }
                // Each was synced when it made room.
                holds(&one, &format!("{round}"), &noise(round, 600_000)).await;
            }
        });
        target.run(async || {
            Patience { hold: Duration::ZERO, lease: Duration::ZERO, by_hand: Duration::ZERO }.set();
            for cartridge in [&one, &other] {
                assert_eq!(names(cartridge, "").await.len(), 3);
            }
            holds(&other, "2", &noise(2, 600_000)).await;
        });
    });
}

#[test]
fn a_cartridge_that_is_used_stays_and_who_waits_is_told_that_the_drives_are_full() {
    let library = Simulated::start(1, true, 2, LARGE);
    let target = Target::simulated(&library);
    target.run(async || {
        Patience { hold: Duration::from_secs(900), lease: Duration::from_secs(900), by_hand: Duration::from_secs(900) }.set();
        formatted(&Simulated::label(1)).await;
        put(&Simulated::label(1), "a", b"a").await.unwrap();
        let failure = stat(&Simulated::label(2), "").await.unwrap_err();
        assert!(matches!(&failure, Failure::Busy(_)) && failure.fault().code.as_deref() == Some("drives-full"), "{failure:?}");
        holds(&Simulated::label(1), "a", b"a").await;
    });
}

#[test]
fn the_order_of_reading_names_each_file_once() {
    on_both(1, 1, LARGE, |_, target| {
        let cartridge = Simulated::label(1);
        let c = cartridge.as_str();
        target.run(async || {
            let paths: Vec<String> = (0..5).map(|number| format!("{number}")).collect();
            for path in &paths {
                put(c, path, &noise(1, 600_000)).await.unwrap();
            }
            sync(c, "").await.unwrap();
            let mut order = crate::volumes::order(c, &paths).await.unwrap();
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2, 3, 4]);
            assert!(crate::volumes::order(c, &[]).await.unwrap().is_empty());
            assert!(matches!(crate::volumes::order(c, &["x".to_owned()]).await, Err(Failure::NotFound(_))));
            assert!(matches!(crate::volumes::order("NOBODY", &paths).await, Err(Failure::NotFound(_))));
            let many = vec!["0".to_owned(); 4_097];
            assert!(matches!(crate::volumes::order(c, &many).await, Err(Failure::Invalid(_))));
        });
    });
}

#[test]
fn files_are_ordered_by_how_the_tape_lies_where_the_drive_recommends_nothing() {
    for (partitions, capacity, bytes) in [(false, 64 << 20, 100_000), (true, 2_200_000_000, 3 << 19)] {
        let features = Features { partitions, access_order: false, ..Features::default() };
        let library = Simulated::with(1, features, 1, capacity);
        let c = &Simulated::label(1);
        Target::simulated(&library).run(async || {
            formatted(c).await;
            let paths: Vec<String> = (0..120).map(|number| format!("f{number:03}")).collect();
            for path in &paths {
                put(c, path, &noise(1, bytes)).await.unwrap();
            }
            sync(c, "").await.unwrap();
            // Few of them: what lies between is not worth reading on for.
            let some: Vec<String> = paths.into_iter().step_by(11).collect();
            let order = crate::volumes::order(c, &some).await.unwrap();
            // Out and back: not one wrap after the other.
            assert!(!order.is_sorted() && order.iter().collect::<BTreeSet<_>>().len() == some.len(), "{order:?}");
        });
    }
}
