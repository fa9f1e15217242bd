//! File systems that are made for a test. Mounting takes root: without, such a test says that it is skipped, or fails where
//! `CAPSTAN_TEST_REQUIRE_SERVERS=1` asks for all.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// Tries to unmount.
const TRIES: u32 = 100;

pub(super) struct Mounted(PathBuf);

impl Mounted {
    /// `arguments`: of `mount`, without the directory.
    pub(super) fn over(directory: &Path, arguments: &[&str]) -> Option<Self> {
        let output = Command::new("mount").args(arguments).arg(directory).output().ok()?;
        if output.status.success() {
            return Some(Self(directory.to_owned()));
        }
        skipped(&output);
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Another test that starts a program holds the files of this one open until it begins. Two mounts of one image would ruin it, so
        // it is waited for.
        for _ in 0..TRIES {
            if Command::new("umount").arg(&self.0).output().is_ok_and(|output| output.status.success()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

pub(super) fn skipped(output: &Output) {
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(std::env::var_os("CAPSTAN_TEST_REQUIRE_SERVERS").is_none(), "{why}");
    eprintln!("SKIPPED: {why}");
}

pub(super) fn run(program: &str, arguments: &[&str]) -> Option<()> {
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => Some(()),
        Ok(output) => {
            skipped(&output);
            None
        }
        Err(error) => {
            assert!(std::env::var_os("CAPSTAN_TEST_REQUIRE_SERVERS").is_none(), "{program}: {error}");
            eprintln!("SKIPPED: {program}: {error}");
            None
        }
    }
}
