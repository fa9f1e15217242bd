//! The host's export of a drive on its own disk, beside qemu-storage-daemon's export of the very same file.

use capstan_test_servers::{StorageDaemon, nbd_program};

use super::image::Image;
use super::qemu::{Plan, SIZE};
use super::rig::{NVME, Rig};
use crate::table;

const TITLE: &str = "Drives: NBD, a file";

pub(super) fn run(rig: &Rig, arguments: &[String]) -> anyhow::Result<()> {
    if let Err(reason) = nbd_program("qemu-img") {
        return table::left_out(TITLE, &reason);
    }
    let plan = Plan::asked(arguments, 1)?;
    let image = Image::new(SIZE, SIZE)?;
    let drive = rig.made("exported", image.size, NVME)?;
    let file = rig.file(&drive);
    image.write(&file)?;
    let daemon = match StorageDaemon::start(rig.room(), &StorageDaemon::file("disk", &file)) {
        Ok(daemon) => daemon,
        Err(reason) => return table::left_out(TITLE, &reason),
    };
    let ours = rig.attach(&drive, false)?;
    let theirs = format!("nbd://127.0.0.1:{}/disk", daemon.nbd_port);
    image.warm(&file)?;
    let rows = plan.side_by_side(&ours, &theirs, rig.room())?;
    rig.detach(&drive)?;
    let notes = [plan.note(&format!("An nvme drive of {SIZE} MiB in the page cache; both export the same file."))];
    table::print(TITLE, &notes, &["", "Capstan", "qemu-storage-daemon", "", "aim"], &rows)
}
