//! `read`, `write`, `discard`, `flush`: the bytes of a drive.

use anyhow::{Context, ensure};
use capstan_domain::failure::Kind;
use futures::future::try_join_all;

use super::{PIECE, create, flush, holds, is_zero, limits, read, write};
use crate::case::{Case, Want};
use crate::content::{breaking, collect, counting, same, seeded_bytes, sparse};
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

pub fn all() -> Vec<Case> {
    use Want::{Drives, Durable, Shared};
    group! { "drives";
        "write-then-read", clause::DRIVE_WRITE, [Drives], "what was written is read, at the beginning, in the middle and at the very end", then_read;
        "write-leaves-neighbours", clause::DRIVE_WRITE, [Drives], "a write changes its range and nothing beside it", neighbours;
        "write-over", clause::DRIVE_WRITE, [Drives], "the last finished write is what is read", over;
        "write-one-block", clause::DRIVE_WRITE, [Drives], "one block is written and read", one_block;
        "write-nothing", clause::DRIVE_WRITE, [Drives], "a write of no bytes changes nothing", nothing;
        "write-off-block", clause::DRIVE_WRITE, [Drives], "a write that is not on the blocks is invalid, and changes nothing", off_block;
        "write-beyond", clause::DRIVE_WRITE, [Drives], "a write that leads out of the drive is invalid, and changes nothing", beyond;
        "write-at-once", clause::OVERLAP, [Drives], "pieces written at once are all there", at_once;
        "write-again", clause::ATTEMPT, [Drives], "the same write ten times is that write", again;
        "write-broken-source", clause::DRIVE_WRITE, [Drives], "a source that breaks fails the write, and what lies beside the range stays", broken;
        "write-absent", clause::DRIVE_WRITE, [Drives], "a drive that is not there is not found", write_absent;
        "write-large", clause::DRIVE_WRITE, [Drives], "a large piece is written in one call and read back in ranges", large, scaled;
        "read-pieces", clause::DRIVE_READ, [Drives], "any range on the blocks is exactly that range", pieces;
        "read-off-block", clause::DRIVE_READ, [Drives], "a range that is not on the blocks is invalid", read_off_block;
        "read-beyond", clause::DRIVE_READ, [Drives], "a range that leads out of the drive is invalid", read_beyond;
        "read-nothing", clause::DRIVE_READ, [Drives], "a range of no bytes has no bytes", read_nothing;
        "read-at-once", clause::OVERLAP, [Drives], "ranges read at once are each right", read_at_once;
        "read-absent", clause::DRIVE_READ, [Drives], "a drive that is not there is not found", read_absent;
        "flush-outlives", clause::DRIVE_FLUSH, [Drives, Durable, Shared], "what was flushed is read by another instance", outlives;
        "flush-absent", clause::DRIVE_FLUSH, [Drives], "a drive that is not there is not found", flush_absent;
        "discard-zeros", clause::DRIVE_DISCARD, [Drives], "a discarded range reads as zeros, what lies beside it stays", discard_zeros;
        "discard-again", clause::ATTEMPT, [Drives], "the same discard ten times is one, and it can be written after", discard_again;
        "discard-beyond", clause::DRIVE_DISCARD, [Drives], "a range that leads out of the drive is invalid", discard_beyond;
    }
}

async fn then_read(stand: &Stand<'_>) -> Check {
    let size = create(stand, "d").await?.size;
    let middle = (size / 2).next_multiple_of(PIECE);
    for (seed, offset) in [(1, 0), (2, middle), (3, size - PIECE)] {
        write(stand, "d", offset, seed).await?;
    }
    for (seed, offset) in [(1, 0), (2, middle), (3, size - PIECE)] {
        holds(stand, "d", offset, seed).await?;
    }
    Ok(())
}

async fn neighbours(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    for (seed, at) in [(1, 0), (2, 1), (3, 2)] {
        write(stand, "d", at * PIECE, seed).await?;
    }
    write(stand, "d", PIECE, 4).await?;
    for (seed, at) in [(1, 0), (4, 1), (3, 2)] {
        holds(stand, "d", at * PIECE, seed).await?;
    }
    is_zero(stand, "d", 3 * PIECE, PIECE).await
}

async fn over(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    for seed in 1..6 {
        write(stand, "d", PIECE, seed).await?;
        holds(stand, "d", PIECE, seed).await?;
    }
    Ok(())
}

