use capstan_sdk::Failure;

use super::{DRIVE, Target, code, library_or_skip, noise, position, read, write};
use crate::vtl::Vtl;
use crate::{inventory, medium, robot};

const ROBOT: &str = "/dev/sg3";
const DRIVES: [&str; 2] = ["/dev/sg1", "/dev/sg2"];
const BLOCK: u32 = 64 << 10;

#[test]
fn a_library_whose_devices_are_the_hosts_own_is_the_same_library() {
    let library = library_or_skip!();
    let target = Target::local(&library, &[DRIVES[1], ROBOT, DRIVES[0]]);
    let label = Vtl::label(1);
    let bytes = noise(3, 3 * BLOCK as usize + 7);
    target.run(async || {
        let libraries = inventory::libraries().await.unwrap();
        assert_eq!((libraries.len(), libraries[0].name.as_str()), (1, Vtl::LIBRARY));
        // In the order in which they were named; who is what, they tell themselves.
        let drives = inventory::drives().await.unwrap();
        let names: Vec<&str> = drives.iter().map(|drive| drive.name.as_str()).collect();
        assert_eq!(names, [Vtl::DRIVE_NAMES[1], Vtl::DRIVE_NAMES[0]]);
        robot::load(&label, Some(DRIVE)).await.unwrap();
        medium::format(DRIVE, &label, "format", &[]).await.unwrap();
        assert_eq!(write(2, &bytes, BLOCK, "write").await.unwrap().bytes, bytes.len() as u64);
    });
    target.run(async || {
        assert!(read(2, 1 << 30).await.unwrap() == bytes);
        assert_eq!(position().await.object, 7);
        robot::unload(DRIVE).await.unwrap();
    });
}

#[test]
fn a_device_that_was_reset_is_asked_again_and_knows_its_place_by_looking() {
    let mut library = library_or_skip!();
    let target = Target::local(&library, &[ROBOT, DRIVES[0]]);
    let label = Vtl::label(1);
    target.run(async || {
        robot::load(&label, Some(DRIVE)).await.unwrap();
        medium::format(DRIVE, &label, "format", &[]).await.unwrap();
        library.begin().unwrap();
        robot::load(&label, Some(DRIVE)).await.unwrap();
        assert_eq!(read(0, 1 << 30).await.unwrap().len(), 80);
    });
}

#[test]
fn a_device_that_is_gone_or_somebody_elses_is_told_by_its_path() {
    let library = library_or_skip!();
    Target::local(&library, &[ROBOT, "/dev/nst0"]).run(async || {
        let failure = inventory::drives().await.unwrap_err();
        assert!(matches!(&failure, Failure::Unavailable(_)) && code(&failure) == "device-gone", "{failure:?}");
        assert!(failure.fault().message.contains("/dev/nst0"));
    });
    // Unit 0 is the target's own controller.
    Target::local(&library, &[ROBOT, "/dev/sg0"]).run(async || {
        let failure = inventory::drives().await.unwrap_err();
        assert!(matches!(&failure, Failure::Invalid(_)) && failure.fault().message.contains("/dev/sg0"), "{failure:?}");
    });
}
