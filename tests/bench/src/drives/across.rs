//! Clones from one storage type to another, through the host, beside `qemu-img convert` between the same ends: the drive's file, and
//! the NBD export of the engine's storage daemon.
//!
//! The host reads back all that it writes and compares it. `qemu-img convert` does not, so what counts is convert with a `qemu-img compare`
//! behind it; convert alone is shown beside. All flush at the end.

use std::time::Duration;

use super::image::{Image, synced};
use super::pool::Pool;
use super::qemu;
use super::rig::{DSSD, Drive, NVME, TCP};
use crate::measure::{Series, has, option};
use crate::{rivals, share, table};

/// MiB of data a second.
#[derive(Default)]
struct Lane {
    ours: Series,
    compared: Series,
    converted: Series,
}

impl Lane {
    fn row(&self, name: &str) -> Vec<String> {
        let Self { ours, compared, converted } = self;
        vec![
            name.to_owned(),
            ours.text(),
            compared.text(),
            ours.against(compared),
            "≥ 0.7×".to_owned(),
            converted.text(),
            ours.against(converted),
        ]
    }

    fn push(&mut self, image: Image, ours: Duration, theirs: &Converted) {
        self.ours.push(image.rate(ours));
        self.converted.push(image.rate(theirs.converted));
        self.compared.push(image.rate(theirs.converted + theirs.compared));
    }
}

struct Converted {
    converted: Duration,
    compared: Duration,
}

pub(super) fn run(pool: &Pool<'_>, arguments: &[String]) -> anyhow::Result<()> {
    let quick = has(arguments, "--quick");
    let gibibytes = option(arguments, "--gib")?.unwrap_or(if quick { 1 } else { 4 });
    let data = option(arguments, "--data-mib")?.unwrap_or(if quick { 64 } else { 512 });
    let rounds = option(arguments, "--rounds")?.unwrap_or(if quick { 1 } else { 5 });
    let image = Image::new(gibibytes << 10, data)?;
    let near = pool.rig.made("near", image.size, NVME)?;
    image.write(&pool.rig.file(&near))?;
    let far = pool.filled("far", image)?;
    let (mut there, mut back) = (Lane::default(), Lane::default());
    for _ in 0..rounds {
        there.push(image, cloned(pool, image, &near, &near, DSSD)?, &converted_there(pool, image, &near)?);
        back.push(image, cloned(pool, image, &near, &far, NVME)?, &converted_back(pool, image, &near, &far)?);
    }
    pool.rig.delete(&near)?;
    pool.rig.delete(&far)?;
    let notes = [
        format!("{}, {rounds} rounds in turns; MiB of data a second, median (spread).", image.text()),
        "Over REST until the clone is unmounted: durable, every byte read back and compared. qemu-img flushes at the end of its convert \
         (`-t writeback`, and a `sync` of its file), which reads nothing back; its compare does."
            .to_owned(),
    ];
    let rows = [there.row("nvme to dssd"), back.row("dssd to nvme")];
    table::print(
        "Drives: clone across storage types",
        &notes,
        &["", "clone", "qemu-img convert and compare", "", "aim", "qemu-img convert alone", ""],
        &rows,
    )
}

/// Each turn begins with a disk that is idle, and with the nvme drive in the page cache.
fn begin(pool: &Pool<'_>, image: Image, near: &Drive) -> anyhow::Result<()> {
    share::synced(pool.rig.room())?;
    image.warm(&pool.rig.file(near))
}

fn cloned(pool: &Pool<'_>, image: Image, near: &Drive, source: &Drive, storage_type: &str) -> anyhow::Result<Duration> {
    begin(pool, image, near)?;
    let (clone, took) = pool.rig.cloned(source, storage_type)?;
    pool.rig.delete(&clone)?;
    Ok(took)
}

fn converted_there(pool: &Pool<'_>, image: Image, near: &Drive) -> anyhow::Result<Converted> {
    let to = pool.rig.made("converted", image.size, DSSD)?;
    // So that the engine gives it out.
    pool.rig.attach(&to, TCP, false)?;
    begin(pool, image, near)?;
    let from = pool.rig.file(near).display().to_string();
    let converted = rivals::run(qemu::convert_into(&from, &pool.direct(&to))?)?;
    let compared = rivals::run(qemu::compare(&from, &pool.direct(&to))?)?;
    pool.rig.detach(&to)?;
    pool.rig.delete(&to)?;
    Ok(Converted { converted, compared })
}

fn converted_back(pool: &Pool<'_>, image: Image, near: &Drive, far: &Drive) -> anyhow::Result<Converted> {
    pool.rig.attach(far, TCP, true)?;
    begin(pool, image, near)?;
    let to = pool.rig.room().join("converted.raw");
    let to = to.display().to_string();
    let converted = rivals::run(qemu::convert(&pool.direct(far), &to)?)? + synced(to.as_ref())?;
    let compared = rivals::run(qemu::compare(&pool.direct(far), &to)?)?;
    pool.rig.detach(far)?;
    std::fs::remove_file(&to)?;
    Ok(Converted { converted, compared })
}
