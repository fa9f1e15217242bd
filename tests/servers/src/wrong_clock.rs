//! libfaketime of Debian: a process that is started with it has a wrong clock, and nothing else is different for it.
//!
//! Only the time of day is another one. How long something takes is still measured by the right clock, so nothing waits longer; and
//! files have the times that they have.

use std::path::PathBuf;

use crate::program::find;

const CURE: &str = "apt-get install libfaketime";
/// The variant for programs with several threads.
const LIBRARY: &str = "libfaketimeMT.so.1";

/// By how much a clock is wrong, and what makes it so.
#[derive(Clone, Debug)]
pub struct WrongClock {
    library: PathBuf,
    /// Seconds.
    ahead: i64,
}

impl WrongClock {
    /// Ahead by so many seconds, or behind.
    pub fn ahead(seconds: i64) -> anyhow::Result<Self> {
        let directory = format!("/usr/lib/{}-linux-gnu/faketime", std::env::consts::ARCH);
        Ok(Self { library: find(LIBRARY, &[directory.as_str()], CURE)?, ahead: seconds })
    }

    /// What the process is to find in its environment.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME", format!("{:+}", self.ahead)),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
    }
}
