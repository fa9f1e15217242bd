//! `delete`: a drive goes, and nothing else does.

use anyhow::ensure;
use capstan_domain::failure::Kind;

use super::{PIECE, create, holds, is_zero, write};
use crate::case::{Case, Want};
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

pub fn all() -> Vec<Case> {
    use Want::Drives;
    group! { "drives";
        "delete-gone", clause::DRIVE_DELETE, [Drives], "a deleted drive is neither found nor listed, its neighbours stay", gone;
        "delete-absent", clause::DRIVE_DELETE, [Drives], "a drive that is not there is deleted with success", absent;
        "delete-again", clause::ATTEMPT, [Drives], "the same deletion ten times is one", again;
        "delete-then-create", clause::DRIVE_DELETE, [Drives], "a name that went is free, and a drive of that name is new and zero", then_create;
        "delete-absent-location", clause::DRIVE_DELETE, [Drives], "a drive of an absent location is not found", absent_location;
    }
}

async fn delete(stand: &Stand<'_>, name: &str) -> Check {
    stand.drives()?.delete(stand.location, &stand.drive(name), &format!("delete {name}")).await.map_err(told)
}

async fn gone(stand: &Stand<'_>) -> Check {
    for name in ["a", "a-b", "b"] {
        create(stand, name).await?;
    }
    write(stand, "a-b", 0, 1).await?;
    delete(stand, "a").await?;
    fails(stand.drives()?.get(stand.location, &stand.drive("a")).await, Kind::NotFound, "a deleted drive")?;
    let page = stand.drives()?.list(stand.location, None, 1_000).await.map_err(told)?;
    ensure!(!page.drives.iter().any(|drive| drive.name == stand.drive("a")), "a deleted drive is listed");
    holds(stand, "a-b", 0, 1).await?;
    super::get(stand, "b").await.map(drop)
}

async fn absent(stand: &Stand<'_>) -> Check {
    delete(stand, "absent").await
}

async fn again(stand: &Stand<'_>) -> Check {
    create(stand, "again").await?;
    for _ in 0..10 {
        delete(stand, "again").await?;
    }
    Ok(())
}

async fn then_create(stand: &Stand<'_>) -> Check {
    let size = create(stand, "d").await?.size;
    write(stand, "d", PIECE, 1).await?;
    delete(stand, "d").await?;
    let name = stand.drive("d");
    stand.drives()?.create(stand.location, &name, size, "once more", Vec::new()).await.map_err(told)?;
    is_zero(stand, "d", 0, 3 * PIECE).await
}

async fn absent_location(stand: &Stand<'_>) -> Check {
    let gone = stand.drives()?.delete("nowhere-at-all", &stand.drive("d"), "delete").await;
    fails(gone, Kind::NotFound, "a drive of an absent location")
}
