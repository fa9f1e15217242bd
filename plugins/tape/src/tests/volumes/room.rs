use capstan_sdk::Failure;
use capstan_tape_simulator::faults::{Fault, Subject};

use super::*;

/// Bytes of a cartridge in one partition, and of one with an index partition of a gigabyte beside.
const SMALL: [u64; 2] = [300 << 20, 1_400 << 20];

/// Until there is no room; how many files there are.
async fn filled(cartridge: &str, size: usize) -> u64 {
    for number in 0..1_000 {
        match put(cartridge, &format!("{number:04}"), &noise(number, size)).await {
            Ok(_) => {}
            Err(failure) => {
                assert!(matches!(&failure, Failure::NoSpace(_)), "{failure:?}");
                return number;
            }
        }
    }
    panic!("it is never full");
}

#[test]
fn a_full_cartridge_closes_well_and_says_so_before_it_is() {
    on_each(1, 1, SMALL, |_, target| {
        let cartridge = Simulated::label(1);
        let c = cartridge.as_str();
        let files = target.run(async || {
            let files = filled(c, 5_000_000).await;
            sync(c, "").await.unwrap();
            files
        });
        assert!(files > 20, "{files}");
        target.run(async || {
            for number in [0, files / 2, files - 1] {
                holds(c, &format!("{number:04}"), &noise(number, 5_000_000)).await;
            }
            assert_eq!(names(c, "").await.len() as u64, files);
            // Names may still change.
            crate::volumes::remove(c, "0000").await.unwrap();
            sync(c, "").await.unwrap();
        });
        target.run(async || assert_eq!(names(c, "").await.len() as u64, files - 1));
    });
}

#[test]
fn an_end_that_comes_early_costs_nothing_that_was_synced() {
    on_both(1, 1, LARGE, |library, target| {
        let cartridge = Simulated::label(1);
        let c = cartridge.as_str();
        library.arm(Subject::Cartridge(cartridge.clone()), Fault::EarlyEnd { bytes: 60 << 20 }, 0);
        let files = target.run(async || {
            let mut synced = 0;
            for number in 0..100 {
                if put(c, &format!("{number}"), &noise(number, 5_000_000)).await.is_err() || sync(c, "").await.is_err() {
                    break;
                }
                synced = number + 1;
            }
            synced
        });
        target.run(async || {
            assert!((1..12).contains(&files), "{files}");
            for number in 0..files {
                holds(c, &format!("{number}"), &noise(number, 5_000_000)).await;
            }
        });
    });
}
