//! Drives: looked at, listed, made, made longer, copied, taken away.

use capstan_sdk::failure::{Failure, Outcome, invalid, not_found};
use capstan_sdk::files::{self, Kind};
use capstan_sdk::types::{Drive, DrivePage};
use futures::stream::{StreamExt, TryStreamExt};

use crate::config::config;
use crate::names;
use crate::tree::{self, root};
use crate::volume::{self, Source, Volume};
use crate::{hidden, snapshots};

/// Drives of one page at most.
const MAX_PAGE: u32 = 1_000;
/// Folders looked into at a time.
pub(crate) const LOOKS: usize = 16;

pub(crate) fn told(name: &str, volume: &Volume) -> Drive {
    Drive {
        name: name.to_owned(),
        size: volume.size,
        used: Some(volume.used),
        created: i64::try_from(volume.created).ok(),
        extras: Vec::new(),
    }
}

pub(crate) fn absent(path: &str) -> Failure {
    not_found(format!("there is no {}", names::shown(path)))
}

pub(crate) async fn found(path: &str) -> Outcome<Volume> {
    volume::look(path).await?.ok_or_else(|| absent(path))
}

pub(crate) async fn get(location: &str, name: &str) -> Outcome<Drive> {
    let volume = found(&names::drive(location, name)?).await?;
    Ok(told(name, &volume))
}

/// The marker is the name of a folder, whosever it is.
pub(crate) async fn list(location: &str, after: Option<String>, limit: u32) -> Outcome<DrivePage> {
    names::location(location)?;
    let page = files::read_directory(root(), String::new(), after, limit.clamp(1, MAX_PAGE)).await?;
    let looks = page.entries.iter().filter(|entry| entry.status.kind == Kind::Directory).map(|entry| async move {
        let Some(name) = names::drive_of(&entry.name) else { return Ok(None) };
        Ok::<_, Failure>(volume::look(&entry.name).await?.map(|volume| told(name, &volume)))
    });
    let drives = futures::stream::iter(looks).buffered(LOOKS).try_filter_map(|drive| async move { Ok(drive) });
    Ok(DrivePage { drives: drives.try_collect().await?, next: page.next })
}

/// Drives by the names of their folders: none of them is looked into.
pub(crate) async fn count() -> Outcome<u64> {
    let (mut drives, mut after) = (0, None);
    loop {
        let page = files::read_directory(root(), String::new(), after, MAX_PAGE).await?;
        let ours = page.entries.iter().filter(|entry| entry.status.kind == Kind::Directory);
        drives += ours.filter(|entry| names::drive_of(&entry.name).is_some()).count() as u64;
        after = page.next;
        if after.is_none() {
            return Ok(drives);
        }
    }
}

pub(crate) async fn create(location: &str, name: &str, size: u64, attempt: &str) -> Outcome<Drive> {
    let path = names::drive(location, name)?;
    config()?.admits(size)?;
    Ok(told(name, &volume::make(&path, Source::Zeros(size), attempt).await?))
}

pub(crate) async fn resize(location: &str, name: &str, size: u64) -> Outcome<Drive> {
    let path = names::drive(location, name)?;
    let before = found(&path).await?;
    if size < before.size {
        return Err(invalid(format!("a drive of {} bytes is not made shorter", before.size)));
    }
    let disk = names::disk(&path);
    if size > before.size {
        config()?.bounds(size)?;
        tree::there(files::resize(root(), disk.clone(), size).await)?.ok_or_else(|| absent(&path))?;
    }
    // Also of the size that it has already: an earlier try may have been cut before it was durable.
    tree::there(tree::sync(&disk).await)?.ok_or_else(|| absent(&path))?;
    Ok(told(name, &found(&path).await?))
}

pub(crate) async fn copy(location: &str, name: &str, snapshot: Option<&str>, to: &str, attempt: &str) -> Outcome<Drive> {
    let (drive, path) = (names::drive(location, name)?, names::drive(location, to)?);
    let source = match snapshot {
        Some(snapshot) => names::snapshot(&drive, snapshot)?,
        None => drive,
    };
    // The source may be gone since this attempt made the drive.
    if let Some(volume) = volume::made_before(&path, attempt).await? {
        return Ok(told(to, &volume));
    }
    found(&source).await?;
    Ok(told(to, &snapshots::copied(&source, &path, attempt).await?))
}

pub(crate) async fn delete(location: &str, name: &str, attempt: &str) -> Outcome<()> {
    let path = names::drive(location, name)?;
    // A folder of that name that is no volume is somebody else's, and stays.
    let there = volume::look(&path).await?.is_some() || tree::stat(&path).await?.is_none();
    if there { hidden::take_away(&path, attempt).await } else { Ok(()) }
}
