//! Programs that speak NBD: clients of others, to hold the host's exports to.

use std::path::PathBuf;

use crate::program::find;

/// `nbdinfo`, `nbdcopy`, `qemu-img`, `qemu-io`, `qemu-nbd`.
pub fn nbd_program(name: &str) -> anyhow::Result<PathBuf> {
    let cure = if name.starts_with("qemu") { "apt-get install qemu-utils" } else { "apt-get install libnbd-bin" };
    find(name, &[], cure)
}