async fn one_block(stand: &Stand<'_>) -> Check {
    let block = u64::from(limits(stand).await?.block);
    create(stand, "d").await?;
    let drive = stand.drive("d");
    stand.drives()?.write(stand.location, &drive, block, counting(block), "block").await.map_err(told)?;
    ensure!(read(stand, "d", block, block).await? == seeded_bytes(0, 0, block), "the block has other bytes");
    is_zero(stand, "d", 0, block).await?;
    is_zero(stand, "d", 2 * block, block).await
}

async fn nothing(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    write(stand, "d", 0, 1).await?;
    stand.drives()?.write(stand.location, &stand.drive("d"), 0, counting(0), "nothing").await.map_err(told)?;
    holds(stand, "d", 0, 1).await
}

async fn off_block(stand: &Stand<'_>) -> Check {
    let block = u64::from(limits(stand).await?.block);
    create(stand, "d").await?;
    if block > 1 {
        for (offset, length) in [(1, block), (block / 2, block), (0, block - 1), (0, block + 1)] {
            let written = stand.drives()?.write(stand.location, &stand.drive("d"), offset, counting(length), "odd").await;
            fails(written, Kind::Invalid, &format!("{length} bytes at {offset}, blocks of {block}"))?;
        }
    }
    is_zero(stand, "d", 0, PIECE).await
}

async fn beyond(stand: &Stand<'_>) -> Check {
    let size = create(stand, "d").await?.size;
    for offset in [size - PIECE / 2, size, size + PIECE, u64::MAX - PIECE + 1] {
        let written = stand.drives()?.write(stand.location, &stand.drive("d"), offset, counting(PIECE), "beyond").await;
        fails(written, Kind::Invalid, &format!("{PIECE} bytes at {offset} of {size}"))?;
    }
    ensure!(super::get(stand, "d").await?.size == size, "it grew");
    is_zero(stand, "d", size - PIECE, PIECE).await
}

async fn at_once(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    try_join_all((0..16).map(|at| write(stand, "d", at * PIECE, at + 1))).await?;
    for at in 0..16 {
        holds(stand, "d", at * PIECE, at + 1).await?;
    }
    Ok(())
}

async fn again(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    for _ in 0..10 {
        write(stand, "d", PIECE, 1).await?;
    }
    holds(stand, "d", PIECE, 1).await?;
    is_zero(stand, "d", 2 * PIECE, PIECE).await
}

async fn broken(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    write(stand, "d", 0, 1).await?;
    write(stand, "d", 9 * PIECE, 2).await?;
    let written = stand.drives()?.write(stand.location, &stand.drive("d"), PIECE, breaking(8 * PIECE, 4 * PIECE), "broken").await;
    ensure!(written.is_err(), "a write whose source broke is said to be a success");
    holds(stand, "d", 0, 1).await?;
    holds(stand, "d", 9 * PIECE, 2).await?;
    write(stand, "d", PIECE, 3).await?;
    holds(stand, "d", PIECE, 3).await
}

async fn write_absent(stand: &Stand<'_>) -> Check {
    let written = stand.drives()?.write(stand.location, &stand.drive("absent"), 0, counting(PIECE), "absent").await;
    fails(written, Kind::NotFound, "an absent drive")
}

async fn large(stand: &Stand<'_>) -> Check {
    // At the full size not as large as an object: each byte is on somebody's disk.
    let length = stand.size.large().min(1 << 30);
    let limits = limits(stand).await?;
    let size = limits.minimum.max(length).next_multiple_of(limits.granularity);
    super::create_of(stand, "large", size).await?;
    let drive = stand.drive("large");
    stand.drives()?.write(stand.location, &drive, 0, sparse(length), "large").await.map_err(told).context("write")?;
    for (offset, length) in [(0, 1 << 20), (length / 2, 4 << 20), (length - (1 << 20), 1 << 20)] {
        let (_, body) = stand.drives()?.read(stand.location, &drive, offset, length).await.map_err(told)?;
        crate::content::same_sparse(body, offset, length).await?;
    }
    Ok(())
}

async fn pieces(stand: &Stand<'_>) -> Check {
    let block = u64::from(limits(stand).await?.block);
    create(stand, "d").await?;
    let drive = stand.drive("d");
    stand.drives()?.write(stand.location, &drive, 0, counting(4 * PIECE), "all").await.map_err(told)?;
    for (offset, length) in
        [(0, 4 * PIECE), (block, block), (PIECE - block, 2 * block), (3 * block, PIECE), (4 * PIECE - block, block)]
    {
        let (_, body) = stand.drives()?.read(stand.location, &drive, offset, length).await.map_err(told)?;
        same(body, offset, length).await.with_context(|| format!("{length} bytes at {offset}"))?;
    }
    Ok(())
}

