//! Files of a full cartridge, wanted in no order: seconds of the simulator's model through the mover and the plugin, beside those in the order
//! in which they were asked for, and beside what no order falls below.
//!
//! Nobody waits for the model, so what is measured is ways over the tape, and no clock of this machine. The cartridge is a small one of full
//! length: files lie all over its wraps, and reading them takes next to nothing.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::ensure;
use capstan_mover::Source;
use capstan_tape_simulator::time::{SPEEDS, Spot};
use capstan_test_servers::TapeSimulator;
use futures::StreamExt;
use serde_json::json;
use tokio::runtime::Runtime;

use super::library::{LABEL, Library, plan};
use super::optimum::{Lying, bound, seconds};
use super::plant::{name, plant};
use crate::measure::{Series, has, option};
use crate::plugin::failed;
use crate::share::{carried, local, whole};
use crate::table;

/// Bytes of the cartridge, one gigabyte of which the plugin takes for an index.
const CAPACITY: u64 = 6_000_000_000;
/// Percent of the rest that files take.
const FULL: u64 = 85;
/// Different sizes of files, from half to one and a half of the mean.
const SIZES: u64 = 64;

/// A way to an order, and the drive that it is tried in.
struct Lane {
    title: &'static str,
    drive: usize,
    seconds: Series,
    to_bound: Series,
    to_submission: Series,
}

impl Lane {
    fn new(title: &'static str, drive: usize) -> Self {
        Self { title, drive, seconds: Series::default(), to_bound: Series::default(), to_submission: Series::default() }
    }

    fn row(&self) -> Vec<String> {
        let times = |series: &Series| format!("{}×", series.text());
        vec![self.title.to_owned(), self.seconds.text(), times(&self.to_bound), times(&self.to_submission)]
    }
}

pub(super) fn run(runtime: &Runtime, arguments: &[String]) -> anyhow::Result<()> {
    let quick = has(arguments, "--quick");
    let rounds = option(arguments, "--rounds")?.unwrap_or(if quick { 1 } else { 3 });
    let (files, wanted) = if quick { (3_000, 300) } else { (10_240, 1_000) };
    let room = tempfile::Builder::new().prefix("capstan-bench-").tempdir_in("/var/tmp")?;
    let drives = [json!({}), json!({ "access-order": false })];
    let library = Library::open(TapeSimulator::start(&plan(&drives, CAPACITY, false, &json!("none")))?, runtime)?;
    library.load(0)?;
    library.format(0)?;
    let bytes = fill(&library, runtime, room.path(), files)?;
    let mut lanes = [Lane::new("Capstan, as the drive recommends", 0), Lane::new("Capstan, by its own model", 1)];
    let (mut submitted, mut reckoned, mut least) = (Series::default(), Series::default(), Series::default());
    for round in 1..=rounds {
        library.bring(0)?;
        let from = library.spot(library.place(0)?)?;
        let asked = Asked::read(&library, runtime, picks(round, wanted, files))?;
        submitted.push(asked.took);
        reckoned.push(seconds(from, &asked.lying) + asked.reading);
        for lane in &mut lanes {
            library.bring(lane.drive)?;
            let (from, took) = recalled(&library, runtime, room.path(), lane.drive, &asked.paths)?;
            let bound = bound(from, &asked.lying)? + asked.reading;
            least.push(bound);
            lane.seconds.push(took);
            lane.to_bound.push(took / bound);
            lane.to_submission.push(asked.took / took);
        }
    }
    let notes = [
        format!(
            "{wanted} of {files} files with {} MiB in all, which fill {FULL}% of the tape; other ones in each of {rounds} rounds. Seconds of \
             the simulator's model of LTO-9 for ways and reading, from the volume in the drive to the last file; median (spread).",
            bytes >> 20
        ),
        "The optimum is taken from a lower bound: the cheapest assignment of places to files by the model's own times, which no order falls \
         below and hardly any reaches. Aims: ≤ 1.15× of the optimum, ≥ 2× faster than submission order."
            .to_owned(),
        format!("By the places where the tape was, the model reckons {} s for submission order.", reckoned.text()),
    ];
    let plain = |title: &str, series: &Series| vec![title.to_owned(), series.text(), String::new(), String::new()];
    let mut rows: Vec<Vec<String>> = lanes.iter().map(Lane::row).collect();
    rows.push(plain("submission order", &submitted));
    rows.push(plain("lower bound", &least));
    table::print("Tape: recall", &notes, &["", "seconds", "to the bound", "submission order to it"], &rows)
}

