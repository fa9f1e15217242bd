//! The main job against the tools people use for it: the same tree, the same server, in turns.
//!
//! Capstan is measured the whole way: a PUT on the task over REST until the task is seen to have ended, with its catalogue, its sandboxed
//! plugin, and the read-back of every byte that it does by itself. The others are measured as they come, and with the read-back that
//! makes the comparison even where they can do it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use capstan_e2e::{Cargo, Harbour, POOL, Route, Shape, Tree, binaries};
use capstan_test_servers::{DemoS3, Rgw, S3};

use crate::measure::{Series, has, number};
use crate::rivals::Rival;
use crate::table;

/// A task may take this long.
const PATIENCE: Duration = Duration::from_secs(3600);

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let quick = has(arguments, "--quick");
    let rounds = if quick { 1 } else { 3 };
    let demo;
    let ceph;
    let (name, s3) = if has(arguments, "--demo-server") {
        demo = DemoS3::start(&binaries()?.join("capstan-demo-s3"))?;
        ("the project's own S3 server (s3s-fs)", &demo.s3)
    } else {
        ceph = Rgw::get().context("Ceph RGW; or use --demo-server")?;
        ("Ceph RGW, objects in memory", &ceph.s3)
    };
    let (large, small) = if quick { (256 << 20, 2_000) } else { (1 << 30, 20_000) };
    let one = Shape { files: 0, small: 0, large: vec![large], odd: false };
    large_file(name, s3, &one, large, rounds)?;
    small_files(name, s3, small, rounds)
}

/// Up, up and verified, and down again, each tool in turn.
fn large_file(server: &str, s3: &S3, shape: &Shape, bytes: u64, rounds: usize) -> anyhow::Result<()> {
    compare(
        &format!("S3: one file of {} MiB", bytes >> 20),
        server,
        s3,
        rounds,
        true,
        |root| shape.make(root),
        |time| mib(bytes, time),
        "MiB/s",
    )
}

fn small_files(server: &str, s3: &S3, files: usize, rounds: usize) -> anyhow::Result<()> {
    let make = |root: &Path| {
        for index in 0..files {
            let folder = root.join(format!("folder-{:03}", index / 1000));
            if index % 1000 == 0 {
                std::fs::create_dir_all(&folder)?;
            }
            let content: Vec<u8> = index.to_le_bytes().iter().copied().cycle().take(4096).collect();
            std::fs::write(folder.join(format!("file-{index:06}")), content)?;
        }
        Ok(())
    };
    compare(&format!("S3: {files} files of 4 KiB"), server, s3, rounds, false, make, |time| per_second(files, time), "files/s")
}

fn mib(bytes: u64, time: Duration) -> f64 {
    (bytes >> 20) as f64 / time.as_secs_f64()
}

fn per_second(files: usize, time: Duration) -> f64 {
    files as f64 / time.as_secs_f64()
}

#[expect(clippy::too_many_arguments, reason = "two comparisons that differ in these")]
fn compare(
    title: &str,
    server: &str,
    s3: &S3,
    rounds: usize,
    back: bool,
    make: impl Fn(&Path) -> anyhow::Result<()>,
    rate: impl Fn(Duration) -> f64,
    unit: &str,
) -> anyhow::Result<()> {
    let (rivals, mut notes) = Rival::all();
    let harbour = Harbour::open("bench", s3)?;
    make(&harbour.outbound())?;
    let source = harbour.outbound();
    let room = tempfile::Builder::new().prefix("capstan-bench-").tempdir()?;
    let mut ours = (Series::default(), Series::default());
    let mut theirs: Vec<(Series, Series, Series)> = vec![Default::default(); rivals.len()];
    let memory_before = harbour.host.memory();
    for round in 0..rounds {
        // A folder of its own each round: what is known already would not be sent again.
        let folder = format!("round-{round}");
        let from = source.join(&folder);
        if round == 0 {
            shift(&source, &from)?;
        } else {
            std::fs::rename(source.join(format!("round-{}", round - 1)), &from)?;
        }
        let up = harbour.cargo.task(
            &format!("up {round}"),
            "copy",
            Route::IntoPool { path: &format!("/outbound/{folder}"), pool: POOL },
        )?;
        ours.0.push(rate(timed(&harbour.cargo, up)?));
        for (rival, results) in rivals.iter().zip(&mut theirs) {
            let prefix =
                format!("rival-{round}-{}", rival.name.chars().take(5).filter(char::is_ascii_alphanumeric).collect::<String>());
            let took = rival.up(s3, &from, &harbour.bucket, &prefix)?;
            results.0.push(rate(took));
            if let Some(check) = rival.check(s3, &from, &harbour.bucket, &prefix) {
                results.1.push(rate(took + check?));
            }
            if back {
                let to = room.path().join(&prefix);
                std::fs::create_dir(&to)?;
                results.2.push(rate(rival.down(s3, &harbour.bucket, &prefix, &to)?));
                std::fs::remove_dir_all(&to)?;
            }
        }
    }
    if back {
        let down = harbour.downward()?;
        let took = timed(&harbour.cargo, down)?;
        // Everything of every round and of every rival lies in the bucket; what came back is what counts.
        let came = Tree::read(&harbour.inbound())?;
        ours.1.push(rate_of(came.bytes(), took));
    }
    notes.push(format!("Against {server}. {rounds} rounds in turns, {unit}, median (spread). Capstan over REST, verified by read-back, its jobs seen every 200 ms."));
    notes.push(format!(
        "Resident memory of the host: {} MiB before, {} MiB after.",
        mebibytes(memory_before),
        mebibytes(harbour.host.memory())
    ));
    let mut rows = vec![vec!["capstan (always verified)".into(), "–".into(), ours.0.text(), text(&ours.1)]];
    for (rival, (up, checked, down)) in rivals.iter().zip(&theirs) {
        rows.push(vec![rival.name.clone(), text(up), text(checked), text(down)]);
    }
    let best = |pick: fn(&(Series, Series, Series)) -> &Series| {
        theirs.iter().map(|one| pick(one).median()).filter(|value| value.is_finite()).fold(f64::NAN, f64::max)
    };
    rows.push(vec![
        "capstan to the best".into(),
        format!("{}× (verified against not)", number(ours.0.median() / best(|one| &one.0))),
        format!("{}×", number(ours.0.median() / best(|one| &one.1))),
        if back { format!("{}×", number(ours.1.median() / best(|one| &one.2))) } else { "–".into() },
    ]);
    harbour.close()?;
    table::print(title, &notes, &["", "up", "up, read back and compared", "down"], &rows)
}

/// MiB a second of what was carried, for a job that carries more than one round.
fn rate_of(bytes: u64, time: Duration) -> f64 {
    mib(bytes, time)
}

fn timed(cargo: &Cargo, task: i64) -> anyhow::Result<Duration> {
    let start = Instant::now();
    cargo.run(task, PATIENCE)?;
    Ok(start.elapsed())
}

/// Puts everything of a folder into a new folder in it.
fn shift(source: &Path, to: &Path) -> anyhow::Result<()> {
    let entries: Vec<_> = std::fs::read_dir(source)?.collect::<Result<_, _>>()?;
    std::fs::create_dir(to)?;
    for entry in entries {
        std::fs::rename(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

fn text(series: &Series) -> String {
    if series.median().is_finite() { series.text() } else { "–".into() }
}

fn mebibytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "?".into(), |bytes| (bytes >> 20).to_string())
}
