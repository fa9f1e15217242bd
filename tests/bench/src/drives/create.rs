//! A drive on the host's own disk: how long until the request is answered, and until the drive can be used. Beside it the least that
//! keeps such a file over a crash: made in a folder, both synced, renamed, the folder above synced.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use super::rig::{NVME, Rig};
use crate::measure::{Series, has, number, option};
use crate::table;

/// Bytes.
const SIZE: u64 = 1 << 30;
/// Drives that are not counted.
const FIRST: u64 = 3;
/// Between two looks at the drive.
const LOOK: Duration = Duration::from_millis(1);

pub(super) fn run(rig: &Rig, arguments: &[String]) -> anyhow::Result<()> {
    let drives = option(arguments, "--created")?.unwrap_or(if has(arguments, "--quick") { 20 } else { 200 });
    let (mut answered, mut ready, mut by_hand) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..FIRST + drives {
        let start = Instant::now();
        let drive = rig.create(&format!("created-{index}"), SIZE, NVME)?;
        let answer = start.elapsed();
        rig.ready(&drive, LOOK)?;
        let whole = start.elapsed();
        let least = made(rig.room(), index)?;
        if index >= FIRST {
            for (series, time) in [(&mut answered, answer), (&mut ready, whole), (&mut by_hand, least)] {
                series.push(time.as_secs_f64() * 1e3);
            }
        }
    }
    let row = |name: &str, times: Vec<f64>, aim: &str| {
        let times = Series::of(times);
        vec![name.to_owned(), number(times.median()), number(times.quantile(0.99)), number(times.quantile(1.0)), aim.to_owned()]
    };
    let rows = [
        row("answered (201)", answered, "≤ 20"),
        row("can be used (unmounted)", ready, "≤ 100"),
        row("a synced file by hand", by_hand, "–"),
    ];
    let notes =
        [format!("{drives} nvme drives of 1 GiB over REST, one after the other, seen every {} ms; ms.", LOOK.as_millis())];
    table::print("Drives: create", &notes, &["", "median", "p99", "longest", "aim"], &rows)
}

fn made(room: &Path, index: u64) -> anyhow::Result<Duration> {
    let (part, whole) = (room.join(format!("part-{index}")), room.join(format!("whole-{index}")));
    let start = Instant::now();
    std::fs::create_dir(&part)?;
    let file = File::create(part.join("disk"))?;
    file.set_len(SIZE)?;
    file.sync_all()?;
    File::open(&part)?.sync_all()?;
    std::fs::rename(&part, &whole)?;
    File::open(room)?.sync_all()?;
    Ok(start.elapsed())
}
