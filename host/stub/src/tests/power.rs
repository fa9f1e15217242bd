//! The power fails at every step: a file system of its own is shut down without its journal being written out, and mounted again.

use std::process::Command;

use super::World;
use super::mounted::{Mounted, run};
use super::work::{ALL, Work};
use crate::steps::{self, Step};

/// Bytes of the image: the least that mkfs.xfs takes.
const IMAGE: u64 = 320 << 20;

#[test]
fn a_power_failure_at_any_step_on_ext4_leaves_the_content_or_a_stub() {
    fail_everywhere(&["mkfs.ext4", "-q", "-F"]);
}

#[test]
fn a_power_failure_at_any_step_on_xfs_leaves_the_content_or_a_stub() {
    fail_everywhere(&["mkfs.xfs", "-q", "-f"]);
}

fn fail_everywhere(make: &[&str]) {
    for work in ALL {
        // And once after the work said that it was done.
        for step in work.steps().iter().copied().map(Some).chain([None]) {
            if fail(make, work, step, "shutdown").is_none() {
                return;
            }
        }
        // The journal may be written out at any time, and the content not: no record may be ahead of its bytes.
        for step in work.steps().iter().copied().filter(|_| matches!(work, Work::Migrate | Work::Recall | Work::Empty)) {
            fail(make, work, Some(step), "shutdown -f");
        }
    }
}

fn fail(make: &[&str], work: Work, last: Option<Step>, how: &'static str) -> Option<()> {
    let beside =
        tempfile::Builder::new().prefix("power-").tempdir_in(std::env::current_exe().unwrap().parent().unwrap()).unwrap();
    let beside = beside.path();
    let (image, mountpoint) = (beside.join("image"), beside.join("mounted"));
    let file = std::fs::File::create(&image).unwrap();
    file.set_len(IMAGE).unwrap();
    std::fs::create_dir_all(&mountpoint).unwrap();
    let image = image.to_str().unwrap();
    run(make[0], &[&make[1..], &[image]].concat())?;
    let mounted = Mounted::over(&mountpoint, &["-o", "loop", image])?;
    let world = World::at(&mountpoint.join("space"));
    work.prepare(&world);
    let at = mountpoint.to_str().unwrap().to_owned();
    let shut_down = move |step: Option<Step>| {
        if step == last {
            let output = Command::new("xfs_io").args(["-x", "-c", how, &at]).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    };
    let at_step = shut_down.clone();
    let hook = move |step| {
        at_step(Some(step));
        Ok(())
    };
    let done = steps::with(hook, || work.run(&world));
    shut_down(None);
    drop(world);
    drop(mounted);
    let _mounted = Mounted::over(&mountpoint, &["-o", "loop", image])?;
    let world = World::at(&mountpoint.join("space"));
    let when = format!("{make:?} {work:?} {last:?} {how}");
    assert!(last.is_some() || done.is_ok(), "{when}: {done:?}");
    if done.is_ok() {
        work.check_promise(&world, &when);
    }
    work.check(&world, &when);
    Some(())
}
