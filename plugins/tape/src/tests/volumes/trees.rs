use super::*;
use crate::robot;
use crate::tests::{DRIVE, library_or_skip};
use crate::vtl::Vtl;

/// Sizes around a block, and small ones that share one.
const SIZES: [usize; 9] = [0, 1, 700, 100_000, (512 << 10) - 1, 512 << 10, (512 << 10) + 1, 1_300_000, 3];

async fn fill(cartridge: &str) {
    for (number, size) in SIZES.into_iter().enumerate() {
        let path = format!("tree/ä {}/{number}", number % 2);
        let node = put(cartridge, &path, &noise(number as u64, size)).await.unwrap();
        assert_eq!((node.size, node.name.as_str()), (size as u64, number.to_string().as_str()));
    }
}

async fn is_there(cartridge: &str) {
    let mut places = Vec::new();
    for (number, size) in SIZES.into_iter().enumerate() {
        let path = format!("tree/ä {}/{number}", number % 2);
        holds(cartridge, &path, &noise(number as u64, size)).await;
        let node = stat(cartridge, &path).await.unwrap();
        places.extend(capstan_sdk::find(&node.extras, "place").map(|place| place.parse::<u64>().unwrap()));
    }
    assert!(places.is_sorted_by(|one, other| one < other), "{places:?}");
    assert_eq!(names(cartridge, "tree").await, ["ä 0", "ä 1"]);
    assert_eq!(names(cartridge, "tree/ä 0").await, ["0", "2", "4", "6", "8"]);
    let bytes = noise(7, SIZES[7]);
    for (from, length) in [(0, 1), (600_000, 600_000), (524_287, 2), (1_299_999, 1), (5, 0)] {
        let part = get_range(cartridge, "tree/ä 1/7", Some((from, length))).await.unwrap();
        assert!(part == bytes[from as usize..(from + length) as usize], "{from} {length}");
    }
}

/// In one instance with and without a sync, in another one, and after the cartridge was away.
fn comes_back(target: &Target, cartridge: &str, drive: &str) {
    target.run(async || {
        fill(cartridge).await;
        is_there(cartridge).await;
        sync(cartridge, "").await.unwrap();
        is_there(cartridge).await;
    });
    target.run(async || {
        is_there(cartridge).await;
        crate::volumes::close(drive).await.unwrap();
        robot::unload(drive).await.unwrap();
        is_there(cartridge).await;
        put(cartridge, "more", b"of it").await.unwrap();
        sync(cartridge, "more").await.unwrap();
        sync(cartridge, "more").await.unwrap();
    });
    target.run(async || {
        is_there(cartridge).await;
        holds(cartridge, "more", b"of it").await;
    });
}

#[test]
fn a_tree_comes_back_with_its_hashes_from_a_real_library() {
    let library = library_or_skip!();
    let (target, cartridge) = (Target::of(&library), Vtl::label(1));
    assert_eq!(target.run(async || formatted(&cartridge).await), "archive");
    comes_back(&target, &cartridge, DRIVE);
}

#[test]
fn a_tree_comes_back_with_its_hashes_in_both_formats() {
    on_both(1, 1, LARGE, |_, target| comes_back(&target, &Simulated::label(1), &Simulated::drive(0)));
}

#[test]
fn a_source_that_breaks_leaves_no_file_and_the_next_one_goes_on() {
    on_both(1, 1, LARGE, |_, target| {
        let cartridge = Simulated::label(1);
        target.run(async || {
            put(&cartridge, "before", b"1").await.unwrap();
            for (came, size) in [(10, 20), (600_000, 9_000_000), (3_000_000, 3_000_001)] {
                let bytes = noise(3, came);
                let content = InMemory { bytes: &bytes, size, known: false };
                let failure = write(&cartridge, "before", &content, "broken", &options(Vec::new(), false)).await.unwrap_err();
                assert_eq!(failure.fault().message, "the source broke");
                put(&cartridge, &format!("after {size}"), &noise(4, 600_000)).await.unwrap();
            }
            sync(&cartridge, "").await.unwrap();
        });
        target.run(async || {
            holds(&cartridge, "before", b"1").await;
            assert_eq!(names(&cartridge, "").await, ["after 20", "after 3000001", "after 9000000", "before"]);
            holds(&cartridge, "after 9000000", &noise(4, 600_000)).await;
        });
    });
}

#[test]
fn a_file_that_was_written_anew_is_another_one_and_an_attempt_made_again_is_the_same() {
    on_both(1, 1, LARGE, |_, target| {
        let cartridge = Simulated::label(1);
        target.run(async || {
            let first = put_as(&cartridge, "a", b"one", "1", true).await.unwrap();
            let again = put_as(&cartridge, "a", b"one", "1", true).await.unwrap();
            assert_eq!((&first.id, &first.extras), (&again.id, &again.extras));
            let other = put_as(&cartridge, "a", b"two", "2", true).await;
            assert!(matches!(other, Err(capstan_sdk::Failure::AlreadyExists(_))));
            put_as(&cartridge, "a", b"three", "3", false).await.unwrap();
            holds(&cartridge, "a", b"three").await;
            put(&cartridge, "d/x", b"").await.unwrap();
            for path in ["d", "a/b", "", "../a", "a//b"] {
                assert!(put_as(&cartridge, path, b"", "4", false).await.is_err(), "{path:?}");
            }
            holds(&cartridge, "a", b"three").await;
            let moment = vec![named("modified", "-1234567890123456789")];
            let content = InMemory { bytes: b"", size: 0, known: false };
            let node = write(&cartridge, "old", &content, "5", &options(moment, false)).await.unwrap();
            assert_eq!(node.modified, -1_234_567_890_123_456_789);
        });
    });
}
