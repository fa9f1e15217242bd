//! `resize`: drives grow, and keep what they hold.

use anyhow::ensure;
use capstan_domain::Outcome;
use capstan_domain::failure::Kind;
use capstan_domain::ports::DriveInfo;

use super::{PIECE, create, get, holds, is_zero, limits, write};
use crate::case::{Case, Want};
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

pub fn all() -> Vec<Case> {
    use Want::Drives;
    group! { "drives";
        "resize-grows", clause::DRIVE_RESIZE, [Drives], "a drive grows to exactly the size asked for, keeps its bytes and gains zeros", grows;
        "resize-after-writing-the-end", clause::DRIVE_RESIZE, [Drives], "what lay at the end of a drive lies where it lay when the drive has grown", keeps_the_end;
        "resize-same", clause::DRIVE_RESIZE, [Drives], "the size that it has is a success", same;
        "resize-again", clause::ATTEMPT, [Drives], "the same growth ten times is one", again;
        "resize-shrinks", clause::DRIVE_RESIZE, [Drives], "a smaller size is invalid, and nothing is cut", shrinks;
        "resize-off-step", clause::DRIVE_RESIZE, [Drives], "a size that is not on the granularity is invalid", off_step;
        "resize-too-large", clause::DRIVE_RESIZE, [Drives], "a size above the limit is invalid", too_large;
        "resize-absent", clause::DRIVE_RESIZE, [Drives], "a drive that is not there is not found", absent;
    }
}

async fn resize(stand: &Stand<'_>, name: &str, size: u64) -> anyhow::Result<Outcome<DriveInfo>> {
    Ok(stand.drives()?.resize(stand.location, &stand.drive(name), size, &format!("resize {size}")).await)
}

/// A step that every engine takes, and that holds a piece.
async fn step(stand: &Stand<'_>) -> anyhow::Result<u64> {
    let granularity = limits(stand).await?.granularity;
    Ok(PIECE.next_multiple_of(granularity))
}

async fn grows(stand: &Stand<'_>) -> Check {
    let size = create(stand, "grows").await?.size;
    let step = step(stand).await?;
    write(stand, "grows", 0, 1).await?;
    let grown = resize(stand, "grows", size + step).await?.map_err(told)?;
    ensure!(grown.size == size + step && get(stand, "grows").await?.size == size + step, "it grew to {}", grown.size);
    holds(stand, "grows", 0, 1).await?;
    is_zero(stand, "grows", size, step.min(4 * PIECE)).await?;
    write(stand, "grows", size + step - PIECE, 2).await?;
    holds(stand, "grows", size + step - PIECE, 2).await
}

async fn keeps_the_end(stand: &Stand<'_>) -> Check {
    let size = create(stand, "end").await?.size;
    write(stand, "end", size - PIECE, 1).await?;
    resize(stand, "end", size + step(stand).await?).await?.map_err(told)?;
    holds(stand, "end", size - PIECE, 1).await?;
    is_zero(stand, "end", size, PIECE).await
}

async fn same(stand: &Stand<'_>) -> Check {
    let size = create(stand, "same").await?.size;
    ensure!(resize(stand, "same", size).await?.map_err(told)?.size == size, "it has another size");
    Ok(())
}

async fn again(stand: &Stand<'_>) -> Check {
    let size = create(stand, "again").await?.size + step(stand).await?;
    for _ in 0..10 {
        ensure!(resize(stand, "again", size).await?.map_err(told)?.size == size, "it grows each time");
    }
    Ok(())
}

async fn shrinks(stand: &Stand<'_>) -> Check {
    let limits = limits(stand).await?;
    let size = create(stand, "shrinks").await?.size + step(stand).await?;
    resize(stand, "shrinks", size).await?.map_err(told)?;
    write(stand, "shrinks", size - PIECE, 1).await?;
    for smaller in [size - limits.granularity, limits.minimum, 0] {
        fails(resize(stand, "shrinks", smaller).await?, Kind::Invalid, &format!("{smaller} of {size} bytes"))?;
    }
    ensure!(get(stand, "shrinks").await?.size == size, "it was cut");
    holds(stand, "shrinks", size - PIECE, 1).await
}

async fn off_step(stand: &Stand<'_>) -> Check {
    let limits = limits(stand).await?;
    let size = create(stand, "odd").await?.size;
    if limits.granularity > 1 {
        fails(
            resize(stand, "odd", size + limits.granularity + 1).await?,
            Kind::Invalid,
            "a size that is not on the granularity",
        )?;
    }
    ensure!(get(stand, "odd").await?.size == size, "it grew");
    Ok(())
}

async fn too_large(stand: &Stand<'_>) -> Check {
    let limits = limits(stand).await?;
    let size = create(stand, "large").await?.size;
    for larger in [limits.maximum.saturating_add(limits.granularity), u64::MAX] {
        if larger > limits.maximum {
            fails(resize(stand, "large", larger).await?, Kind::Invalid, &format!("{larger} bytes"))?;
        }
    }
    ensure!(get(stand, "large").await?.size == size, "it grew");
    Ok(())
}

async fn absent(stand: &Stand<'_>) -> Check {
    let size = limits(stand).await?.minimum;
    fails(resize(stand, "absent", size).await?, Kind::NotFound, "an absent drive")
}
