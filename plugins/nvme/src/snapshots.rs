//! Snapshots: volumes in a folder of their drive. They go when it goes, in the same step.

use capstan_sdk::failure::{Failure, Outcome, conflict, no_space};
use capstan_sdk::types::{Drive, Snapshot, SnapshotPage};
use capstan_sdk::{files, named};
use futures::stream::{StreamExt, TryStreamExt};

use crate::drives::{LOOKS, absent, found, told};
use crate::tree::{self, root};
use crate::volume::{self, Source, Volume};
use crate::{hidden, label, names};

/// Snapshots of a drive. They are ordered by age in memory.
const MAX_SNAPSHOTS: u32 = 1_000;

fn told_snapshot(name: &str, volume: &Volume) -> Snapshot {
    let extras = vec![named("used", volume.used.to_string())];
    Snapshot { name: name.to_owned(), size: volume.size, created: i64::try_from(volume.created).ok(), extras }
}

/// A copy of the volume at `from`. What is not there any more is named.
pub(crate) async fn copied(from: &str, to: &str, attempt: &str) -> Outcome<Volume> {
    match volume::make(to, Source::CopyOf(from), attempt).await {
        Err(Failure::NotFound(_)) if tree::stat(&names::disk(from)).await?.is_none() => Err(absent(from)),
        made => made,
    }
}

pub(crate) async fn take(location: &str, name: &str, snapshot: &str, attempt: &str) -> Outcome<Snapshot> {
    let drive = names::drive(location, name)?;
    let path = names::snapshot(&drive, snapshot)?;
    found(&drive).await?;
    if let Some(volume) = volume::made_before(&path, attempt).await? {
        return Ok(told_snapshot(snapshot, &volume));
    }
    let folder = names::snapshots(&drive);
    let there = tree::entries(&folder, None, MAX_SNAPSHOTS).await?;
    if there.as_ref().is_some_and(|there| there.len() >= MAX_SNAPSHOTS as usize) {
        let failure = no_space(format!("a drive has {MAX_SNAPSHOTS} snapshots at most"));
        return Err(failure.next_step("Delete a snapshot of the drive."));
    }
    if there.is_none() {
        tree::there(tree::make_directory(&folder).await)?.ok_or_else(|| absent(&drive))?;
    }
    Ok(told_snapshot(snapshot, &copied(&drive, &path, attempt).await?))
}

/// The marker is the age and the name of the last one.
pub(crate) async fn list(location: &str, name: &str, after: Option<String>, limit: u32) -> Outcome<SnapshotPage> {
    let drive = names::drive(location, name)?;
    found(&drive).await?;
    let folder = names::snapshots(&drive);
    let entries = tree::entries(&folder, None, MAX_SNAPSHOTS).await?.unwrap_or_default();
    let folder = folder.as_str();
    let looks = entries.iter().filter_map(|entry| names::snapshot_of(&entry.name)).map(|name| async move {
        let volume = volume::look(&format!("{folder}/{name}")).await?;
        Ok::<_, Failure>(volume.map(|volume| (marker(name, &volume), told_snapshot(name, &volume))))
    });
    let there = futures::stream::iter(looks).buffered(LOOKS).try_filter_map(|found| async move { Ok(found) });
    Ok(page(there.try_collect().await?, after, limit))
}

/// In the order of markers the oldest is the first.
fn marker(name: &str, volume: &Volume) -> String {
    format!("{:016x}-{name}", volume.created)
}

fn page(mut there: Vec<(String, Snapshot)>, after: Option<String>, limit: u32) -> SnapshotPage {
    there.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    there.retain(|(marker, _)| after.as_ref().is_none_or(|after| marker > after));
    let limit = limit.max(1) as usize;
    let more = there.len() > limit;
    there.truncate(limit);
    let next = if more { there.last().map(|(marker, _)| marker.clone()) } else { None };
    SnapshotPage { snapshots: there.into_iter().map(|(_, snapshot)| snapshot).collect(), next }
}

/// Beside the drive's bytes first, then in their place in one step: it has the one or the other, whole. Who has the drive's file
/// open would go on with the old one and lose what is written there, so it is detached before.
pub(crate) async fn restore(location: &str, name: &str, snapshot: &str, attempt: &str) -> Outcome<Drive> {
    let drive = names::drive(location, name)?;
    let from = names::snapshot(&drive, snapshot)?;
    let Volume { size, attached, .. } = found(&drive).await?;
    if attached.is_some() {
        return Err(conflict(format!("{} is attached; detach it first", names::shown(&drive))));
    }
    let kept = found(&from).await?.size;
    let disk = names::disk(&drive);
    let part = hidden::begin(&label::key(attempt, &disk)?).await?;
    let fresh = names::disk(&part);
    let restored = async {
        volume::fill(&fresh, Source::CopyOf(&from)).await?;
        if kept < size {
            files::resize(root(), fresh.clone(), size).await?;
            tree::sync(&fresh).await?;
        }
        files::rename(root(), fresh.clone(), disk.clone(), true).await
    };
    let restored = restored.await;
    let durable = match restored {
        Ok(()) => tree::sync(&drive).await.map_err(Failure::maybe_done),
        // Either was taken away meanwhile.
        Err(Failure::NotFound(_)) if tree::stat(&disk).await?.is_none() => Err(absent(&drive)),
        Err(Failure::NotFound(_)) if tree::stat(&names::disk(&from)).await?.is_none() => Err(absent(&from)),
        Err(Failure::NotFound(_)) => Err(volume::overtaken(&drive)),
        Err(failure) => Err(failure),
    };
    hidden::forget(&part).await;
    durable?;
    Ok(told(name, &found(&drive).await?))
}

pub(crate) async fn delete(location: &str, name: &str, snapshot: &str, attempt: &str) -> Outcome<()> {
    let path = names::snapshot(&names::drive(location, name)?, snapshot)?;
    hidden::take_away(&path, attempt).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(created: u64, name: &str) -> (String, Snapshot) {
        let created_at = i64::try_from(created).ok();
        let snapshot = Snapshot { name: name.to_owned(), size: 4096, created: created_at, extras: Vec::new() };
        (format!("{created:016x}-{name}"), snapshot)
    }

    #[test]
    fn pages_of_any_size_show_every_snapshot_once_the_oldest_first() {
        let there = [snapshot(300, "a"), snapshot(20, "z"), snapshot(20, "b"), snapshot(4_000, "0")];
        for limit in 1..6 {
            let (mut names, mut after) = (Vec::new(), None);
            loop {
                let page = page(there.to_vec(), after, limit);
                assert!(page.snapshots.len() <= limit as usize);
                names.extend(page.snapshots.into_iter().map(|snapshot| snapshot.name));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(names, ["b", "z", "a", "0"], "{limit}");
        }
    }
}
