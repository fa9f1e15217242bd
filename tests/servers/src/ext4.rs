//! Programs that make, grow and check an ext4 file system in a file: what is read from a drive, and what is written to it.

use std::path::PathBuf;

use crate::program::find;

const CURE: &str = "apt-get install e2fsprogs";
const SBIN: [&str; 2] = ["/usr/sbin", "/sbin"];

/// `mkfs.ext4`, `e2fsck`, `resize2fs`, `debugfs`.
pub fn ext4_program(name: &str) -> anyhow::Result<PathBuf> {
    find(name, &SBIN, CURE)
}
