//! `limits`, `create`, `get`: a drive comes to be, whole, zero and once.

use anyhow::ensure;
use capstan_domain::Outcome;
use capstan_domain::failure::Kind;
use capstan_domain::ports::DriveInfo;
use futures::future::join_all;

use super::{PIECE, create, get, holds, is_zero, limits, write};
use crate::case::{Case, Want};
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

pub fn all() -> Vec<Case> {
    use Want::Drives;
    group! { "drives";
        "limits-usable", clause::DRIVE_LIMITS, [Drives], "the limits of a location allow a drive", limits_usable;
        "limits-absent-location", clause::DRIVE_LIMITS, [Drives], "a location that is not there is not found", absent_location;
        "locations-listed", clause::DRIVE_LIMITS, [Drives], "the location of the test is listed", locations;
        "create-zeros", clause::DRIVE_CREATE, [Drives], "a new drive has exactly its size, all zeros", zeros;
        "create-found", clause::DRIVE_GET, [Drives], "a new drive is found as it was answered", found;
        "create-larger", clause::DRIVE_CREATE, [Drives], "a drive is as large as was asked, to the step", larger;
        "create-off-step", clause::DRIVE_CREATE, [Drives], "a size that is not on the granularity is invalid", off_step;
        "create-out-of-limits", clause::DRIVE_CREATE, [Drives], "a size out of the limits is invalid", out_of_limits;
        "create-again", clause::ATTEMPT, [Drives], "the same creation ten times is one drive", again;
        "create-again-keeps-bytes", clause::ATTEMPT, [Drives], "a creation made again takes no bytes away", again_keeps;
        "create-taken", clause::DRIVE_NAMES, [Drives], "a name that is taken is refused, and its drive left alone", taken;
        "create-at-once", clause::DRIVE_NAMES, [Drives], "of many creations of one name at once one is made", at_once;
        "create-many-at-once", clause::OVERLAP, [Drives], "drives made at once are all there", many_at_once;
        "create-wrong-names", clause::DRIVE_NAMES, [Drives], "a name of other characters, or too long, is invalid", wrong_names;
        "create-longest-name", clause::DRIVE_NAMES, [Drives], "a name of 64 bytes is a name", longest_name;
        "get-absent", clause::DRIVE_GET, [Drives], "a drive that is not there is not found", absent;
    }
}

async fn make(stand: &Stand<'_>, name: &str, size: u64, attempt: &str) -> anyhow::Result<Outcome<DriveInfo>> {
    Ok(stand.drives()?.create(stand.location, name, size, attempt, Vec::new()).await)
}

async fn limits_usable(stand: &Stand<'_>) -> Check {
    let limits = limits(stand).await?;
    ensure!(limits.minimum >= u64::from(limits.block), "{limits:?}: no drive of no bytes");
    ensure!(limits.maximum >= limits.minimum && limits.granularity > 0, "{limits:?}");
    ensure!(PIECE.is_multiple_of(u64::from(limits.block)), "a block of {} bytes", limits.block);
    Ok(())
}

async fn absent_location(stand: &Stand<'_>) -> Check {
    fails(stand.drives()?.limits("nowhere-at-all").await, Kind::NotFound, "the limits of an absent location")?;
    let made = stand.drives()?.create("nowhere-at-all", &stand.drive("d"), limits(stand).await?.minimum, "a", Vec::new()).await;
    fails(made, Kind::NotFound, "a drive in an absent location")
}

async fn locations(stand: &Stand<'_>) -> Check {
    let listed = stand.drives()?.list_locations().await.map_err(told)?;
    ensure!(listed.iter().any(|location| location.name == stand.location), "{:?} is not in {listed:?}", stand.location);
    Ok(())
}

async fn zeros(stand: &Stand<'_>) -> Check {
    let size = create(stand, "new").await?.size;
    for offset in [0, (size / 2).next_multiple_of(PIECE), size - PIECE] {
        is_zero(stand, "new", offset, PIECE).await?;
    }
    Ok(())
}

async fn found(stand: &Stand<'_>) -> Check {
    let made = create(stand, "new").await?;
    let found = get(stand, "new").await?;
    ensure!((&found.name, found.size) == (&made.name, made.size), "{made:?} is found as {found:?}");
    Ok(())
}

async fn larger(stand: &Stand<'_>) -> Check {
    let limits = limits(stand).await?;
    let size = limits.minimum + 3 * limits.granularity;
    super::create_of(stand, "larger", size).await?;
    ensure!(get(stand, "larger").await?.size == size, "it has another size later");
    Ok(())
}

