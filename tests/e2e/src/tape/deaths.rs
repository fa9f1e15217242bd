//! The host killed (SIGKILL) at a moment of a task that writes onto tape. As soon as it is back, what it says to be stored is read from the
//! tape; then the task goes on, and at its end all of it is read.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::library::Library;
use super::rig::{PATIENCE, POOL, TapeRig};
use crate::cargo::Execution;
use crate::tree::{Shape, Tree};

/// A job is taken up again soon after its worker died, and a tape is synced and read back several times in one task.
const SETTINGS: &str = "[jobs]\nlease-ms = 5000\n[mover]\ntape-round-files = 20\n";
/// The first takes what is written; the second one stays as it is.
const WRITTEN: u16 = 1;
/// Between two looks at the library's counter.
const LOOK: Duration = Duration::from_millis(2);

/// When the host is killed, counted from when the task is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    After(Duration),
    /// When the devices of the library have been given so many commands.
    Commands(u64),
}

/// A task that nobody disturbs.
#[derive(Clone, Copy, Debug)]
struct Whole {
    time: Duration,
    commands: u64,
}

pub struct Deaths {
    rig: TapeRig,
    shape: Shape,
    rounds: u32,
    whole: Whole,
}

impl Deaths {
    /// A library that takes orders, and the files that one task writes. The task is done once without any trouble, to see what it takes.
    pub fn begin(library: Library, shape: Shape) -> anyhow::Result<Self> {
        let rig = TapeRig::open(library, SETTINGS)?;
        rig.pool(POOL, &[WRITTEN])?;
        let mut deaths = Self { rig, shape, rounds: 0, whole: Whole { time: Duration::ZERO, commands: 0 } };
        let (task, container, before) = deaths.prepare()?;
        let (start, given) = (Instant::now(), deaths.commands()?);
        deaths.rig.cargo.run(task, PATIENCE)?;
        deaths.whole = Whole { time: start.elapsed(), commands: deaths.commands()?.saturating_sub(given) };
        deaths.ends_readable(&container, &before)?;
        Ok(deaths)
    }

    /// So many moments, half of them by time and half by what the library sees.
    pub fn spread(&self, count: u32) -> Vec<Moment> {
        let Whole { time, commands } = self.whole;
        let half = (count / 2).max(1);
        let by_time = (0..count - count / 2).map(|step| Moment::After(time * step / (count - count / 2)));
        let by_commands = (0..count / 2).map(|step| Moment::Commands(commands * u64::from(step + 1) / u64::from(half)));
        by_time.chain(by_commands).collect()
    }

    /// The rule at one moment; how many files were said to be stored when the host was back, of how many.
    pub fn die(&mut self, moment: Moment) -> anyhow::Result<(usize, usize)> {
        let what = format!("the host killed at {moment:?}");
        self.died(moment).with_context(|| format!("{what}; the end of its log:\n{}", self.rig.host.log_tail()))
    }

    fn died(&mut self, moment: Moment) -> anyhow::Result<(usize, usize)> {
        let (task, container, before) = self.prepare()?;
        let given = self.commands()?;
        self.rig.cargo.act(task, "run")?;
        self.wait(moment, given, task)?;
        self.rig.crash_and_restart()?;
        let stands = self.hold(task)?;
        let stored = self.rig.stored_is_readable(&container, POOL, &before)?;
        if stands.status == "paused" {
            self.rig.cargo.act(task, "resume")?;
        }
        self.rig.cargo.finish(task, PATIENCE)?;
        self.ends_readable(&container, &before)?;
        Ok((stored, before.files.len()))
    }

    /// An empty tape, a container that is full, and the task between them.
    fn prepare(&mut self) -> anyhow::Result<(i64, String, Tree)> {
        self.rounds += 1;
        let container = format!("written-{}", self.rounds);
        self.rig.format(&[WRITTEN], PATIENCE)?;
        let before = self.rig.fill(&container, &self.shape)?;
        let task = self.rig.archiving("copy", &container, POOL)?;
        Ok((task, container, before))
    }

    fn wait(&self, moment: Moment, given: u64, task: i64) -> anyhow::Result<()> {
        let wanted = match moment {
            Moment::After(time) => {
                sleep(time);
                return Ok(());
            }
            Moment::Commands(count) => given + count,
        };
        let until = Instant::now() + PATIENCE;
        while self.commands()? < wanted {
            // It may take a few less than it did without any trouble.
            if self.rig.cargo.execution(task)?.is_final() {
                return Ok(());
            }
            ensure!(Instant::now() < until, "the library was never given {wanted} commands");
            sleep(LOOK);
        }
        Ok(())
    }

    /// Pauses the task, so that nothing is made good before it was looked at; or it is over.
    fn hold(&self, task: i64) -> anyhow::Result<Execution> {
        let cargo = &self.rig.cargo;
        let before = cargo.execution(task)?;
        if before.is_final() {
            return Ok(before);
        }
        if let Err(refused) = cargo.act(task, "pause") {
            let now = cargo.execution(task)?;
            return if now.is_final() { Ok(now) } else { Err(refused) };
        }
        cargo.watch(task, PATIENCE, |run| run.status == "paused")
    }

    /// Every file is said to be stored, and is.
    fn ends_readable(&mut self, container: &str, before: &Tree) -> anyhow::Result<()> {
        let stored = self.rig.stored_is_readable(container, POOL, before)?;
        ensure!(stored == before.files.len(), "{stored} of {} files are stored after the end", before.files.len());
        self.rig.discard(container)
    }

    /// That all devices were given so far.
    fn commands(&self) -> anyhow::Result<u64> {
        let totals = self.rig.library.simulator()?.order(&json!({ "order": "totals" }))?;
        totals.pointer("/sum/commands").and_then(Value::as_u64).with_context(|| format!("no counter in {totals}"))
    }

    pub fn close(self) -> anyhow::Result<()> {
        self.rig.close()
    }
}
