//! `capstan:target/drives`.

pub mod attach;
pub mod bytes;
pub mod clones;
pub mod create;
pub mod extents;
pub mod list;
pub mod remove;
pub mod resize;
pub mod snapshots;

use anyhow::{Context, ensure};
use capstan_domain::ports::{CloneSource, DriveInfo, DriveLimits, Extent};

use crate::case::Case;
use crate::content::{collect, counting, seeded, seeded_bytes};
use crate::stand::Stand;
use crate::store::MOST_PAGES;
use crate::{Check, told};

/// Bytes that cases write in one piece: a multiple of every block there is.
const PIECE: u64 = 256 << 10;
/// Bytes of a case's drive, where the engine takes so few.
const LEAST: u64 = 256 << 20;

pub fn all() -> Vec<Case> {
    [
        create::all(),
        list::all(),
        resize::all(),
        bytes::all(),
        extents::all(),
        clones::all(),
        snapshots::all(),
        attach::all(),
        remove::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(crate) async fn limits(stand: &Stand<'_>) -> anyhow::Result<DriveLimits> {
    stand.drives()?.limits(stand.location).await.map_err(told).context("limits")
}

/// A small drive, under a name of the case's own.
pub(crate) async fn create(stand: &Stand<'_>, name: &str) -> anyhow::Result<DriveInfo> {
    let limits = limits(stand).await?;
    create_of(stand, name, limits.minimum.max(LEAST.next_multiple_of(limits.granularity))).await
}

pub(crate) async fn create_of(stand: &Stand<'_>, name: &str, size: u64) -> anyhow::Result<DriveInfo> {
    let name = stand.drive(name);
    let made = stand.drives()?.create(stand.location, &name, size, &format!("create {name}"), Vec::new()).await;
    let drive = made.map_err(told).with_context(|| format!("create {name:?}"))?;
    ensure!(drive.name == name && drive.size == size, "the creation of {name:?} with {size} bytes answers {drive:?}");
    Ok(drive)
}

pub(crate) async fn get(stand: &Stand<'_>, name: &str) -> anyhow::Result<DriveInfo> {
    stand.drives()?.get(stand.location, &stand.drive(name)).await.map_err(told).with_context(|| format!("get {name:?}"))
}

pub(crate) async fn clone(stand: &Stand<'_>, name: &str, snapshot: Option<&str>, to: &str) -> anyhow::Result<DriveInfo> {
    let (from, to) = (get(stand, name).await?, stand.drive(to));
    let source = CloneSource { name: &from.name, snapshot, size: from.size };
    let cloned = stand.drives()?.clone_drive(stand.location, source, &to, &format!("clone {to}"), Vec::new()).await;
    let drive = cloned.map_err(told).with_context(|| format!("clone {name:?}"))?;
    ensure!(drive.name == to && drive.size == from.size, "a clone of {} bytes answers {drive:?}", from.size);
    Ok(drive)
}

/// Writes bytes of this seed there.
pub(crate) async fn write(stand: &Stand<'_>, name: &str, offset: u64, seed: u64) -> Check {
    let drive = stand.drive(name);
    let written = stand.drives()?.write(stand.location, &drive, offset, piece(seed), &format!("write {offset} {seed}")).await;
    written.map_err(told).with_context(|| format!("write {name:?} at {offset}"))
}

fn piece(seed: u64) -> capstan_domain::content::Content {
    if seed == 0 { counting(PIECE) } else { seeded(PIECE, seed) }
}

pub(crate) async fn read(stand: &Stand<'_>, name: &str, offset: u64, length: u64) -> anyhow::Result<Vec<u8>> {
    let context = || format!("read {length} of {name:?} at {offset}");
    let (_, body) =
        stand.drives()?.read(stand.location, &stand.drive(name), offset, length).await.map_err(told).with_context(context)?;
    let bytes = collect(body, usize::try_from(length)? + 1).await.map_err(told).with_context(context)?;
    ensure!(bytes.len() as u64 == length, "{} bytes came instead of {length}", bytes.len());
    Ok(bytes)
}

/// The piece at `offset` has the bytes of this seed.
pub(crate) async fn holds(stand: &Stand<'_>, name: &str, offset: u64, seed: u64) -> Check {
    let bytes = read(stand, name, offset, PIECE).await?;
    ensure!(bytes == seeded_bytes(seed, 0, PIECE), "{name:?} has other bytes at {offset} than were written there");
    Ok(())
}

pub(crate) async fn is_zero(stand: &Stand<'_>, name: &str, offset: u64, length: u64) -> Check {
    let bytes = read(stand, name, offset, length).await?;
    let found = bytes.iter().position(|byte| *byte != 0);
    ensure!(found.is_none(), "{name:?} is not zero {found:?} bytes behind {offset}");
    Ok(())
}

pub(crate) async fn flush(stand: &Stand<'_>, name: &str) -> Check {
    stand.drives()?.flush(stand.location, &stand.drive(name)).await.map_err(told).context("flush")
}

/// All extents of a range, in pages of `limit`.
pub(crate) async fn extents_of(
    stand: &Stand<'_>,
    name: &str,
    offset: u64,
    length: u64,
    limit: u32,
) -> anyhow::Result<Vec<Extent>> {
    let (mut found, mut at, end) = (Vec::new(), offset, offset + length);
    for _ in 0..MOST_PAGES {
        let page = stand.drives()?.extents(stand.location, &stand.drive(name), at, end - at, limit).await.map_err(told)?;
        found.extend(page.extents);
        match page.next {
            Some(next) if next < end => at = next,
            _ => return Ok(found),
        }
    }
    anyhow::bail!("the extents do not end")
}
