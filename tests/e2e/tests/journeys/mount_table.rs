//! What the kernel says of mounts (proc(5), `/proc/PID/mountinfo`), for tests that were told the same by the host.

#![allow(clippy::unwrap_used, reason = "everything here is a test")]

use std::fs;
use std::path::Path;

/// One mount of the table.
#[derive(Debug)]
pub(crate) struct Line {
    /// "major:minor".
    pub(crate) device: String,
    pub(crate) target: String,
    /// Of the mount, separated by commas.
    pub(crate) options: String,
    pub(crate) kind: String,
    pub(crate) source: String,
}

/// What is mounted at the directory, if anything is; names with blanks are not looked for.
pub(crate) fn at(directory: &str) -> Option<Line> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    table.lines().rev().map(read).find(|line| line.target == directory)
}

/// How many mounts lie upon each other at the directory.
pub(crate) fn layers(directory: &str) -> usize {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    table.lines().filter(|line| read(line).target == directory).count()
}

fn read(line: &str) -> Line {
    let (mount, system) = line.split_once(" - ").unwrap();
    let (mount, system): (Vec<&str>, Vec<&str>) = (mount.split(' ').collect(), system.split(' ').collect());
    let word = |words: &[&str], index: usize| (*words.get(index).unwrap()).to_owned();
    Line {
        device: word(&mount, 2),
        target: word(&mount, 4),
        options: word(&mount, 5),
        kind: word(&system, 0),
        source: word(&system, 1),
    }
}

pub(crate) fn has_fuse() -> bool {
    Path::new("/dev/fuse").exists()
}

/// Says that the machine cannot mount, and what was not tried for that; where servers are required it fails.
pub(crate) fn without_fuse(what: &str) {
    capstan_test_servers::skip(&anyhow::anyhow!("/dev/fuse is missing: {what}"));
}
