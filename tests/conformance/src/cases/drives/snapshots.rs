//! Snapshots: what a drive was.

use anyhow::ensure;
use capstan_domain::failure::Kind;
use capstan_domain::ports::CloneSource;

use super::{PIECE, clone, create, get, holds, is_zero, limits, write};
use crate::case::{Case, Want};
use crate::stand::Stand;
use crate::store::MOST_PAGES;
use crate::{Check, clause, fails, group, told};

const SNAPSHOTS: Want = Want::Capability("snapshots", "true");

pub fn all() -> Vec<Case> {
    use Want::{Drives, Without};
    group! { "drives";
        "snapshot-listed", clause::DRIVE_SNAPSHOTS, [Drives, SNAPSHOTS], "snapshots are listed once, the oldest first, in pages of any length", listed;
        "snapshot-restored", clause::DRIVE_SNAPSHOTS, [Drives, SNAPSHOTS], "a restored drive has the snapshot's bytes, and the snapshot stays", restored;
        "snapshot-restored-after-growth", clause::DRIVE_SNAPSHOTS, [Drives, SNAPSHOTS], "a drive that grew keeps its size when it is restored, with zeros behind the snapshot's end", after_growth;
        "snapshot-cloned", clause::DRIVE_SNAPSHOTS, [Drives, SNAPSHOTS], "a clone of a snapshot has its bytes, not those of now", cloned;
        "snapshot-clone-outlives", clause::DRIVE_SNAPSHOTS, [Drives, SNAPSHOTS], "a clone of a snapshot outlives the snapshot and the drive", clone_outlives;
        "snapshot-again", clause::ATTEMPT, [Drives, SNAPSHOTS], "the same snapshot ten times is one, with the bytes of the first", again;
        "snapshot-taken", clause::DRIVE_NAMES, [Drives, SNAPSHOTS], "a name that is taken is refused", taken;
        "snapshot-deleted", clause::DRIVE_SNAPSHOTS, [Drives, SNAPSHOTS], "a deleted snapshot is gone, the drive and the other snapshots stay", deleted;
        "snapshot-absent", clause::DRIVE_SNAPSHOTS, [Drives, SNAPSHOTS], "a snapshot that is not there is not found, and its deletion a success", absent;
        "snapshot-of-absent", clause::DRIVE_SNAPSHOTS, [Drives, SNAPSHOTS], "a drive that is not there is not found", of_absent;
        "snapshots-go-with-their-drive", clause::DRIVE_DELETE, [Drives, SNAPSHOTS], "a drive is deleted with its snapshots", go_with_their_drive;
        "snapshots-unsupported", clause::DRIVE_SNAPSHOTS, [Drives, Without("snapshots")], "without the capability a snapshot is unsupported", unsupported;
    }
}

async fn take(stand: &Stand<'_>, name: &str, snapshot: &str) -> Check {
    let size = get(stand, name).await?.size;
    let taken = stand
        .drives()?
        .take_snapshot(stand.location, &stand.drive(name), snapshot, &format!("take {snapshot}"))
        .await
        .map_err(told)?;
    ensure!(taken.name == snapshot && taken.size == size, "a snapshot of {size} bytes answers {taken:?}");
    Ok(())
}

async fn restore(stand: &Stand<'_>, name: &str, snapshot: &str, attempt: &str) -> anyhow::Result<u64> {
    let restored = stand.drives()?.restore_snapshot(stand.location, &stand.drive(name), snapshot, attempt).await;
    Ok(restored.map_err(told)?.size)
}

async fn names(stand: &Stand<'_>, name: &str, limit: u32) -> anyhow::Result<Vec<String>> {
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let page =
            stand.drives()?.list_snapshots(stand.location, &stand.drive(name), after.as_deref(), limit).await.map_err(told)?;
        found.extend(page.snapshots.into_iter().map(|snapshot| snapshot.name));
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
    anyhow::bail!("the listing does not end")
}

async fn listed(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    ensure!(names(stand, "d", 10).await?.is_empty(), "a new drive has snapshots");
    for snapshot in ["z", "a", "m"] {
        take(stand, "d", snapshot).await?;
    }
    for limit in [1, 2, 10] {
        ensure!(
            names(stand, "d", limit).await? == ["z", "a", "m"],
            "pages of {limit} show {:?}",
            names(stand, "d", limit).await?
        );
    }
    Ok(())
}

async fn restored(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    write(stand, "d", 0, 1).await?;
    take(stand, "d", "before").await?;
    write(stand, "d", 0, 2).await?;
    write(stand, "d", PIECE, 3).await?;
    for turn in 0..2 {
        restore(stand, "d", "before", &format!("restore {turn}")).await?;
        holds(stand, "d", 0, 1).await?;
        is_zero(stand, "d", PIECE, PIECE).await?;
        write(stand, "d", PIECE, 4).await?;
    }
    ensure!(names(stand, "d", 10).await? == ["before"], "the snapshot did not stay");
    Ok(())
}

