//! Those who use the space all the time, whatever the host does with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use super::known::{Known, Seen};
use super::pulse::{Life, Pulse};
use super::random::Random;
use super::reading::{self, Trouble};
use super::writer::Writer;

const READERS: u64 = 3;
/// Between two files of a reader.
const BREATH: Duration = Duration::from_millis(5);
/// Files up to this many bytes are read whole; of others now and then one.
const WHOLE: u64 = 4 << 20;
const WHOLE_ONE_IN: u64 = 16;
/// Bytes that are read of the others.
const PART: u64 = 2 << 20;

/// What they share.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) view: PathBuf,
    pub(super) known: Known,
    pub(super) pulse: Pulse,
    pub(super) reads: AtomicU64,
    pub(super) changes: AtomicU64,
}

pub(super) struct Load {
    pub(super) ground: Arc<Ground>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// The host lives. The writer's folder is there.
    pub(super) fn start(view: &Path, seed: u64) -> Self {
        let ground = Arc::new(Ground {
            view: view.to_owned(),
            known: Known::default(),
            pulse: Pulse::default(),
            reads: AtomicU64::new(0),
            changes: AtomicU64::new(0),
        });
        let mut threads = Vec::new();
        for reader in 0..READERS {
            let (ground, mut random) = (Arc::clone(&ground), Random::new(seed ^ (reader + 1)));
            threads.push(spawn(move || ground.pulse.go_on(|life| ground.read_one(life, &mut random))));
        }
        let mut writer = Writer::new(Arc::clone(&ground), Random::new(seed ^ (READERS + 1)));
        let at = Arc::clone(&ground);
        threads.push(spawn(move || at.pulse.go_on(|life| writer.change_one(life))));
        Self { ground, threads }
    }

    /// The host lives.
    pub(super) fn close(self) -> anyhow::Result<()> {
        self.ground.pulse.rest()?;
        self.ground.pulse.end();
        for thread in self.threads {
            thread.join().map_err(|_| anyhow::anyhow!("a reader or the writer broke off"))?;
        }
        self.ground.pulse.check()
    }
}

impl Ground {
    fn read_one(&self, life: Life, random: &mut Random) {
        sleep(BREATH);
        let Some(seen) = self.known.any(random, |_, _| true) else { return };
        let at = self.view.join(&seen.path);
        let read = if seen.content.size <= WHOLE || random.one_in(WHOLE_ONE_IN) {
            reading::whole(&at, &seen.content)
        } else {
            reading::part(&at, &seen.content, random.below(seen.content.size), PART)
        };
        match read {
            Ok(()) => _ = self.reads.fetch_add(1, Ordering::Relaxed),
            Err(trouble) => self.judge(life, &seen, &trouble),
        }
    }

    /// Wrong bytes are always wrong, unless somebody changed the file meanwhile. An error is none while the host is dead.
    fn judge(&self, life: Life, seen: &Seen, trouble: &Trouble) {
        let is_wrong = match trouble {
            Trouble::Differs(_) => true,
            Trouble::Failed(_) => self.pulse.is_in(life) && !(seen.may_go && trouble.is_gone()),
        };
        if is_wrong && self.known.is_still(seen) {
            self.pulse.fault(format!("{} was read: {trouble}", seen.path));
        }
    }
}
