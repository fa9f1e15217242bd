//! The main job against the tools people use for it: the same tree, the same server, in turns.
//!
//! Capstan is measured the whole way: a PUT on the task over REST until the task is seen to have ended, with its catalogue and its
//! sandboxed plugin; once reading every byte back, as it does by itself, and once believing the target. The others are measured as
//! they come, and with the read-back that makes the comparison even where they can do it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use capstan_e2e::{Cargo, Harbour, HostOptions, Shape, binaries};
use capstan_test_servers::{DemoS3, Rgw, S3};

use crate::measure::{Series, has, number, option};
use crate::rivals::Rival;
use crate::table;

/// A task may take this long.
const PATIENCE: Duration = Duration::from_secs(3600);
/// How often the end of a task is looked for.
const LOOK: Duration = Duration::from_millis(20);
const CLAIM: &str = "[jobs]\nverify = \"claim\"\n";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let quick = has(arguments, "--quick");
    let demo;
    let ceph;
    let (server, s3) = if has(arguments, "--demo-server") {
        demo = DemoS3::start(&binaries()?.join("capstan-demo-s3"))?;
        ("the project's own S3 server (s3s-fs)", &demo.s3)
    } else {
        ceph = Rgw::get().context("Ceph RGW; or use --demo-server")?;
        ("Ceph RGW, objects in memory", &ceph.s3)
    };
    let rounds = option(arguments, "--rounds")?.unwrap_or(if quick { 1 } else { 5 });
    let race = Race { server, s3, rounds };
    let (large, small) = if quick { (256 << 20, 2_000) } else { (1 << 30, 20_000) };
    if !has(arguments, "--small-only") {
        let one = Shape { files: 0, small: 0, large: vec![large], odd: false };
        race.run(&format!("S3: one file of {} MiB", large >> 20), |root| one.make(root), "MiB/s", (large >> 20) as f64)?;
    }
    if !has(arguments, "--large-only") {
        race.run(&format!("S3: {small} files of 4 KiB"), |root| small_files(root, small), "files/s", small as f64)?;
    }
    Ok(())
}

fn small_files(root: &Path, files: usize) -> anyhow::Result<()> {
    for index in 0..files {
        let folder = root.join(format!("folder-{:03}", index / 1000));
        if index % 1000 == 0 {
            std::fs::create_dir_all(&folder)?;
        }
        let content: Vec<u8> = index.to_le_bytes().iter().copied().cycle().take(4096).collect();
        std::fs::write(folder.join(format!("file-{index:06}")), content)?;
    }
    Ok(())
}

/// Times of one runner, as amounts a second.
#[derive(Clone, Default)]
struct Lane {
    up: Series,
    /// Up, and every byte compared.
    checked: Series,
    down: Series,
}

struct Race<'a> {
    server: &'a str,
    s3: &'a S3,
    rounds: u64,
}

