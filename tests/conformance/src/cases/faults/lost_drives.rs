//! The answer is lost, at every answer of every mutation of drives.
//!
//! What controls a drive and what moves its bytes may be two servers: the front stands before one of them, and a mutation that does
//! not go there loses nothing.

use capstan_domain::Outcome;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{CloneSource, Drives};

use super::lost::{Mutation, lose};
use crate::case::{Case, Want};
use crate::cases::drives;
use crate::clause;
use crate::content::seeded;
use crate::kit::Opened;
use crate::stand::Stand;
use crate::{Check, group, told};

/// Bytes that are written: a multiple of every block there is.
const PIECE: u64 = 256 << 10;

pub(super) fn all() -> Vec<Case> {
    use Want::{Capability, Drives, Durable, Wire};
    const SNAPSHOTS: Want = Capability("snapshots", "true");
    group! { "faults";
        "lost-drive-create", clause::DRIVE_CREATE, [Drives, Durable, Wire], "the answer to a new drive is lost", create;
        "lost-drive-resize", clause::DRIVE_RESIZE, [Drives, Durable, Wire], "the answer to a growth is lost", resize;
        "lost-drive-clone", clause::DRIVE_CLONE, [Drives, Durable, Wire], "the answer to a clone is lost", clone;
        "lost-drive-write", clause::DRIVE_WRITE, [Drives, Durable, Wire], "the answer to a write is lost", write;
        "lost-drive-snapshot", clause::DRIVE_SNAPSHOTS, [Drives, Durable, Wire, SNAPSHOTS], "the answer to a snapshot is lost", snapshot;
        "lost-drive-restore", clause::DRIVE_SNAPSHOTS, [Drives, Durable, Wire, SNAPSHOTS], "the answer to the restoration of a snapshot is lost", restore;
        "lost-drive-delete-snapshot", clause::DRIVE_SNAPSHOTS, [Drives, Durable, Wire, SNAPSHOTS], "the answer to the deletion of a snapshot is lost", delete_snapshot;
        "lost-drive-discard", clause::DRIVE_DISCARD, [Drives, Durable, Wire], "the answer to a discard is lost", discard;
        "lost-drive-delete", clause::DRIVE_DELETE, [Drives, Durable, Wire], "the answer to a deletion is lost", delete;
    }
}

fn port(target: &Opened) -> Outcome<&dyn Drives> {
    target.drives.as_deref().ok_or_else(|| capstan_domain::Failure::host("no drives", "the plugin has none now"))
}

async fn size_of(stand: &Stand<'_>, name: &str) -> anyhow::Result<Option<u64>> {
    match stand.drives()?.get(stand.location, &stand.drive(name)).await {
        Ok(drive) => Ok(Some(drive.size)),
        Err(failure) if failure.kind == Kind::NotFound => Ok(None),
        Err(failure) => Err(told(failure)),
    }
}

async fn create(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, _| Box::pin(async move { Ok(drives::limits(stand).await?.minimum) }),
            make: &|stand, target, name, size: &u64| {
                Box::pin(async move {
                    port(target)?.create(stand.location, &stand.drive(name), *size, name, Vec::new()).await.map(drop)
                })
            },
            is_done: &|stand, name, size: &u64| Box::pin(async move { Ok(size_of(stand, name).await? == Some(*size)) }),
            gone_is_done: false,
            may_be_silent: true,
        },
    )
    .await
}

async fn resize(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, name| {
                Box::pin(async move { Ok(drives::create(stand, name).await?.size + drives::limits(stand).await?.granularity) })
            },
            make: &|stand, target, name, size: &u64| {
                Box::pin(async move { port(target)?.resize(stand.location, &stand.drive(name), *size, name).await.map(drop) })
            },
            is_done: &|stand, name, size: &u64| Box::pin(async move { Ok(size_of(stand, name).await? == Some(*size)) }),
            gone_is_done: false,
            may_be_silent: true,
        },
    )
    .await
}

async fn clone(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, name| {
                Box::pin(async move {
                    let from = format!("{name}-from");
                    let size = drives::create(stand, &from).await?.size;
                    drives::write(stand, &from, PIECE, 1).await?;
                    Ok(size)
                })
            },
            make: &|stand, target, name, size: &u64| {
                Box::pin(async move {
                    let from = stand.drive(&format!("{name}-from"));
                    let source = CloneSource { name: &from, snapshot: None, size: *size };
                    port(target)?.clone_drive(stand.location, source, &stand.drive(name), name, Vec::new()).await.map(drop)
                })
            },
            is_done: &|stand, name, _: &u64| {
                Box::pin(async move {
                    match size_of(stand, name).await? {
                        None => Ok(false),
                        Some(_) => drives::holds(stand, name, PIECE, 1).await.map(|()| true),
                    }
                })
            },
            gone_is_done: false,
            may_be_silent: true,
        },
    )
    .await
}