async fn after_growth(stand: &Stand<'_>) -> Check {
    let size = create(stand, "d").await?.size;
    write(stand, "d", size - PIECE, 1).await?;
    take(stand, "d", "small").await?;
    let larger = size + PIECE.next_multiple_of(limits(stand).await?.granularity);
    stand.drives()?.resize(stand.location, &stand.drive("d"), larger, "grow").await.map_err(told)?;
    write(stand, "d", size, 2).await?;
    ensure!(restore(stand, "d", "small", "restore").await? == larger, "the drive lost what it grew");
    ensure!(get(stand, "d").await?.size == larger, "the drive lost what it grew");
    holds(stand, "d", size - PIECE, 1).await?;
    is_zero(stand, "d", size, PIECE).await
}

async fn cloned(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    write(stand, "d", 0, 1).await?;
    take(stand, "d", "then").await?;
    write(stand, "d", 0, 2).await?;
    clone(stand, "d", Some("then"), "copy").await?;
    holds(stand, "copy", 0, 1).await?;
    write(stand, "copy", 0, 3).await?;
    holds(stand, "d", 0, 2).await?;
    restore(stand, "d", "then", "restore").await?;
    holds(stand, "d", 0, 1).await
}

async fn clone_outlives(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    write(stand, "d", 0, 1).await?;
    take(stand, "d", "then").await?;
    clone(stand, "d", Some("then"), "copy").await?;
    stand.drives()?.delete_snapshot(stand.location, &stand.drive("d"), "then", "gone").await.map_err(told)?;
    ensure!(names(stand, "d", 10).await?.is_empty(), "the snapshot is still there");
    holds(stand, "copy", 0, 1).await?;
    stand.drives()?.delete(stand.location, &stand.drive("d"), "gone").await.map_err(told)?;
    holds(stand, "copy", 0, 1).await
}

async fn again(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    write(stand, "d", 0, 1).await?;
    take(stand, "d", "once").await?;
    write(stand, "d", 0, 2).await?;
    for _ in 0..9 {
        take(stand, "d", "once").await?;
    }
    ensure!(names(stand, "d", 10).await?.len() == 1, "there are more than one");
    restore(stand, "d", "once", "restore").await?;
    holds(stand, "d", 0, 1).await
}

async fn taken(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    take(stand, "d", "name").await?;
    let other = stand.drives()?.take_snapshot(stand.location, &stand.drive("d"), "name", "another").await;
    fails(other, Kind::AlreadyExists, "a name that is taken")
}

async fn deleted(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    write(stand, "d", 0, 1).await?;
    for snapshot in ["a", "b", "c"] {
        take(stand, "d", snapshot).await?;
    }
    write(stand, "d", 0, 2).await?;
    for _ in 0..2 {
        stand.drives()?.delete_snapshot(stand.location, &stand.drive("d"), "b", "delete").await.map_err(told)?;
    }
    ensure!(names(stand, "d", 10).await? == ["a", "c"], "left are {:?}", names(stand, "d", 10).await?);
    holds(stand, "d", 0, 2).await?;
    restore(stand, "d", "c", "restore").await?;
    holds(stand, "d", 0, 1).await
}

async fn absent(stand: &Stand<'_>) -> Check {
    let size = create(stand, "d").await?.size;
    let (port, name) = (stand.drives()?, stand.drive("d"));
    fails(port.restore_snapshot(stand.location, &name, "absent", "a").await, Kind::NotFound, "an absent snapshot")?;
    let source = CloneSource { name: &name, snapshot: Some("absent"), size };
    let cloned = port.clone_drive(stand.location, source, &stand.drive("copy"), "a", Vec::new()).await;
    fails(cloned, Kind::NotFound, "a clone of an absent snapshot")?;
    port.delete_snapshot(stand.location, &name, "absent", "a").await.map_err(told)
}

async fn of_absent(stand: &Stand<'_>) -> Check {
    let (port, name) = (stand.drives()?, stand.drive("absent"));
    fails(port.take_snapshot(stand.location, &name, "s", "a").await, Kind::NotFound, "a snapshot of an absent drive")?;
    fails(port.list_snapshots(stand.location, &name, None, 10).await, Kind::NotFound, "the snapshots of an absent drive")
}

async fn go_with_their_drive(stand: &Stand<'_>) -> Check {
    let size = create(stand, "d").await?.size;
    take(stand, "d", "s").await?;
    let (port, name) = (stand.drives()?, stand.drive("d"));
    port.delete(stand.location, &name, "delete").await.map_err(told)?;
    port.create(stand.location, &name, size, "create another", Vec::new()).await.map_err(told)?;
    ensure!(names(stand, "d", 10).await?.is_empty(), "a new drive has the snapshots of one that went");
    Ok(())
}

async fn unsupported(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    let taken = stand.drives()?.take_snapshot(stand.location, &stand.drive("d"), "s", "a").await;
    fails(taken, Kind::Unsupported, "a snapshot where there are none")
}
