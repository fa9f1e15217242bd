//! The process is killed at every step; another finds what it left.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::World;
use super::work::{ALL, Work};
use crate::steps::{self, Step};

const VICTIM: &str = "CAPSTAN_STUB_VICTIM";
const WORLD: &str = "CAPSTAN_STUB_WORLD";

/// What the killed process runs.
#[test]
#[ignore = "is started by the others, to be killed"]
fn victim() {
    let (Ok(victim), Some(directory)) = (std::env::var(VICTIM), std::env::var_os(WORLD)) else { return };
    let world = World::at(Path::new(&directory));
    let is_wanted = |work: &Work, step: &Step| victim == format!("{work:?} {step:?}");
    for work in ALL {
        for step in work.steps() {
            if is_wanted(&work, step) {
                let last = *step;
                let die = move |step: Step| {
                    if step == last {
                        let own = rustix::process::getpid();
                        rustix::process::kill_process(own, rustix::process::Signal::KILL).unwrap();
                    }
                    Ok(())
                };
                steps::with(die, || work.run(&world)).unwrap();
            }
        }
    }
}

#[test]
fn a_process_that_dies_at_any_step_leaves_the_content_or_a_stub() {
    for work in ALL {
        for step in work.steps() {
            let world = World::new();
            work.prepare(&world);
            let when = format!("{work:?} {step:?}");
            let status = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "tests::deaths::victim", "--ignored", "--nocapture"])
                .env(VICTIM, &when)
                .env(WORLD, &world.directory)
                .stdout(Stdio::null())
                .status()
                .unwrap();
            assert_eq!(status.signal(), Some(9), "{when}");
            work.check(&world, &when);
        }
    }
}
