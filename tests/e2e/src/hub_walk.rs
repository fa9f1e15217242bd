//! What a new user does with a space: files go to a bucket, some are read through the view, the others are recalled.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use crate::hub::HubSpace;
use crate::tree::{Shape, Tree};

/// Of so many files one is read while it is a stub.
const READ_ONE_IN: usize = 20;
/// Files that one `sha256sum` is given.
const TOGETHER: usize = 500;
/// A file is data a moment before the catalogue says so.
const RECORDED_WITHIN: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);
/// Bytes of disk that a stub may take.
const STUB_MOST: u64 = 1 << 20;

/// `told`: what was done. Fails where a file is not what it was, or a stub takes room.
pub fn there_and_back(space: &HubSpace, shape: &Shape, told: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    let data = space.mountpoint.join("data");
    fs::create_dir(&data)?;
    shape.make(&data)?;
    let before = Tree::read(&data)?;
    let all: Vec<PathBuf> = before.files.keys().map(|name| data.join(native(name))).collect();
    let is_large = |path: &PathBuf| fs::metadata(path).is_ok_and(|found| found.len() > shape.small as u64);
    let large = all.iter().find(|path| is_large(path)).cloned();
    let mut some: Vec<PathBuf> = all.iter().step_by(READ_ONE_IN).cloned().collect();
    some.extend(large.clone().filter(|large| !some.contains(large)));
    let hashes = sha256(&some)?;
    told(&format!("{} files, {} MiB, every one hashed", before.files.len(), before.bytes() >> 20));

    let migrated = space.run("migrate", &["data"])?;
    ensure!(migrated.get("failed") == Some(&0.into()) && migrated.get("skipped") == Some(&0.into()), "migrate: {migrated}");
    let mut allocated = 0;
    for path in &all {
        let found = fs::symlink_metadata(path)?;
        allocated += found.blocks() * 512;
        let size = before.files.get(path.strip_prefix(&data)?.as_os_str().as_encoded_bytes()).map(|content| content.size);
        ensure!(size == Some(found.len()), "{} has {} bytes as a stub", path.display(), found.len());
        ensure!(found.blocks() * 512 < STUB_MOST, "{} takes {} blocks as a stub", path.display(), found.blocks());
    }
    ensure!(allocated < before.bytes() / 2, "the stubs take {allocated} of {} bytes", before.bytes());
    let status = |wanted: &str| -> anyhow::Result<()> {
        let Some(large) = &large else { return Ok(()) };
        let name = large.strip_prefix(&space.mountpoint)?.to_str().context("a name that is not UTF-8")?;
        let since = Instant::now();
        loop {
            let found = space.status(name)?;
            if found == wanted {
                return Ok(());
            }
            ensure!(since.elapsed() < RECORDED_WITHIN, "{name} is {found}, {wanted} is expected");
            std::thread::sleep(LOOK);
        }
    };
    status("MIGRATED")?;
    told(&format!("migrated: {migrated}"));

    ensure!(sha256(&some)? == hashes, "what was read through the view is not what was written");
    status("PREMIGRATED")?;
    told(&format!("{} files read through the view, as they were", some.len()));
    let recalled = space.run("recall", &["data"])?;
    ensure!(recalled.get("failed") == Some(&0.into()), "recall: {recalled}");
    Tree::read(&data)?.same_as(&before)?;
    told("recalled: all hashes are equal");
    Ok(())
}

/// By the program, as a user would.
fn sha256(files: &[PathBuf]) -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let mut hashes = BTreeMap::new();
    for some in files.chunks(TOGETHER) {
        // Ends of lines in names are told of as they are, each line ended by a zero.
        let output = Command::new("sha256sum").arg("--zero").arg("--").args(some).output().context("sha256sum")?;
        if !output.status.success() {
            bail!("sha256sum: {}", String::from_utf8_lossy(&output.stderr));
        }
        let lines = output.stdout.split(|byte| *byte == 0).filter(|line| !line.is_empty());
        for (file, line) in some.iter().zip(lines) {
            let hash = line.get(..64).context("a short line of sha256sum")?;
            hashes.insert(file.clone(), String::from_utf8_lossy(hash).into_owned());
        }
    }
    ensure!(hashes.len() == files.len(), "sha256sum told of {} files of {}", hashes.len(), files.len());
    Ok(hashes)
}

fn native(name: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(name))
}
