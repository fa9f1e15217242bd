//! What must be so while nobody is at the files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::known::Seen;
use super::load::Ground;
use super::reading;
use super::work::Work;
use crate::hub::HubSpace;

/// Files that are read at once.
const STREAMS: usize = 4;
/// How much later than the file itself the catalogue may know what it is.
const RECORDED_WITHIN: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(100);
/// Bytes of disk that a stub may take: its attributes, and the block that a file system frees late.
const STUB_MOST: u64 = 64 << 10;
/// What the host makes for itself begins so.
const OWN: &str = ".capstan-";

/// These files, and no others below the folder, each with its content; answers how many bytes were read.
pub(super) fn is_whole(ground: &Ground, folder: &str) -> anyhow::Result<(u64, u64)> {
    let known = ground.known.below(folder);
    let wanted: BTreeSet<String> = known.iter().map(|seen| seen.path.clone()).collect();
    let found: BTreeSet<String> = names(&ground.view, folder)?;
    let missing: Vec<&String> = wanted.difference(&found).take(5).collect();
    let strange: Vec<&String> = found.difference(&wanted).take(5).collect();
    ensure!(missing.is_empty() && strange.is_empty(), "lost: {missing:?}; there, but not known of: {strange:?}");
    let bytes = read_all(ground, &known)?;
    Ok((known.len() as u64, bytes))
}

/// Each has its content; one that a job deletes may be gone.
pub(super) fn read_all(ground: &Ground, files: &[Seen]) -> anyhow::Result<u64> {
    let bytes = AtomicU64::new(0);
    let lanes: Vec<Vec<&Seen>> = (0..STREAMS).map(|lane| files.iter().skip(lane).step_by(STREAMS).collect()).collect();
    let read = |lane: &[&Seen]| -> anyhow::Result<()> {
        for seen in lane {
            match reading::whole(&ground.view.join(&seen.path), &seen.content) {
                Ok(()) => _ = bytes.fetch_add(seen.content.size, Ordering::Relaxed),
                Err(trouble) if seen.may_go && trouble.is_gone() => {}
                Err(_) if !ground.known.is_still(seen) => {}
                Err(trouble) => bail!("{}: {trouble}", seen.path),
            }
        }
        Ok(())
    };
    scope(|scope| {
        let lanes: Vec<_> = lanes.iter().map(|lane| scope.spawn(move || read(lane))).collect();
        let mut ends = lanes.into_iter().map(|lane| lane.join().unwrap_or_else(|_| bail!("a reader broke off")));
        ends.try_for_each(|end| end)
    })?;
    Ok(bytes.into_inner())
}

/// Of all files below the folder, by path within the view.
fn names(view: &Path, folder: &str) -> anyhow::Result<BTreeSet<String>> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![view.join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                found.insert(entry.path().strip_prefix(view)?.display().to_string());
            }
        }
    }
    Ok(found)
}

/// Every file below the folder has the status that the work leaves, says so itself by the disk it takes, and has no fault.
pub(super) fn has_become(ground: &Ground, space: &HubSpace, folder: &str, work: Work) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        match wrong_status(ground, space, folder, work)? {
            None => return Ok(()),
            Some(wrong) => ensure!(begun.elapsed() < RECORDED_WITHIN, "after {work}: {wrong}"),
        }
        sleep(LOOK);
    }
}

fn wrong_status(ground: &Ground, space: &HubSpace, folder: &str, work: Work) -> anyhow::Result<Option<String>> {
    let told = told_below(space, &ground.view.join(folder).display().to_string())?;
    for seen in ground.known.below(folder) {
        let path = ground.view.join(&seen.path).display().to_string();
        let child = told.get(&path).with_context(|| format!("{path} is not told of"))?;
        let number = |name: &str| child.get(name).and_then(Value::as_u64);
        let status = child.get("status").and_then(Value::as_str).unwrap_or_default();
        let takes = number("disk_usage").unwrap_or_default();
        let takes_right = match status {
            "MIGRATED" => takes <= STUB_MOST,
            // What does not compress has all its bytes on the disk.
            _ => takes >= seen.content.size,
        };
        let is_well = child.get("error").is_none_or(Value::is_null);
        let is_right = work.leaves(seen.content.size).contains(&status) && number("size") == Some(seen.content.size);
        if !is_right || !takes_right || !is_well {
            return Ok(Some(child.to_string()));
        }
    }
    Ok(None)
}

/// What the host tells of everything below a folder, by absolute path.
fn told_below(space: &HubSpace, folder: &str) -> anyhow::Result<BTreeMap<String, Value>> {
    let (mut told, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let shown = space.client.get(&format!("/api/file/?site={}&path={folder}&details=true&page_size=0", space.site))?;
        let children = shown.get("children").and_then(Value::as_array).with_context(|| format!("no children in {shown}"))?;
        for child in children {
            let text = |name| child.get(name).and_then(Value::as_str);
            let path = text("path").with_context(|| format!("no path in {child}"))?.to_owned();
            if text("type") == Some("directory") {
                folders.push(path.clone());
            }
            told.insert(path, child.clone());
        }
    }
    Ok(told)
}

/// No file that the host made or kept for itself on the way stands in the raw tree.
pub(super) fn is_clean(raw: &Path) -> anyhow::Result<()> {
    let begun = Instant::now();
    let is_own = |path: &String| path.split('/').any(|name| name.starts_with(OWN));
    while let Some(left) = names(raw, "")?.into_iter().find(is_own) {
        ensure!(begun.elapsed() < RECORDED_WITHIN, "{left} was left in the raw tree");
        sleep(LOOK);
    }
    Ok(())
}
