//! `list`: every drive once, in order, a page at a time.

use std::collections::BTreeMap;

use anyhow::ensure;
use capstan_domain::failure::Kind;

use super::create;
use crate::case::{Case, Want};
use crate::stand::Stand;
use crate::store::MOST_PAGES;
use crate::{Check, clause, fails, group, told};

pub fn all() -> Vec<Case> {
    use Want::Drives;
    group! { "drives";
        "list-every-one", clause::DRIVE_LIST, [Drives], "every drive is listed once, with its size", every_one;
        "list-pages", clause::PAGES, [Drives], "pages of any length show the same drives, in order", pages;
        "list-deleted-meanwhile", clause::PAGES, [Drives], "a page goes on behind a marker whose drive is gone", deleted_meanwhile;
        "list-absent-location", clause::DRIVE_LIST, [Drives], "the drives of an absent location are not found", absent_location;
    }
}

/// The case's own drives, as pages of this length show them.
async fn listed(stand: &Stand<'_>, limit: u32) -> anyhow::Result<Vec<(String, u64)>> {
    let (mut found, mut after) = (Vec::new(), None);
    let own = stand.drive("");
    for _ in 0..MOST_PAGES {
        let page = stand.drives()?.list(stand.location, after.as_deref(), limit).await.map_err(told)?;
        ensure!(page.drives.len() <= limit as usize, "a page holds more than was asked for");
        found.extend(page.drives.into_iter().filter(|drive| drive.name.starts_with(&own)).map(|drive| (drive.name, drive.size)));
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
    anyhow::bail!("the listing does not end")
}

async fn made(stand: &Stand<'_>, count: usize) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut made = BTreeMap::new();
    for number in 0..count {
        let drive = create(stand, &format!("l{number}")).await?;
        made.insert(drive.name, drive.size);
    }
    Ok(made)
}

async fn every_one(stand: &Stand<'_>) -> Check {
    let made = made(stand, 3).await?;
    let found = listed(stand, 1_000).await?;
    ensure!(found.len() == made.len(), "{} drives were made, {} are listed", made.len(), found.len());
    ensure!(found.iter().cloned().collect::<BTreeMap<_, _>>() == made, "{made:?} is listed as {found:?}");
    Ok(())
}

async fn pages(stand: &Stand<'_>) -> Check {
    let made: Vec<(String, u64)> = made(stand, 5).await?.into_iter().collect();
    for limit in [1, 2, 3, 1_000] {
        let found = listed(stand, limit).await?;
        ensure!(found == made, "pages of {limit} show {found:?} instead of {made:?}");
    }
    Ok(())
}

async fn deleted_meanwhile(stand: &Stand<'_>) -> Check {
    made(stand, 3).await?;
    let first = stand.drive("l0");
    // Behind whatever else the location holds before the case's own drives.
    let mut after = None;
    let marker = loop {
        let page = stand.drives()?.list(stand.location, after.as_deref(), 1).await.map_err(told)?;
        if page.drives.iter().any(|drive| drive.name == first) {
            break page.next;
        }
        ensure!(page.next.is_some(), "{first:?} is not listed");
        after = page.next;
    };
    ensure!(marker.is_some(), "the listing ends before its end");
    stand.drives()?.delete(stand.location, &first, "meanwhile").await.map_err(told)?;
    let page = stand.drives()?.list(stand.location, marker.as_deref(), 1_000).await.map_err(told)?;
    for name in ["l1", "l2"] {
        let name = stand.drive(name);
        ensure!(page.drives.iter().any(|drive| drive.name == name), "{name:?} is missing behind a marker whose drive is gone");
    }
    Ok(())
}

async fn absent_location(stand: &Stand<'_>) -> Check {
    fails(stand.drives()?.list("nowhere-at-all", None, 10).await, Kind::NotFound, "the drives of an absent location")
}