async fn read_off_block(stand: &Stand<'_>) -> Check {
    let block = u64::from(limits(stand).await?.block);
    create(stand, "d").await?;
    if block > 1 {
        for (offset, length) in [(1, block), (0, block - 1), (block / 2, block / 2)] {
            let read = stand.drives()?.read(stand.location, &stand.drive("d"), offset, length).await;
            fails(read, Kind::Invalid, &format!("{length} bytes at {offset}, blocks of {block}"))?;
        }
    }
    Ok(())
}

async fn read_beyond(stand: &Stand<'_>) -> Check {
    let size = create(stand, "d").await?.size;
    for (offset, length) in [(size - PIECE, 2 * PIECE), (size, PIECE), (size + PIECE, PIECE), (u64::MAX - PIECE + 1, PIECE)] {
        let read = stand.drives()?.read(stand.location, &stand.drive("d"), offset, length).await;
        fails(read, Kind::Invalid, &format!("{length} bytes at {offset} of {size}"))?;
    }
    Ok(())
}

async fn read_nothing(stand: &Stand<'_>) -> Check {
    let size = create(stand, "d").await?.size;
    for offset in [0, PIECE, size] {
        ensure!(read(stand, "d", offset, 0).await?.is_empty(), "bytes came");
    }
    Ok(())
}

async fn read_at_once(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    try_join_all((0..8).map(|at| write(stand, "d", at * PIECE, at + 1))).await?;
    try_join_all((0..32).map(|turn| holds(stand, "d", (turn % 8) * PIECE, turn % 8 + 1))).await?;
    Ok(())
}

async fn read_absent(stand: &Stand<'_>) -> Check {
    let read = stand.drives()?.read(stand.location, &stand.drive("absent"), 0, PIECE).await;
    fails(read, Kind::NotFound, "an absent drive")
}

async fn outlives(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    write(stand, "d", PIECE, 1).await?;
    flush(stand, "d").await?;
    let other = stand.kit()?.another(|_| {})?;
    let port = other.drives.as_deref().context("the plugin has no drives now")?;
    let (_, body) = port.read(stand.location, &stand.drive("d"), PIECE, PIECE).await.map_err(told)?;
    let bytes = collect(body, usize::try_from(PIECE)? + 1).await.map_err(told)?;
    ensure!(bytes == seeded_bytes(1, 0, PIECE), "another instance reads other bytes");
    Ok(())
}

async fn flush_absent(stand: &Stand<'_>) -> Check {
    fails(stand.drives()?.flush(stand.location, &stand.drive("absent")).await, Kind::NotFound, "an absent drive")
}

async fn discard(stand: &Stand<'_>, offset: u64, length: u64) -> anyhow::Result<capstan_domain::Outcome<()>> {
    Ok(stand.drives()?.discard(stand.location, &stand.drive("d"), offset, length, &format!("discard {offset}")).await)
}

async fn discard_zeros(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    for at in 0..4 {
        write(stand, "d", at * PIECE, at + 1).await?;
    }
    discard(stand, PIECE, 2 * PIECE).await?.map_err(told)?;
    is_zero(stand, "d", PIECE, 2 * PIECE).await?;
    holds(stand, "d", 0, 1).await?;
    holds(stand, "d", 3 * PIECE, 4).await
}

async fn discard_again(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    write(stand, "d", 0, 1).await?;
    for _ in 0..10 {
        discard(stand, 0, PIECE).await?.map_err(told)?;
    }
    is_zero(stand, "d", 0, PIECE).await?;
    write(stand, "d", 0, 2).await?;
    holds(stand, "d", 0, 2).await
}

async fn discard_beyond(stand: &Stand<'_>) -> Check {
    let size = create(stand, "d").await?.size;
    write(stand, "d", size - PIECE, 1).await?;
    for (offset, length) in [(size - PIECE, 2 * PIECE), (size + PIECE, PIECE)] {
        fails(discard(stand, offset, length).await?, Kind::Invalid, &format!("{length} bytes at {offset} of {size}"))?;
    }
    holds(stand, "d", size - PIECE, 1).await
}
