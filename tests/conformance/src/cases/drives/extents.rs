//! `extents`: where a drive may hold data.

use anyhow::ensure;
use capstan_domain::failure::Kind;
use capstan_domain::ports::Extent;

use super::{PIECE, create, extents_of, flush, write};
use crate::case::{Case, Want};
use crate::stand::Stand;
use crate::{Check, clause, fails, group};

pub fn all() -> Vec<Case> {
    use Want::Drives;
    group! { "drives";
        "extents-hold-what-was-written", clause::DRIVE_EXTENTS, [Drives], "every byte that was written lies in an extent", hold;
        "extents-of-a-range", clause::DRIVE_EXTENTS, [Drives], "extents stay within the range that was asked for", of_a_range;
        "extents-paged", clause::DRIVE_EXTENTS, [Drives], "pages of one extent show the same as one page", paged;
        "extents-absent", clause::DRIVE_EXTENTS, [Drives], "a drive that is not there is not found", absent;
    }
}

/// The ranges that extents cover, those that touch made one.
fn covered(extents: &[Extent]) -> Vec<(u64, u64)> {
    let mut covered: Vec<(u64, u64)> = Vec::new();
    for extent in extents {
        let end = extent.offset + extent.length;
        match covered.last_mut() {
            Some((_, last)) if *last == extent.offset => *last = end,
            _ => covered.push((extent.offset, end)),
        }
    }
    covered
}

async fn written(stand: &Stand<'_>) -> anyhow::Result<(u64, Vec<u64>)> {
    let size = create(stand, "d").await?.size;
    // Far apart: engines tell data in pieces of some MiB.
    let offsets = vec![0, 64 << 20, 192 << 20, size - PIECE];
    for (seed, offset) in offsets.iter().enumerate() {
        write(stand, "d", *offset, seed as u64 + 1).await?;
    }
    flush(stand, "d").await?;
    Ok((size, offsets))
}

async fn hold(stand: &Stand<'_>) -> Check {
    let (size, offsets) = written(stand).await?;
    let covered = covered(&extents_of(stand, "d", 0, size, 1_000).await?);
    for offset in offsets {
        let inside = covered.iter().any(|(from, to)| *from <= offset && offset + PIECE <= *to);
        ensure!(inside, "{PIECE} bytes at {offset} are in none of {covered:?}");
    }
    Ok(())
}

async fn of_a_range(stand: &Stand<'_>) -> Check {
    written(stand).await?;
    let (from, length) = ((64 << 20) + 4 * 4096, 8 * 4096);
    for extent in extents_of(stand, "d", from, length, 1_000).await? {
        ensure!(extent.offset >= from && extent.offset + extent.length <= from + length, "{extent:?} leads out of the range");
    }
    Ok(())
}

async fn paged(stand: &Stand<'_>) -> Check {
    let (size, _) = written(stand).await?;
    let whole = covered(&extents_of(stand, "d", 0, size, 1_000).await?);
    let single = covered(&extents_of(stand, "d", 0, size, 1).await?);
    ensure!(whole == single, "one page shows {whole:?}, pages of one {single:?}");
    Ok(())
}

async fn absent(stand: &Stand<'_>) -> Check {
    let asked = stand.drives()?.extents(stand.location, &stand.drive("absent"), 0, PIECE, 10).await;
    fails(asked, Kind::NotFound, "an absent drive")
}