async fn write(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, name| Box::pin(async move { drives::create(stand, name).await.map(drop) }),
            make: &|stand, target, name, (): &()| {
                Box::pin(
                    async move { port(target)?.write(stand.location, &stand.drive(name), PIECE, seeded(PIECE, 1), name).await },
                )
            },
            is_done: &|stand, name, (): &()| Box::pin(async move { Ok(drives::holds(stand, name, PIECE, 1).await.is_ok()) }),
            gone_is_done: false,
            may_be_silent: true,
        },
    )
    .await
}

async fn snapshot(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, name| Box::pin(async move { drives::create(stand, name).await.map(drop) }),
            make: &|stand, target, name, (): &()| {
                Box::pin(
                    async move { port(target)?.take_snapshot(stand.location, &stand.drive(name), "s", name).await.map(drop) },
                )
            },
            is_done: &|stand, name, (): &()| Box::pin(async move { Ok(snapshots(stand, name).await? == 1) }),
            gone_is_done: false,
            may_be_silent: true,
        },
    )
    .await
}

/// Snapshots called "s".
async fn snapshots(stand: &Stand<'_>, name: &str) -> anyhow::Result<usize> {
    let page = stand.drives()?.list_snapshots(stand.location, &stand.drive(name), None, 10).await.map_err(told)?;
    Ok(page.snapshots.iter().filter(|snapshot| snapshot.name == "s").count())
}

/// A drive with a snapshot "s", whose bytes are of the seed 1.
async fn with_snapshot(stand: &Stand<'_>, name: &str) -> Check {
    drives::create(stand, name).await?;
    drives::write(stand, name, 0, 1).await?;
    stand.drives()?.take_snapshot(stand.location, &stand.drive(name), "s", &format!("take {name}")).await.map(drop).map_err(told)
}

async fn restore(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, name| {
                Box::pin(async move {
                    with_snapshot(stand, name).await?;
                    drives::write(stand, name, 0, 2).await
                })
            },
            make: &|stand, target, name, (): &()| {
                Box::pin(
                    async move { port(target)?.restore_snapshot(stand.location, &stand.drive(name), "s", name).await.map(drop) },
                )
            },
            is_done: &|stand, name, (): &()| {
                Box::pin(async move {
                    let stays = snapshots(stand, name).await? == 1;
                    Ok(stays && drives::holds(stand, name, 0, 1).await.is_ok())
                })
            },
            gone_is_done: false,
            may_be_silent: true,
        },
    )
    .await
}

async fn delete_snapshot(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, name| Box::pin(with_snapshot(stand, name)),
            make: &|stand, target, name, (): &()| {
                Box::pin(async move { port(target)?.delete_snapshot(stand.location, &stand.drive(name), "s", name).await })
            },
            is_done: &|stand, name, (): &()| Box::pin(async move { Ok(snapshots(stand, name).await? == 0) }),
            gone_is_done: false,
            may_be_silent: true,
        },
    )
    .await
}

async fn discard(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, name| {
                Box::pin(async move {
                    drives::create(stand, name).await?;
                    drives::write(stand, name, PIECE, 1).await
                })
            },
            make: &|stand, target, name, (): &()| {
                Box::pin(async move { port(target)?.discard(stand.location, &stand.drive(name), PIECE, PIECE, name).await })
            },
            is_done: &|stand, name, (): &()| {
                Box::pin(async move { Ok(drives::is_zero(stand, name, PIECE, PIECE).await.is_ok()) })
            },
            gone_is_done: false,
            may_be_silent: true,
        },
    )
    .await
}

async fn delete(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, name| Box::pin(async move { drives::create(stand, name).await.map(drop) }),
            make: &|stand, target, name, (): &()| {
                Box::pin(async move { port(target)?.delete(stand.location, &stand.drive(name), name).await })
            },
            is_done: &|stand, name, (): &()| Box::pin(async move { Ok(size_of(stand, name).await?.is_none()) }),
            gone_is_done: false,
            may_be_silent: true,
        },
    )
    .await
}
