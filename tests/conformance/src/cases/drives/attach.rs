//! `attach` and `detach`: where the host reaches the bytes itself.

use anyhow::ensure;
use capstan_domain::failure::Kind;
use capstan_domain::ports::Attachment;

use super::{PIECE, create, holds, limits, write};
use crate::case::{Case, Want};
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

pub fn all() -> Vec<Case> {
    use Want::Drives;
    group! { "drives";
        "attach-answers-a-peer", clause::DRIVE_ATTACH, [Drives], "an attached drive is reached at a registered peer, and by its functions as before", peer;
        "attach-again", clause::DRIVE_ATTACH, [Drives], "attaching again answers the same peer", again;
        "attach-for-reading-first", clause::DRIVE_ATTACH, [Drives], "a drive attached for reading is not attached for writing as well", reading_first;
        "attach-absent", clause::DRIVE_ATTACH, [Drives], "a drive that is not there is not found", absent;
        "detach-again", clause::DRIVE_DETACH, [Drives], "a drive that is not attached is detached with success", detach_again;
        "attach-and-grow", clause::DRIVE_ATTACH, [Drives], "a drive grows while it is attached, and is attached anew", grow;
        "attach-then-delete", clause::DRIVE_DELETE, [Drives], "a drive that this plugin attached is deleted", then_delete;
    }
}

async fn attach(stand: &Stand<'_>, read_only: bool) -> anyhow::Result<capstan_domain::Outcome<Attachment>> {
    Ok(stand.drives()?.attach(stand.location, &stand.drive("d"), read_only, &format!("attach {read_only}")).await)
}

async fn detach(stand: &Stand<'_>) -> Check {
    stand.drives()?.detach(stand.location, &stand.drive("d"), "detach").await.map_err(told)
}

async fn peer(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    write(stand, "d", 0, 1).await?;
    attach(stand, false).await?.map_err(told)?;
    holds(stand, "d", 0, 1).await?;
    write(stand, "d", PIECE, 2).await?;
    detach(stand).await?;
    holds(stand, "d", PIECE, 2).await
}

async fn again(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    let first = attach(stand, false).await?.map_err(told)?;
    ensure!(attach(stand, false).await?.map_err(told)? == first, "it is somewhere else now");
    detach(stand).await
}

async fn reading_first(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    attach(stand, true).await?.map_err(told)?;
    fails(attach(stand, false).await?, Kind::Conflict, "attached for reading, then for writing")?;
    detach(stand).await?;
    attach(stand, false).await?.map_err(told)?;
    detach(stand).await
}

async fn absent(stand: &Stand<'_>) -> Check {
    fails(attach(stand, false).await?, Kind::NotFound, "an absent drive")
}

async fn detach_again(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    detach(stand).await?;
    attach(stand, false).await?.map_err(told)?;
    detach(stand).await?;
    detach(stand).await
}

async fn grow(stand: &Stand<'_>) -> Check {
    let size = create(stand, "d").await?.size;
    attach(stand, false).await?.map_err(told)?;
    let larger = size + PIECE.next_multiple_of(limits(stand).await?.granularity);
    stand.drives()?.resize(stand.location, &stand.drive("d"), larger, "grow").await.map_err(told)?;
    detach(stand).await?;
    attach(stand, false).await?.map_err(told)?;
    write(stand, "d", larger - PIECE, 1).await?;
    holds(stand, "d", larger - PIECE, 1).await?;
    detach(stand).await
}

async fn then_delete(stand: &Stand<'_>) -> Check {
    create(stand, "d").await?;
    attach(stand, false).await?.map_err(told)?;
    let (port, name) = (stand.drives()?, stand.drive("d"));
    port.delete(stand.location, &name, "delete").await.map_err(told)?;
    fails(port.get(stand.location, &name).await, Kind::NotFound, "a deleted drive")
}
