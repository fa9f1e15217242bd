//! A clone of a sparse drive on the host's own disk, beside `cp --sparse=always` of the same file on the same disk.
//!
//! A clone is durable when it is ready, so the clock of cp includes a `sync` of what it wrote. The noise is in the page cache whenever
//! a turn begins, and what the turn before wrote is on the disk and deleted.

use std::path::Path;
use std::process::Command;

use super::image::{Image, synced};
use super::rig::{NVME, Rig};
use crate::measure::{Series, has, option};
use crate::{rivals, share, table};

pub(super) fn run(rig: &Rig, arguments: &[String]) -> anyhow::Result<()> {
    let quick = has(arguments, "--quick");
    let gibibytes = option(arguments, "--gib")?.unwrap_or(if quick { 2 } else { 10 });
    let data = option(arguments, "--data-mib")?.unwrap_or(if quick { 128 } else { 1024 });
    let rounds = option(arguments, "--rounds")?.unwrap_or(if quick { 2 } else { 5 });
    let image = Image::new(gibibytes << 10, data)?;
    let drive = rig.made("sparse", image.size, NVME)?;
    let (file, copy) = (rig.file(&drive), rig.room().join("copy"));
    image.write(&file)?;
    let (mut ours, mut theirs) = (Series::default(), Series::default());
    for round in 0..rounds {
        begin(rig, image, &file)?;
        let (clone, took) = rig.cloned(&drive, NVME)?;
        ours.push(image.rate(took));
        if round == 0 {
            image.check_copy(&file, &rig.file(&clone))?;
        }
        rig.delete(&clone)?;

        begin(rig, image, &file)?;
        let mut cp = Command::new("cp");
        cp.arg("--sparse=always").args([&file, &copy]);
        let took = rivals::run(cp)? + synced(&copy)?;
        theirs.push(image.rate(took));
        std::fs::remove_file(&copy)?;
    }
    rig.delete(&drive)?;
    let shared = if shares_blocks(rig.room())? {
        "Files share blocks on this file system: both take the same time whatever the drive holds."
    } else {
        "Files share no blocks on this file system: bytes are copied."
    };
    let notes = [
        format!("{}, from the page cache, {rounds} rounds in turns; MiB of data a second, median (spread).", image.text()),
        format!("Over REST until the clone is unmounted, which is durable; cp's clock includes a `sync` of its file. {shared}"),
    ];
    let row = vec!["nvme".to_owned(), ours.text(), theirs.text(), ours.against(&theirs), "≥ 0.8×".to_owned()];
    table::print("Drives: clone", &notes, &["", "clone", "cp --sparse=always", "", "aim"], &[row])
}

fn begin(rig: &Rig, image: Image, file: &Path) -> anyhow::Result<()> {
    share::synced(rig.room())?;
    image.warm(file)
}

fn shares_blocks(room: &Path) -> anyhow::Result<bool> {
    let (one, other) = (room.join("one"), room.join("other"));
    std::fs::write(&one, [1_u8; 4096])?;
    let tried = Command::new("cp").arg("--reflink=always").args([&one, &other]).output()?;
    Ok(tried.status.success())
}