async fn off_step(stand: &Stand<'_>) -> Check {
    let limits = limits(stand).await?;
    if limits.granularity == 1 {
        return Ok(());
    }
    let name = stand.drive("odd");
    let made = make(stand, &name, limits.minimum + 1, "odd").await?;
    fails(made, Kind::Invalid, "a size that is not on the granularity")?;
    fails(stand.drives()?.get(stand.location, &name).await, Kind::NotFound, "what was refused")
}

async fn out_of_limits(stand: &Stand<'_>) -> Check {
    let limits = limits(stand).await?;
    let below = limits.minimum.saturating_sub(limits.granularity);
    let above = limits.maximum.saturating_add(limits.granularity);
    for size in [0, below, above, u64::MAX, u64::MAX - u64::MAX % limits.granularity] {
        if (limits.minimum..=limits.maximum).contains(&size) && size.is_multiple_of(limits.granularity) {
            continue;
        }
        let name = stand.drive("beyond");
        fails(make(stand, &name, size, &format!("beyond {size}")).await?, Kind::Invalid, &format!("a drive of {size} bytes"))?;
        fails(stand.drives()?.get(stand.location, &name).await, Kind::NotFound, "what was refused")?;
    }
    Ok(())
}

async fn again(stand: &Stand<'_>) -> Check {
    for _ in 0..10 {
        create(stand, "again").await?;
    }
    Ok(())
}

async fn again_keeps(stand: &Stand<'_>) -> Check {
    create(stand, "again").await?;
    write(stand, "again", PIECE, 1).await?;
    create(stand, "again").await?;
    holds(stand, "again", PIECE, 1).await
}

async fn taken(stand: &Stand<'_>) -> Check {
    let size = create(stand, "taken").await?.size;
    write(stand, "taken", 0, 1).await?;
    fails(make(stand, &stand.drive("taken"), size, "another").await?, Kind::AlreadyExists, "a name that is taken")?;
    holds(stand, "taken", 0, 1).await
}

async fn at_once(stand: &Stand<'_>) -> Check {
    let (name, size) = (stand.drive("race"), limits(stand).await?.minimum);
    let attempts: Vec<String> = (0..8).map(|number| format!("racer {number}")).collect();
    let outcomes = join_all(attempts.iter().map(|attempt| make(stand, &name, size, attempt))).await;
    let mut made = 0;
    for outcome in outcomes {
        match outcome? {
            Ok(_) => made += 1,
            // Who is told to ask again would hear so then.
            Err(failure) if matches!(failure.kind, Kind::AlreadyExists | Kind::Busy) => {}
            Err(failure) => return Err(told(failure).context("one of many creations")),
        }
    }
    ensure!(made == 1, "{made} of 8 creations of one name were made");
    Ok(())
}

async fn many_at_once(stand: &Stand<'_>) -> Check {
    let names: Vec<String> = (0..6).map(|number| format!("many-{number}")).collect();
    for made in join_all(names.iter().map(|name| create(stand, name))).await {
        made?;
    }
    for name in &names {
        get(stand, name).await?;
    }
    Ok(())
}

async fn wrong_names(stand: &Stand<'_>) -> Check {
    let size = limits(stand).await?.minimum;
    let long = "x".repeat(65);
    for name in ["", "A", "a/b", "..", "a b", "é", "a_b", "a.b", "a@b", long.as_str()] {
        fails(make(stand, name, size, "wrong").await?, Kind::Invalid, &format!("the name {name:?}"))?;
    }
    Ok(())
}

async fn longest_name(stand: &Stand<'_>) -> Check {
    let base = stand.drive("longest");
    let name = format!("{base}{}", "z".repeat(64 - base.len()));
    stand.remember_drive(&name);
    make(stand, &name, limits(stand).await?.minimum, "longest").await?.map_err(told)?;
    ensure!(stand.drives()?.get(stand.location, &name).await.map_err(told)?.name == name, "it is called otherwise");
    Ok(())
}

async fn absent(stand: &Stand<'_>) -> Check {
    let port = stand.drives()?;
    let name = stand.drive("absent");
    fails(port.get(stand.location, &name).await, Kind::NotFound, "an absent drive")?;
    fails(port.get("nowhere-at-all", &name).await, Kind::NotFound, "a drive of an absent location")
}
