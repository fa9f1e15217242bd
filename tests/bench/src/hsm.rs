//! A space of the Hub: what its view costs beside a plain directory, and migrating and recalling beside the same copies by rclone.
//!
//! Capstan is measured the whole way: from the request until the job is seen to have ended, every byte read back from the bucket before any
//! leaves the disk. rclone copies the same files to the same server, and reads nothing back; its check is added where it stands.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use capstan_e2e::Host;
use capstan_e2e::hub::{HubSpace, s3_bucket};
use capstan_test_servers::{Rgw, S3};
use tempfile::TempDir;

use crate::measure::{Series, has, number, option};
use crate::rivals::Rival;
use crate::table;

/// Bytes of a small file; how many stand in a folder.
const SMALL: usize = 64 << 10;
const FOLDER: usize = 500;
/// Rounds of the view for each of the others: they take no time, and what is read from memory differs most.
const VIEW_ROUNDS: u64 = 5;
/// Bytes that are read at once.
const PIECE: usize = 1 << 20;
const DATA: &str = "data";
const BUCKET: &str = "hsm";
/// Parts that can be asked for alone.
const PARTS: [&str; 3] = ["--view", "--small", "--large"];

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let quick = has(arguments, "--quick");
    let rounds = option(arguments, "--rounds")?.unwrap_or(if quick { 1 } else { 3 });
    let files = option(arguments, "--files")?.unwrap_or(if quick { 1_000 } else { 20_000 });
    let mebibytes = option(arguments, "--mebibytes")?.unwrap_or(if quick { 256 } else { 4_096 });
    let files = usize::try_from(files)?;
    let bench = Bench { rounds };
    let asked = |part: &str| has(arguments, part) || !PARTS.iter().any(|part| has(arguments, part));
    if asked("--view") {
        bench.view(files, mebibytes.min(1_024))?;
    }
    if asked("--small") {
        bench.tiers(&format!("{files} files of 64 KiB"), "files/s", files as f64, |at| small(at, files))?;
    }
    if asked("--large") {
        bench.tiers(&format!("one file of {mebibytes} MiB"), "MiB/s", mebibytes as f64, |at| large(at, mebibytes))?;
    }
    Ok(())
}

fn small(at: &Path, files: usize) -> anyhow::Result<()> {
    for index in 0..files {
        let folder = at.join(format!("folder-{:03}", index / FOLDER));
        if index % FOLDER == 0 {
            std::fs::create_dir_all(&folder)?;
        }
        let content: Vec<u8> = index.to_le_bytes().iter().copied().cycle().take(SMALL).collect();
        std::fs::write(folder.join(format!("file-{index:06}")), content)?;
    }
    Ok(())
}

fn large(at: &Path, mebibytes: u64) -> anyhow::Result<()> {
    let noise = File::open("/dev/urandom")?;
    std::io::copy(&mut noise.take(mebibytes << 20), &mut File::create(at.join("file"))?)?;
    Ok(())
}

struct Bench {
    rounds: u64,
}

/// A host with a space in a bucket of the server, and a plain directory on the same disk; all of it goes with the last.
fn space(s3: &S3) -> anyhow::Result<(Host, HubSpace, PathBuf, TempDir)> {
    let (host, room) = Host::fresh()?;
    s3.create_bucket(BUCKET)?;
    let space = HubSpace::make(&host, "hsm", &s3_bucket(BUCKET, s3)?)?;
    std::fs::create_dir(space.mountpoint.join(DATA))?;
    let plain = room.path().join("plain");
    std::fs::create_dir(&plain)?;
    Ok((host, space, plain, room))
}

/// A server that holds nothing: it keeps in memory what it is given, and what is deleted there for a while.
fn server() -> anyhow::Result<Rgw> {
    Rgw::get().context("Ceph RGW")
}

