//! `clone`: the same bytes, from then on apart.

use anyhow::ensure;
use capstan_domain::failure::Kind;
use capstan_domain::ports::CloneSource;

use super::{PIECE, clone, create, get, holds, is_zero, limits, write};
use crate::case::{Case, Want};
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

pub fn all() -> Vec<Case> {
    use Want::Drives;
    group! { "drives";
        "clone-same-bytes", clause::DRIVE_CLONE, [Drives], "a clone has its source's size and bytes", same_bytes;
        "clone-apart", clause::DRIVE_CLONE, [Drives], "what is written to a drive does not show in its clone, nor the other way", apart;
        "clone-outlives-its-source", clause::DRIVE_CLONE, [Drives], "a source goes first, and its clone stays whole", outlives;
        "clone-goes-first", clause::DRIVE_CLONE, [Drives], "a clone goes first, and its source stays whole", goes_first;
        "clone-of-a-clone", clause::DRIVE_CLONE, [Drives], "a clone is a drive: it is cloned, and outlives all before it", of_a_clone;
        "clone-grows", clause::DRIVE_CLONE, [Drives], "a clone grows, its source does not", grows;
        "clone-again", clause::ATTEMPT, [Drives], "the same clone ten times is one, with the bytes of the first", again;
        "clone-taken", clause::DRIVE_NAMES, [Drives], "a name that is taken is refused, and its drive left alone", taken;
        "clone-absent", clause::DRIVE_CLONE, [Drives], "a source that is not there is not found, and nothing is made", absent;
        "clone-name-again", clause::DRIVE_CLONE, [Drives], "the name of a source that went is free, though its clone is there", name_again;
    }
}

async fn source(stand: &Stand<'_>) -> anyhow::Result<u64> {
    let size = create(stand, "source").await?.size;
    write(stand, "source", 0, 1).await?;
    write(stand, "source", size - PIECE, 2).await?;
    Ok(size)
}

async fn whole(stand: &Stand<'_>, name: &str, size: u64) -> Check {
    holds(stand, name, 0, 1).await?;
    is_zero(stand, name, PIECE, PIECE).await?;
    holds(stand, name, size - PIECE, 2).await
}

async fn delete(stand: &Stand<'_>, name: &str) -> Check {
    stand.drives()?.delete(stand.location, &stand.drive(name), &format!("delete {name}")).await.map_err(told)
}

async fn same_bytes(stand: &Stand<'_>) -> Check {
    let size = source(stand).await?;
    clone(stand, "source", None, "copy").await?;
    ensure!(get(stand, "copy").await?.size == size, "the clone has another size");
    whole(stand, "copy", size).await?;
    whole(stand, "source", size).await
}

async fn apart(stand: &Stand<'_>) -> Check {
    let size = source(stand).await?;
    clone(stand, "source", None, "copy").await?;
    write(stand, "source", 0, 3).await?;
    whole(stand, "copy", size).await?;
    write(stand, "copy", size - PIECE, 4).await?;
    write(stand, "copy", PIECE, 5).await?;
    holds(stand, "source", 0, 3).await?;
    holds(stand, "source", size - PIECE, 2).await?;
    is_zero(stand, "source", PIECE, PIECE).await
}

async fn outlives(stand: &Stand<'_>) -> Check {
    let size = source(stand).await?;
    clone(stand, "source", None, "copy").await?;
    delete(stand, "source").await?;
    fails(stand.drives()?.get(stand.location, &stand.drive("source")).await, Kind::NotFound, "a source that went")?;
    whole(stand, "copy", size).await?;
    delete(stand, "copy").await
}

async fn goes_first(stand: &Stand<'_>) -> Check {
    let size = source(stand).await?;
    clone(stand, "source", None, "copy").await?;
    delete(stand, "copy").await?;
    whole(stand, "source", size).await?;
    delete(stand, "source").await
}

async fn of_a_clone(stand: &Stand<'_>) -> Check {
    let size = source(stand).await?;
    clone(stand, "source", None, "second").await?;
    clone(stand, "second", None, "third").await?;
    delete(stand, "second").await?;
    delete(stand, "source").await?;
    whole(stand, "third", size).await?;
    delete(stand, "third").await
}

async fn grows(stand: &Stand<'_>) -> Check {
    let size = source(stand).await?;
    clone(stand, "source", None, "copy").await?;
    let larger = size + PIECE.next_multiple_of(limits(stand).await?.granularity);
    let grown = stand.drives()?.resize(stand.location, &stand.drive("copy"), larger, "grow").await.map_err(told)?;
    ensure!(grown.size == larger && get(stand, "source").await?.size == size, "the wrong one grew");
    whole(stand, "copy", size).await?;
    is_zero(stand, "copy", size, PIECE).await
}

async fn again(stand: &Stand<'_>) -> Check {
    let size = source(stand).await?;
    clone(stand, "source", None, "copy").await?;
    write(stand, "source", 0, 3).await?;
    for _ in 0..9 {
        clone(stand, "source", None, "copy").await?;
    }
    whole(stand, "copy", size).await
}

async fn taken(stand: &Stand<'_>) -> Check {
    let size = source(stand).await?;
    create(stand, "taken").await?;
    write(stand, "taken", 0, 6).await?;
    let source = stand.drive("source");
    let source = CloneSource { name: &source, snapshot: None, size };
    let cloned = stand.drives()?.clone_drive(stand.location, source, &stand.drive("taken"), "taken", Vec::new()).await;
    fails(cloned, Kind::AlreadyExists, "a name that is taken")?;
    holds(stand, "taken", 0, 6).await
}

async fn absent(stand: &Stand<'_>) -> Check {
    let (name, to) = (stand.drive("absent"), stand.drive("copy"));
    let source = CloneSource { name: &name, snapshot: None, size: limits(stand).await?.minimum };
    let cloned = stand.drives()?.clone_drive(stand.location, source, &to, "absent", Vec::new()).await;
    fails(cloned, Kind::NotFound, "an absent source")?;
    fails(stand.drives()?.get(stand.location, &to).await, Kind::NotFound, "a clone of nothing")
}

async fn name_again(stand: &Stand<'_>) -> Check {
    let size = source(stand).await?;
    clone(stand, "source", None, "copy").await?;
    delete(stand, "source").await?;
    let name = stand.drive("source");
    stand.drives()?.create(stand.location, &name, size, "once more", Vec::new()).await.map_err(told)?;
    is_zero(stand, "source", 0, PIECE).await?;
    whole(stand, "copy", size).await
}
