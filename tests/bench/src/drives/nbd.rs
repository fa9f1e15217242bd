//! The host's export of a drive on its own disk, beside qemu-storage-daemon's export of the very same file, both at sockets: over TCP the
//! daemon sends an answer in two pieces and waits 40 ms for the kernel of its client between them.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use capstan_test_servers::{StorageDaemon, nbd_program};

use super::image::Image;
use super::qemu::{Plan, SIZE};
use super::rig::{NVME, Rig};
use crate::table;

const TITLE: &str = "Drives: NBD, a file";
/// Until a daemon that was started listens.
const PATIENCE: Duration = Duration::from_secs(20);

/// qemu-storage-daemon with one file at a socket, as long as this lives.
struct Exported(Child);

impl Exported {
    fn start(file: &Path, socket: &Path) -> anyhow::Result<Self> {
        let server = format!("addr.type=unix,addr.path={}", socket.display());
        let mut command = Command::new("qemu-storage-daemon");
        command.args(["--nbd-server", &server]).args(StorageDaemon::file("disk", file));
        let daemon = Self(command.spawn().context("qemu-storage-daemon")?);
        let until = Instant::now() + PATIENCE;
        while UnixStream::connect(socket).is_err() {
            if Instant::now() > until {
                bail!("qemu-storage-daemon does not listen");
            }
            sleep(Duration::from_millis(20));
        }
        Ok(daemon)
    }
}

impl Drop for Exported {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn run(rig: &Rig, arguments: &[String]) -> anyhow::Result<()> {
    if let Err(reason) = nbd_program("qemu-img") {
        return table::left_out(TITLE, &reason);
    }
    let plan = Plan::asked(arguments, 1)?;
    let image = Image::new(SIZE, SIZE)?;
    let drive = rig.made("exported", image.size, NVME)?;
    let file = rig.file(&drive);
    image.write(&file)?;
    let socket = rig.room().join("daemon.sock");
    let _daemon = match Exported::start(&file, &socket) {
        Ok(daemon) => daemon,
        Err(reason) => return table::left_out(TITLE, &reason),
    };
    let ours = rig.attach(&drive, &format!("unix:{}", rig.room().join("ours.sock").display()), false)?;
    let theirs = format!("nbd+unix:///disk?socket={}", socket.display());
    image.warm(&file)?;
    let rows = plan.side_by_side(&ours, &theirs, rig.room())?;
    rig.detach(&drive)?;
    let notes = [plan.note(&format!("An nvme drive of {SIZE} MiB in the page cache; both export the same file."))];
    table::print(TITLE, &notes, &["", "Capstan", "qemu-storage-daemon", "", "aim"], &rows)
}