impl Bench {
    /// Resident files, in the page cache on both sides.
    fn view(&self, files: usize, mebibytes: u64) -> anyhow::Result<()> {
        let ceph = server()?;
        let (host, space, plain, _room) = space(&ceph.s3)?;
        let through = space.mountpoint.join(DATA);
        let (mut ours, mut theirs) = (View::default(), View::default());
        for at in [&through, &plain] {
            large(at, mebibytes)?;
            small(at, files)?;
        }
        // The first round warms the caches, and does not count.
        let rounds = self.rounds * VIEW_ROUNDS;
        for round in 0..=rounds {
            for (at, lane) in [(&through, &mut ours), (&plain, &mut theirs)] {
                let streamed = mebibytes as f64 / timed(|| read(&at.join("file")))?.as_secs_f64();
                let opened = files as f64 / timed(|| open_all(at))?.as_secs_f64();
                if round > 0 {
                    lane.streamed.push(streamed);
                    lane.opened.push(opened);
                }
            }
        }
        host.stop()?;
        let notes = [format!("{rounds} rounds in turns after a first one that does not count; median (spread).")];
        let row = |title: String, ours: &Series, theirs: &Series, aim: &str| {
            vec![title, ours.text(), theirs.text(), ours.against(theirs), aim.to_owned()]
        };
        let rows = [
            row(format!("{mebibytes} MiB read, MiB/s"), &ours.streamed, &theirs.streamed, "≥ 0.9×"),
            row(format!("{files} files of 64 KiB opened and read, files/s"), &ours.opened, &theirs.opened, "≥ 0.5×"),
        ];
        table::print("Space: resident files through the view", &notes, &["", "view", "plain directory", "", "aim"], &rows)
    }

    /// To the bucket, and back onto the disk.
    fn tiers(&self, what: &str, unit: &str, amount: f64, make: impl Fn(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let (mut up, mut down) = (Series::default(), Series::default());
        let (mut their_up, mut their_checked, mut their_down) = (Series::default(), Series::default(), Series::default());
        let (rivals, mut notes) = Rival::all();
        let rclone = rivals.first().context("rclone")?;
        for _ in 0..self.rounds {
            let ceph = server()?;
            let (host, space, plain, room) = space(&ceph.s3)?;
            make(&space.mountpoint.join(DATA))?;
            up.push(amount / timed(|| space.run("migrate", &[DATA]).map(drop))?.as_secs_f64());
            down.push(amount / timed(|| space.run("recall", &[DATA]).map(drop))?.as_secs_f64());
            host.stop()?;
            drop(ceph);
            let ceph = server()?;
            make(&plain)?;
            ceph.s3.create_bucket(BUCKET)?;
            let copied = rclone.up(&ceph.s3, &plain, BUCKET, "")?;
            their_up.push(amount / copied.as_secs_f64());
            if let Some(checked) = rclone.check(&ceph.s3, &plain, BUCKET, "") {
                their_checked.push(amount / (copied + checked?).as_secs_f64());
            }
            let to = room.path().join("back");
            std::fs::create_dir(&to)?;
            their_down.push(amount / rclone.down(&ceph.s3, BUCKET, "", &to)?.as_secs_f64());
        }
        notes.push(format!(
            "{} rounds in turns, {unit}, median (spread); a fresh host and a fresh Ceph RGW each time. Capstan reads back what it stored before it \
             frees the disk, and holds what comes back against its hash.",
            self.rounds
        ));
        let against = |ours: &Series, theirs: &Series| format!("{}×", number(ours.median() / theirs.median()));
        let rows = [
            vec!["migrated".into(), up.text(), their_up.text(), against(&up, &their_up), "≥ 0.9×".into()],
            vec![
                "migrated, beside copy and check".into(),
                up.text(),
                their_checked.text(),
                against(&up, &their_checked),
                String::new(),
            ],
            vec!["recalled".into(), down.text(), their_down.text(), against(&down, &their_down), "≥ 0.9×".into()],
        ];
        table::print(&format!("Space: {what}"), &notes, &["", "Capstan", "rclone", "", "aim"], &rows)
    }
}

#[derive(Default)]
struct View {
    streamed: Series,
    opened: Series,
}

fn timed(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    work()?;
    Ok(begun.elapsed())
}

fn read(file: &Path) -> anyhow::Result<()> {
    let (mut file, mut piece) = (File::open(file)?, vec![0; PIECE]);
    while file.read(&mut piece)? > 0 {}
    Ok(())
}

/// Every small file of the folders.
fn open_all(at: &Path) -> anyhow::Result<()> {
    let mut piece = vec![0; SMALL + 1];
    for folder in std::fs::read_dir(at)? {
        let folder = folder?;
        if !folder.file_type()?.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(folder.path())? {
            let read = File::open(file?.path())?.read(&mut piece)?;
            ensure!(read == SMALL, "a file of {read} bytes");
        }
    }
    Ok(())
}
