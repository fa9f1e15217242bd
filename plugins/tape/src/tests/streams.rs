use capstan_sdk::Failure;
use capstan_sdk::types::Spacing;

use super::{DRIVE, Target, code, library_or_skip, noise, position, read, write};
use crate::vtl::Vtl;
use crate::{medium, robot, ways};

const BLOCK: u32 = 64 << 10;
/// Longer than any file here.
const ALL: u64 = 1 << 30;

/// A tape with a label (objects 0 and 1), a file of three blocks and one of a single short block, each with its mark.
async fn written() -> (Vec<u8>, Vec<u8>) {
    let label = Vtl::label(1);
    robot::load(&label, Some(DRIVE)).await.unwrap();
    medium::format(DRIVE, &label, "format-1", &[]).await.unwrap();
    let (long, short) = (noise(1, 2 * BLOCK as usize + 1_000), noise(2, 100));
    let first = write(2, &long, BLOCK, "write-1").await.unwrap();
    assert_eq!((first.bytes, first.place.object, first.near_end), (long.len() as u64, 6, false));
    let second = write(6, &short, BLOCK, "write-2").await.unwrap();
    assert_eq!((second.bytes, second.place.object), (100, 8));
    (long, short)
}

#[test]
fn files_come_back_as_they_were_written_also_to_another_instance() {
    let library = library_or_skip!();
    let target = Target::of(&library);
    let (long, short) = target.run(written);
    target.run(async || {
        let label = read(0, ALL).await.unwrap();
        assert_eq!((label.len(), &label[..10]), (80, &b"VOL1CAP001"[..]));
        assert_eq!((position().await.object, position().await.met.as_deref()), (2, Some("filemark")));
        assert!(read(2, ALL).await.unwrap() == long);
        assert_eq!((position().await.object, position().await.met.as_deref()), (6, Some("filemark")));
        assert!(read(6, ALL).await.unwrap() == short);
        assert!(read(8, ALL).await.unwrap().is_empty());
        assert_eq!((position().await.object, position().await.met.as_deref()), (8, Some("end-of-data")));
        // From the middle, and back.
        assert!(read(3, ALL).await.unwrap() == long[BLOCK as usize..]);
        assert!(read(2, u64::from(BLOCK) + 10).await.unwrap() == long[..BLOCK as usize]);
        assert_eq!((position().await.object, position().await.met), (3, None));
        let failure = read(2, 10).await.unwrap_err();
        assert!(matches!(&failure, Failure::Invalid(_)) && code(&failure) == "block-length");
        assert!(read(2, 0).await.unwrap().is_empty());
        ways::synchronize(DRIVE).await.unwrap();
        robot::unload(DRIVE).await.unwrap();
        robot::load(&Vtl::label(1), Some(DRIVE)).await.unwrap();
        assert!(read(6, ALL).await.unwrap() == short);
    });
}

#[test]
fn an_attempt_made_again_finds_what_it_did_and_takes_nothing_away() {
    let library = library_or_skip!();
    let target = Target::of(&library);
    let (long, short) = target.run(written);
    target.run(async || {
        // The last one, as it was.
        let again = write(6, &short, BLOCK, "write-2").await.unwrap();
        assert_eq!((again.bytes, again.place.object), (100, 8));
        // Another one is no append there, nor behind the end.
        for object in [2, 7, 9, 100] {
            let failure = write(object, &short, BLOCK, "write-3").await.unwrap_err();
            assert!(matches!(&failure, Failure::Conflict(_)) && code(&failure) == "not-at-end", "{object}: {failure:?}");
        }
        medium::format(DRIVE, &Vtl::label(1), "format-1", &[]).await.unwrap();
        assert!(read(2, ALL).await.unwrap() == long && read(6, ALL).await.unwrap() == short);
        // A block of no length is refused before anything goes.
        let failure = write(8, &short, 0, "write-4").await.unwrap_err();
        assert!(matches!(failure, Failure::Invalid(_)));
        assert_eq!(write(8, &short, BLOCK, "write-5").await.unwrap().place.object, 10);
        // A format of its own takes all.
        medium::format(DRIVE, &Vtl::label(1), "format-2", &[]).await.unwrap();
        assert!(read(2, ALL).await.unwrap().is_empty());
    });
}

#[test]
fn marks_blocks_and_ends_are_found() {
    let library = library_or_skip!();
    let target = Target::of(&library);
    target.run(written);
    target.run(async || {
        let space = async |by: Spacing, count: i64| {
            let place = ways::space(DRIVE, by, count).await.unwrap();
            (place.object, place.met)
        };
        let met = |name: &str| Some(name.to_owned());
        assert_eq!(space(Spacing::EndOfData, 0).await, (8, met("end-of-data")));
        assert_eq!(space(Spacing::Filemarks, -1).await, (7, None));
        assert_eq!(space(Spacing::Blocks, -5).await, (5, met("filemark")));
        assert_eq!(space(Spacing::Blocks, -2).await, (3, None));
        assert_eq!(space(Spacing::Blocks, 9).await, (6, met("filemark")));
        assert_eq!(space(Spacing::Filemarks, -9).await, (0, met("beginning")));
        assert_eq!(space(Spacing::Filemarks, 2).await, (6, None));
        assert_eq!(space(Spacing::Filemarks, 2).await, (8, met("end-of-data")));
        assert_eq!(ways::locate(DRIVE, crate::tape::Spot { partition: 0, object: 7 }).await.unwrap().object, 7);
        for object in [9, 1 << 40] {
            let failure = ways::locate(DRIVE, crate::tape::Spot { partition: 0, object }).await.unwrap_err();
            assert!(matches!(&failure, Failure::Invalid(_)) && code(&failure) == "end-of-data", "{object}");
        }
        assert_eq!(ways::locate(DRIVE, crate::tape::Spot { partition: 0, object: 8 }).await.unwrap().object, 8);
    });
}

#[test]
fn what_is_written_is_in_order_after_the_target_was_away() {
    let mut library = library_or_skip!();
    let target = Target::of(&library);
    let (long, _) = target.run(written);
    library.begin().unwrap();
    target.run(async || {
        robot::load(&Vtl::label(1), Some(DRIVE)).await.unwrap();
        assert!(read(2, ALL).await.unwrap() == long);
        assert_eq!(write(8, &long, BLOCK, "write-6").await.unwrap().place.object, 12);
        assert!(read(8, ALL).await.unwrap() == long);
    });
}

#[test]
fn blocks_that_go_several_at_a_time_lie_in_their_order() {
    let library = library_or_skip!();
    Target::of(&library).run(async || {
        let label = Vtl::label(1);
        robot::load(&label, Some(DRIVE)).await.unwrap();
        medium::format(DRIVE, &label, "format-1", &[]).await.unwrap();
        // So short that each goes in the PDU of its command; the last one is shorter still.
        let many = noise(7, 200 * 4_096 + 100);
        assert_eq!(write(2, &many, 4_096, "write-1").await.unwrap().place.object, 204);
        assert!(read(2, ALL).await.unwrap() == many);
        // Longer than that: one behind the other.
        let long = noise(8, 20 * BLOCK as usize + 100);
        assert_eq!(write(204, &long, BLOCK, "write-2").await.unwrap().place.object, 226);
        assert!(read(204, ALL).await.unwrap() == long);
    });
}
