//! Many files of all sizes onto a tape: whether the drive, which takes 400 MB/s, ever has to stop and go back for want of bytes.
//!
//! The cartridge keeps nothing of large blocks, so that no disk of the simulator's is measured; the sources lie in the page cache. The mover
//! hashes each file, and the plugin puts the hash on the tape.

use std::path::Path;

use capstan_mover::Source;
use capstan_tape_simulator::plan::LTO9;
use capstan_tape_simulator::time::Totals;
use capstan_test_servers::TapeSimulator;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::library::{Library, plan};
use super::plant::plant;
use crate::measure::{Series, has, option};
use crate::share::{carried, local};
use crate::table;

/// Different sizes of files.
const SIZES: u32 = 128;
/// Bytes of the smallest; the largest is so many doublings larger: 4 KiB to 64 MiB.
const SMALLEST: f64 = 4096.0;
const DOUBLINGS: f64 = 14.0;
/// How the doublings are spread over the sizes for a mean of 4 MiB.
const CURVE: f64 = 1.848;
const MEGABYTE: f64 = 1e6;

/// At one pace of the model's time.
struct Lane {
    title: &'static str,
    scale: Value,
    tape: Series,
    whole: Series,
    under_runs: u64,
    back_hitches: u64,
    aim: &'static str,
}

impl Lane {
    fn new(title: &'static str, scale: Value, aim: &'static str) -> Self {
        let (tape, whole) = (Series::default(), Series::default());
        Self { title, scale, tape, whole, under_runs: 0, back_hitches: 0, aim }
    }

    fn row(&self) -> Vec<String> {
        let counts = [self.under_runs, self.back_hitches].map(|count| count.to_string());
        let mut row = vec![self.title.to_owned(), self.tape.text(), self.whole.text()];
        row.extend(counts);
        row.push(self.aim.to_owned());
        row
    }
}

pub(super) fn run(runtime: &Runtime, arguments: &[String]) -> anyhow::Result<()> {
    let quick = has(arguments, "--quick");
    let rounds = option(arguments, "--rounds")?.unwrap_or(if quick { 1 } else { 3 });
    let files = option(arguments, "--files")?.unwrap_or(if quick { 1_000 } else { 10_000 });
    let room = tempfile::Builder::new().prefix("capstan-bench-").tempdir_in("/var/tmp")?;
    let from = room.path().join("files");
    let bytes = plant(&from, &sizes(), files)?;
    let mut lanes = [
        Lane::new("a drive in its own time", json!({ "times": 1.0 }), "≥ 400 MB/s, no under-run"),
        Lane::new("a drive without waiting", json!("none"), ""),
    ];
    for lane in &mut lanes {
        let library = formatted(runtime, &lane.scale)?;
        for round in 1..=rounds {
            let (seconds, totals) = streamed(&library, runtime, &from, &format!("round-{round}"))?;
            lane.tape.push(totals.bytes_written as f64 / MEGABYTE / totals.write_seconds.max(1e-9));
            lane.whole.push(bytes as f64 / MEGABYTE / seconds);
            lane.under_runs += totals.under_runs;
            lane.back_hitches += totals.back_hitches;
        }
    }
    let notes = [
        format!(
            "{files} files of 4 KiB to 64 MiB, {} MiB in all, {rounds} rounds onto one LTO-9 cartridge of the simulator that keeps nothing, \
             hashed by the mover; MB/s, median (spread).",
            bytes >> 20
        ),
        "Of the tape: while it moved to write, at 177 to 408 MB/s as bytes come. To the end: by this machine's clock until the sync was \
         answered. Stops are those of all rounds; each sync costs some back-hitches. Without waiting, the model's tape goes on as this machine's \
         time passes while nobody waits for it: what the host, the plugin and the simulator can do on the same cores."
            .to_owned(),
    ];
    let rows: Vec<Vec<String>> = lanes.iter().map(Lane::row).collect();
    table::print("Tape: stream", &notes, &["", "of the tape", "to the end", "under-runs", "back-hitches", "aim"], &rows)
}

/// Many small ones, few large ones.
fn sizes() -> Vec<u64> {
    let share = |step: u32| f64::from(step) / f64::from(SIZES - 1);
    (0..SIZES).map(|step| (SMALLEST * (DOUBLINGS * share(step).powf(CURVE)).exp2()) as u64).collect()
}

/// An empty cartridge in the drive. What comes before is not waited for.
fn formatted<'r>(runtime: &'r Runtime, scale: &Value) -> anyhow::Result<Library<'r>> {
    let planned = |scale: &Value| plan(&[json!({})], LTO9, true, scale);
    let library = Library::open(TapeSimulator::start(&planned(&json!("none")))?, runtime)?;
    library.load(0)?;
    library.format(0)?;
    let mut simulator = library.close();
    simulator.restart_with(&planned(scale))?;
    let library = Library::open(simulator, runtime)?;
    library.load(0)?;
    Ok(library)
}

/// Seconds by the clock, and what the drive did.
fn streamed(library: &Library<'_>, runtime: &Runtime, from: &Path, to: &str) -> anyhow::Result<(f64, Totals)> {
    let sources = vec![Source { tree: local("from", from)?, path: String::new(), place_at: to.to_owned() }];
    library.reset()?;
    let took = carried(runtime, sources, library.share.tree()?)?;
    Ok((took.as_secs_f64(), library.totals(0)?))
}