impl Race<'_> {
    fn run(&self, title: &str, make: impl Fn(&Path) -> anyhow::Result<()>, unit: &str, amount: f64) -> anyhow::Result<()> {
        let (rivals, mut notes) = Rival::all();
        let tree = tempfile::Builder::new().prefix("capstan-bench-").tempdir()?;
        let outbound = tree.path().join("outbound");
        std::fs::create_dir(&outbound)?;
        make(&outbound)?;
        let bucket = format!("rivals-{}", std::process::id());
        self.s3.create_bucket(&bucket)?;
        let (mut verified, mut believed) = (Lane::default(), Lane::default());
        let mut theirs = vec![Lane::default(); rivals.len()];
        let mut resident = 0;
        for round in 0..self.rounds {
            for (configuration, lane) in [(None, &mut verified), (Some(CLAIM), &mut believed)] {
                let (bucket, memory) = self.ours(&outbound, configuration, lane, amount)?;
                resident = resident.max(memory);
                if let Some(rival) = rivals.last() {
                    rival.remove(self.s3, &bucket, "")?;
                }
            }
            for (index, (rival, lane)) in rivals.iter().zip(&mut theirs).enumerate() {
                let prefix = format!("round-{round}-{index}");
                let took = rival.up(self.s3, &outbound, &bucket, &prefix)?;
                lane.up.push(amount / took.as_secs_f64());
                if let Some(check) = rival.check(self.s3, &outbound, &bucket, &prefix) {
                    lane.checked.push(amount / (took + check?).as_secs_f64());
                }
                let to = tree.path().join(&prefix);
                std::fs::create_dir(&to)?;
                let took = rival.down(self.s3, &bucket, &prefix, &to)?;
                lane.down.push(amount / (took + synced(&to)?).as_secs_f64());
                std::fs::remove_dir_all(&to)?;
                rival.remove(self.s3, &bucket, &prefix)?;
            }
        }
        notes.push(format!(
            "Against {}. {} rounds in turns, {unit}, median (spread). Capstan over REST, a fresh host each time, the end seen every {} ms; down includes a sync of the files for all. At most {} MiB resident.",
            self.server,
            self.rounds,
            LOOK.as_millis(),
            resident >> 20
        ));
        self.print(title, &notes, [&verified, &believed], &rivals, &theirs)
    }

    /// Up and down through a host of its own; answers the bucket it filled and the most memory it was seen with.
    fn ours(&self, outbound: &Path, configuration: Option<&str>, lane: &mut Lane, amount: f64) -> anyhow::Result<(String, u64)> {
        let options = HostOptions { configuration: configuration.map(str::to_owned), ..HostOptions::default() };
        let way = if configuration.is_some() { "believed" } else { "verified" };
        let harbour = Harbour::with(&format!("bench-{way}-{}-{}", amount as u64, lane.up.len()), self.s3, options)?;
        let there = harbour.outbound();
        std::fs::remove_dir(&there)?;
        std::fs::rename(outbound, &there)?;
        let mut memory = 0;
        let up = harbour.upward("copy")?;
        let rate = amount / self.timed(&harbour, up, &mut memory)?.as_secs_f64();
        lane.up.push(rate);
        let down = harbour.downward()?;
        lane.down.push(amount / self.timed(&harbour, down, &mut memory)?.as_secs_f64());
        std::fs::rename(&there, outbound)?;
        std::fs::create_dir(&there)?;
        harbour.host.stop()?;
        Ok((harbour.bucket, memory))
    }

    fn timed(&self, harbour: &Harbour, task: i64, memory: &mut u64) -> anyhow::Result<Duration> {
        let cargo = Cargo { poll: LOOK, ..harbour.cargo.clone() };
        let start = std::time::Instant::now();
        cargo.act(task, "run")?;
        let end = cargo.watch(task, PATIENCE, |_| {
            *memory = (*memory).max(harbour.host.memory().unwrap_or_default());
            false
        })?;
        let took = start.elapsed();
        ensure!(end.status == "done", "the task ended with {}: {}", end.status, cargo.failures(&end)?);
        Ok(took)
    }

    fn print(
        &self,
        title: &str,
        notes: &[String],
        [verified, believed]: [&Lane; 2],
        rivals: &[Rival],
        theirs: &[Lane],
    ) -> anyhow::Result<()> {
        let mut rows = vec![
            vec!["capstan, every byte read back".into(), "–".into(), verified.up.text(), verified.down.text()],
            vec!["capstan, target believed".into(), believed.up.text(), "–".into(), believed.down.text()],
        ];
        for (rival, lane) in rivals.iter().zip(theirs) {
            rows.push(vec![rival.name.clone(), lane.up.text(), text(&lane.checked), lane.down.text()]);
        }
        let best = |pick: fn(&Lane) -> &Series| {
            theirs.iter().map(|lane| pick(lane).median()).filter(|value| value.is_finite()).fold(f64::NAN, f64::max)
        };
        let (up, down) = (best(|lane| &lane.up), best(|lane| &lane.down));
        let times = |ours: &Series, theirs: f64| format!("{}×", number(ours.median() / theirs));
        rows.push(vec![
            "capstan to the best".into(),
            format!("{} (read back: {})", times(&believed.up, up), times(&verified.up, up)),
            times(&verified.up, best(|lane| &lane.checked)),
            format!("{} (read back: {})", times(&believed.down, down), times(&verified.down, down)),
        ]);
        table::print(title, notes, &["", "up", "up, read back and compared", "down"], &rows)
    }
}

/// What came down is on the disk when this has run.
fn synced(path: &Path) -> anyhow::Result<Duration> {
    let mut command = std::process::Command::new("sync");
    command.arg("-f").arg(path);
    crate::rivals::run(command)
}

fn text(series: &Series) -> String {
    if series.median().is_finite() { series.text() } else { "–".into() }
}
