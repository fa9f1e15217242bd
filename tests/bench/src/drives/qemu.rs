//! `qemu-img`: the other way to copy an image, and a load for exports.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use capstan_test_servers::nbd_program;

use crate::measure::{Series, has, option};
use crate::share;

/// MiB of a drive that a load goes over.
pub(super) const SIZE: u64 = 1024;
/// Requests under way at a time.
const DEPTH: &str = "16";
const AIM: &str = "≥ 0.7×";

fn program() -> anyhow::Result<Command> {
    Ok(Command::new(nbd_program("qemu-img")?))
}

/// Into a file that it makes. Its usual cache mode flushes nothing; this one does at the end.
pub(super) fn convert(from: &str, to: &str) -> anyhow::Result<Command> {
    let mut command = program()?;
    command.args(["convert", "-t", "writeback", "-f", "raw", "-O", "raw", from, to]);
    Ok(command)
}

/// Into what is there, and reads as zeros: a fresh drive. Flushed at the end.
pub(super) fn convert_into(from: &str, to: &str) -> anyhow::Result<Command> {
    let mut command = program()?;
    command.args(["convert", "-n", "--target-is-zero", "-t", "writeback", "-f", "raw", "-O", "raw", from, to]);
    Ok(command)
}

/// Reads both and compares them.
pub(super) fn compare(one: &str, other: &str) -> anyhow::Result<Command> {
    let mut command = program()?;
    command.args(["compare", "-f", "raw", "-F", "raw", one, other]);
    Ok(command)
}

struct Load {
    name: &'static str,
    /// Bytes of a request.
    size: u64,
    /// Bytes from one request to the next.
    step: u64,
    write: bool,
    requests: u64,
}

/// Strides of 37 blocks: further than the kernel reads ahead, and all over the drive.
const LOADS: [Load; 4] = [
    Load { name: "read, 4 KiB in strides", size: 4 << 10, step: 37 * (4 << 10), write: false, requests: 160_000 },
    Load { name: "write, 4 KiB in strides", size: 4 << 10, step: 37 * (4 << 10), write: true, requests: 160_000 },
    Load { name: "read, 64 KiB in order", size: 64 << 10, step: 64 << 10, write: false, requests: 32_000 },
    Load { name: "write, 64 KiB in order", size: 64 << 10, step: 64 << 10, write: true, requests: 32_000 },
];

impl Load {
    /// Requests a second, of so manieth part of them. Connecting is not counted, nor is any flush.
    fn rate(&self, uri: &str, part: u64) -> anyhow::Result<f64> {
        let requests = (self.requests / part).max(1);
        let mut command = program()?;
        command.args(["bench", "-f", "raw", "-d", DEPTH, "-c", &requests.to_string()]);
        command.args(["-s", &self.size.to_string(), "-S", &self.step.to_string()]);
        if self.write {
            command.args(["-w", "--pattern=165"]);
        }
        let output = command.arg(uri).output()?;
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "qemu-img bench {uri}: {complained}");
        let seconds = |line: &str| line.strip_prefix("Run completed in ")?.strip_suffix(" seconds.")?.parse::<f64>().ok();
        let seconds = said.lines().find_map(seconds).with_context(|| format!("qemu-img bench tells no time: {said}"))?;
        Ok(requests as f64 / seconds.max(1e-3))
    }
}

/// How much of the loads is laid on, and how often.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    rounds: u64,
    /// So manieth part of the requests is sent.
    part: u64,
}

impl Plan {
    /// `slower`: how much slower than a file in memory the exports are.
    pub(super) fn asked(arguments: &[String], slower: u64) -> anyhow::Result<Self> {
        let quick = has(arguments, "--quick");
        let rounds = option(arguments, "--rounds")?.unwrap_or(if quick { 1 } else { 5 });
        Ok(Self { rounds, part: slower * if quick { 8 } else { 1 } })
    }

    pub(super) fn note(self, what: &str) -> String {
        let Self { rounds, part } = self;
        let some = if part > 1 { format!(", one of {part} requests of the whole load") } else { String::new() };
        format!(
            "{what} `qemu-img bench`, {DEPTH} requests at a time, {rounds} rounds in turns{some}; requests/s, median (spread)."
        )
    }

    /// Rows of ours, theirs, the ratio and the aim. The first round is not counted.
    pub(super) fn side_by_side(self, ours: &str, theirs: &str, room: &Path) -> anyhow::Result<Vec<Vec<String>>> {
        let mut rows = Vec::new();
        for load in &LOADS {
            let (mut our, mut their) = (Series::default(), Series::default());
            for round in 0..=self.rounds {
                for (uri, series) in [(ours, &mut our), (theirs, &mut their)] {
                    // Nobody writes back what the other one wrote.
                    share::synced(room)?;
                    let rate = load.rate(uri, self.part)?;
                    if round > 0 {
                        series.push(rate);
                    }
                }
            }
            rows.push(vec![load.name.to_owned(), our.text(), their.text(), our.against(&their), AIM.to_owned()]);
        }
        Ok(rows)
    }
}
