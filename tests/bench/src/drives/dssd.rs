//! Clones on Ceph, which are its own: a large drive takes as long as a small one.

use super::image::Image;
use super::pool::Pool;
use super::rig::{DSSD, Drive};
use crate::measure::{Series, has, option};
use crate::table;

/// GiB of a drive, and MiB of data in it; the first is what the others are compared to.
const SIZES: [(u64, u64); 2] = [(1, 64), (10, 512)];

pub(super) fn run(pool: &Pool<'_>, arguments: &[String]) -> anyhow::Result<()> {
    let rounds = option(arguments, "--rounds")?.unwrap_or(if has(arguments, "--quick") { 2 } else { 7 });
    let mut drives: Vec<(Image, Drive, Series)> = Vec::new();
    for (gibibytes, data) in SIZES {
        let image = Image::new(gibibytes << 10, data)?;
        drives.push((image, pool.filled(&format!("of-{gibibytes}"), image)?, Series::default()));
    }
    for _ in 0..rounds {
        for (_, drive, millis) in &mut drives {
            let (clone, took) = pool.rig.cloned(drive, DSSD)?;
            millis.push(took.as_secs_f64() * 1e3);
            pool.rig.delete(&clone)?;
        }
    }
    let Some((_, _, base)) = drives.first().cloned() else { return Ok(()) };
    let mut rows = Vec::new();
    for (image, drive, millis) in &drives {
        rows.push(vec![image.text(), millis.text(), millis.against(&base), "constant".to_owned()]);
        pool.rig.delete(drive)?;
    }
    let notes = [format!(
        "Ceph RBD on the same two cores, {rounds} rounds in turns, over REST until the clone is unmounted; ms, median (spread)."
    )];
    table::print("Drives: clone on Ceph", &notes, &["", "ms", "to the small one", "aim"], &rows)
}
