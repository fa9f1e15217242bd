//! The host's export of a drive on Ceph, which passes bytes on to the engine's NBD server, beside that server itself.

use super::image::Image;
use super::pool::Pool;
use super::qemu::{Plan, SIZE};
use super::rig::TCP;
use crate::table;

/// A cluster on two cores is that much slower than a file in the page cache.
const SLOWER: u64 = 8;

pub(super) fn run(pool: &Pool<'_>, arguments: &[String]) -> anyhow::Result<()> {
    let plan = Plan::asked(arguments, SLOWER)?;
    let drive = pool.filled("passed-on", Image::new(SIZE, SIZE)?)?;
    let ours = pool.rig.attach(&drive, TCP, false)?;
    let rows = plan.side_by_side(&ours, &pool.direct(&drive), pool.rig.room())?;
    pool.rig.detach(&drive)?;
    pool.rig.delete(&drive)?;
    let notes =
        [plan.note(&format!("A dssd drive of {SIZE} MiB on Ceph; both ways lead to the same export of its storage daemon."))];
    table::print("Drives: NBD, a peer", &notes, &["", "through Capstan", "directly", "", "aim"], &rows)
}