/// Through the mover, onto the tape; the bytes of all.
fn fill(library: &Library<'_>, runtime: &Runtime, room: &Path, files: u64) -> anyhow::Result<u64> {
    let partition = library.partition()?;
    let mean = (partition.size - partition.bytes) * FULL / 100 / files;
    let sizes: Vec<u64> = (0..SIZES).map(|step| mean / 2 + mean * step / (SIZES - 1)).collect();
    let from = room.join("files");
    let bytes = plant(&from, &sizes, files)?;
    carried(runtime, whole(local("from", &from)?), library.share.tree()?)?;
    Ok(bytes)
}

/// Numbers of files, in no order; the same in every run.
fn picks(round: u64, wanted: usize, files: u64) -> Vec<u64> {
    // xorshift64*.
    let mut dice = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut known = HashSet::new();
    let roll = std::iter::repeat_with(|| {
        dice ^= dice >> 12;
        dice ^= dice << 25;
        dice ^= dice >> 27;
        dice.wrapping_mul(0x2545_f491_4f6c_dd1d) % files
    });
    roll.filter(|number| known.insert(*number)).take(wanted).collect()
}

/// Files that were read in the order in which they were asked for: there it shows where they lie.
struct Asked {
    paths: Vec<String>,
    lying: Vec<Lying>,
    /// Seconds of the model.
    took: f64,
    /// Of these, what reading takes at least.
    reading: f64,
}

impl Asked {
    /// In drive 0.
    fn read(library: &Library<'_>, runtime: &Runtime, picks: Vec<u64>) -> anyhow::Result<Self> {
        let paths: Vec<String> = picks.into_iter().map(name).collect();
        let (port, block) = (library.share.files()?, library.partition()?.block());
        library.reset()?;
        let (mut begins, mut ends, mut before) = (Vec::new(), Vec::new(), 0);
        for path in &paths {
            runtime.block_on(async {
                let (_, mut body) = port.read(LABEL, path, None).await.map_err(failed)?;
                while let Some(piece) = body.next().await {
                    piece.map_err(failed)?;
                }
                Ok::<_, anyhow::Error>(())
            })?;
            let ((partition, record), read) = (library.place(0)?, library.totals(0)?.bytes_read);
            let blocks = (read - before).div_ceil(block);
            ensure!(blocks > 0 && blocks <= record, "a file of {blocks} blocks ends at record {record}");
            begins.push((partition, record - blocks));
            ends.push((partition, record));
            before = read;
        }
        let spots = library.spots(&begins)?.into_iter().zip(library.spots(&ends)?);
        let [.., top] = SPEEDS;
        let (took, reading) = (library.totals(0)?.drive_seconds(), before as f64 / top);
        Ok(Self { paths, lying: spots.map(|(begins, ends)| Lying { begins, ends }).collect(), took, reading })
    }
}

/// The same files as a job recalls them: where the tape was when it began, and the model's seconds.
fn recalled(
    library: &Library<'_>,
    runtime: &Runtime,
    room: &Path,
    drive: usize,
    paths: &[String],
) -> anyhow::Result<(Spot, f64)> {
    let tree = library.share.tree()?;
    // What the cartridge holds is known then.
    runtime.block_on(tree.is_empty("")).map_err(failed)?;
    let to = tempfile::Builder::new().prefix("to-").tempdir_in(room)?;
    let from = library.spot(library.place(drive)?)?;
    library.reset()?;
    let source = |path: &String| Source { tree: Arc::clone(&tree), path: path.clone(), place_at: path.clone() };
    carried(runtime, paths.iter().map(source).collect(), local("to", to.path())?)?;
    Ok((from, library.totals(drive)?.drive_seconds()))
}
