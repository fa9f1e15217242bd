//! Locations: listed, made, removed.

use anyhow::{Context, ensure};
use capstan_domain::failure::Kind;
use capstan_domain::ports::PutOptions;
use futures::future::join_all;

use super::flat;
use crate::case::{Case, Want};
use crate::content::counting;
use crate::stand::Stand;
use crate::{Check, clause, fails, fails_as, group, told};

/// A location nobody has.
pub const ABSENT: &str = "no-such-location-of-the-kit";

pub fn all() -> Vec<Case> {
    use Want::{Durable, Locations, Objects, Shared};
    group! { "objects";
        "locations-listed", clause::LIST_LOCATIONS, [Objects], "the location in use is listed, once", listed;
        "location-made", clause::CREATE_LOCATION, [Objects, Locations], "a new location is listed, empty, and takes objects", made;
        "location-made-again", clause::ATTEMPT, [Objects, Locations], "the same attempt ten times makes one location, and is a success", made_again;
        "location-made-at-once", clause::ATTEMPT, [Objects, Locations], "the same attempt at once makes one location", made_at_once;
        "location-removed", clause::DELETE_LOCATION, [Objects, Locations], "an empty location can be removed, and is not-found then", removed;
        "location-removed-full", clause::DELETE_LOCATION, [Objects, Locations], "a location that holds something is a conflict, and stays", removed_full;
        "location-removed-absent", clause::DELETE_LOCATION, [Objects, Locations], "removing an absent location is not-found", removed_absent;
        "location-removed-again", clause::DELETE_LOCATION, [Objects, Locations], "the same removal again is a success, or not-found", removed_again;
        "location-wrong-names", clause::CREATE_LOCATION, [Objects, Locations], "a name that no location can have is invalid", wrong_names;
        "location-seen-elsewhere", clause::INSTANCES, [Objects, Locations, Durable, Shared], "another instance lists a new location", seen_elsewhere;
        "location-emptied", clause::DELETE_LOCATION, [Objects, Locations], "a location can be removed when the last object was deleted", emptied;
    }
}

async fn listed(stand: &Stand<'_>) -> Check {
    let locations = stand.objects()?.list_locations().await.map_err(told)?;
    let times = locations.iter().filter(|location| location.name == stand.location).count();
    ensure!(times == 1, "{} is listed {times} times", stand.location);
    Ok(())
}

async fn make(stand: &Stand<'_>, what: &str) -> anyhow::Result<String> {
    let name = stand.location_name(what);
    let made = stand.objects()?.create_location(&name, "create", Vec::new()).await.map_err(told).context("create")?;
    ensure!(made.name == name, "the new location is called {:?}", made.name);
    Ok(name)
}

async fn is_listed(stand: &Stand<'_>, name: &str) -> anyhow::Result<bool> {
    Ok(stand.objects()?.list_locations().await.map_err(told)?.iter().any(|location| location.name == name))
}

async fn made(stand: &Stand<'_>) -> Check {
    let name = make(stand, "new").await?;
    ensure!(is_listed(stand, &name).await?, "it is not listed");
    let port = stand.objects()?;
    let page = port.list(&name, flat("", 10)).await.map_err(told)?;
    ensure!(page.entries.is_empty() && page.next.is_none(), "a new location holds {page:?}");
    port.put(&name, "first", counting(3), "put", PutOptions::default()).await.map(drop).map_err(told)
}

async fn made_again(stand: &Stand<'_>) -> Check {
    let name = make(stand, "again").await?;
    let port = stand.objects()?;
    port.put(&name, "kept", counting(3), "put", PutOptions::default()).await.map_err(told)?;
    for _ in 0..9 {
        port.create_location(&name, "create", Vec::new()).await.map_err(told).context("the same attempt again")?;
    }
    let page = port.list(&name, flat("", 10)).await.map_err(told)?;
    ensure!(page.entries.len() == 1, "what was in it is gone");
    let times = port.list_locations().await.map_err(told)?.iter().filter(|location| location.name == name).count();
    ensure!(times == 1, "it is listed {times} times");
    Ok(())
}

async fn made_at_once(stand: &Stand<'_>) -> Check {
    let (port, name) = (stand.objects()?, stand.location_name("at-once"));
    let outcomes = join_all((0..6).map(|_| port.create_location(&name, "create", Vec::new()))).await;
    for outcome in outcomes {
        match outcome {
            Ok(_) => {}
            // One that comes while the other is under way may be told to come again.
            Err(failure) => ensure!(failure.may_retry(), told(failure)),
        }
    }
    ensure!(is_listed(stand, &name).await?, "none was made");
    Ok(())
}

async fn removed(stand: &Stand<'_>) -> Check {
    let name = make(stand, "short").await?;
    let port = stand.objects()?;
    port.delete_location(&name, "delete").await.map_err(told)?;
    ensure!(!is_listed(stand, &name).await?, "it is still listed");
    fails(port.list(&name, flat("", 1)).await, Kind::NotFound, "a listing of what was removed")
}

async fn removed_full(stand: &Stand<'_>) -> Check {
    let name = make(stand, "full").await?;
    let port = stand.objects()?;
    port.put(&name, "in the way", counting(3), "put", PutOptions::default()).await.map_err(told)?;
    fails(port.delete_location(&name, "delete").await, Kind::Conflict, "removal of a location that holds something")?;
    let page = port.list(&name, flat("", 10)).await.map_err(told)?;
    ensure!(page.entries.len() == 1, "what was in it is gone");
    Ok(())
}

async fn removed_absent(stand: &Stand<'_>) -> Check {
    fails(stand.objects()?.delete_location(&stand.location_name("never"), "delete").await, Kind::NotFound, "removal")
}

async fn removed_again(stand: &Stand<'_>) -> Check {
    let name = make(stand, "twice").await?;
    let port = stand.objects()?;
    port.delete_location(&name, "delete").await.map_err(told)?;
    match port.delete_location(&name, "delete").await {
        Ok(()) => Ok(()),
        Err(failure) => fails::<()>(Err(failure), Kind::NotFound, "the same removal again"),
    }
}

async fn wrong_names(stand: &Stand<'_>) -> Check {
    for name in ["", "a/b"] {
        let made = stand.objects()?.create_location(name, "create", Vec::new()).await;
        fails_as(made, &[Kind::Invalid], &format!("a location called {name:?}"))?;
    }
    Ok(())
}

async fn seen_elsewhere(stand: &Stand<'_>) -> Check {
    let name = make(stand, "elsewhere").await?;
    let other = stand.kit()?.another(|_| ())?;
    let port = other.objects.as_ref().context("another instance has no objects")?;
    let seen = port.list_locations().await.map_err(told)?.iter().any(|location| location.name == name);
    ensure!(seen, "another instance does not list it");
    Ok(())
}

async fn emptied(stand: &Stand<'_>) -> Check {
    let name = make(stand, "emptied").await?;
    let port = stand.objects()?;
    for key in ["a", "b/c", "d/"] {
        port.put(&name, key, counting(3), key, PutOptions::default()).await.map_err(told)?;
    }
    let keys = ["a", "b/c", "d/"].map(str::to_owned).to_vec();
    port.delete_many(&name, keys, "clear").await.map_err(told)?;
    port.delete_location(&name, "delete").await.map_err(told)
}
