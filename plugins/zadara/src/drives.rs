//! Drives as the VPSA's volumes: looked at, made, cloned, grown.

use capstan_sdk::drive::check_name;
use capstan_sdk::failure::{already_exists, busy, conflict, invalid, not_found};
use capstan_sdk::types::{Drive, DrivePage};
use capstan_sdk::{Outcome, named};
use serde_json::json;

use crate::access;
use crate::answers::{GIB, Volume, id};
use crate::client::{Client, Looks, Said, client};
use crate::pools::{GRANULARITY, MAXIMUM, pool};
use crate::record::{self, Kept, Phase, Place, own};
use crate::remover;

/// Drives of one page.
const DRIVES: u32 = 500;
/// From so many drives on, one list of all volumes is cheaper than a question each.
const FEW: usize = 4;
const OFF: &str = "NO";
const ON: &str = "YES";

pub(crate) fn drive(name: &str, volume: &Volume) -> Outcome<Drive> {
    Ok(Drive {
        name: name.to_owned(),
        size: volume.size()?,
        used: volume.used(),
        created: volume.created(),
        extras: vec![named("engine-id", &volume.name)],
    })
}

pub(crate) fn vanished(place: Place<'_>) -> capstan_sdk::Failure {
    not_found(format!("the volume of {} was deleted on the VPSA", place.subject())).code("volume-gone")
}

pub(crate) async fn get(place: Place<'_>) -> Outcome<Drive> {
    let (_, volume) = record::ready(place).await?;
    let volume = client()?.volume(&volume).await?.ok_or_else(|| vanished(place))?;
    drive(place.name, &volume)
}

pub(crate) async fn list(location: &str, after: Option<&str>, limit: u32) -> Outcome<DrivePage> {
    let client = client()?;
    pool(&client, location).await?;
    let limit = limit.clamp(1, DRIVES);
    let names = record::names(location, after, limit).await?;
    let next = names.last().filter(|_| names.len() >= limit as usize).cloned();
    let mut wanted = Vec::new();
    for name in names {
        if let Some(kept) = Kept::<record::Drive>::find(Place { location, name: &name }.key()).await?
            && kept.value.phase == Phase::Ready
            && let Some(volume) = kept.value.volume
        {
            wanted.push((name, volume));
        }
    }
    let volumes = volumes(&client, &wanted).await?;
    let shown = wanted.iter().filter_map(|(name, id)| {
        let volume = volumes.iter().find(|volume| volume.name == *id)?;
        Some(drive(name, volume))
    });
    Ok(DrivePage { drives: shown.collect::<Outcome<Vec<_>>>()?, next })
}

async fn volumes(client: &Client, wanted: &[(String, String)]) -> Outcome<Vec<Volume>> {
    let mut found = Vec::new();
    if wanted.len() <= FEW {
        for (_, id) in wanted {
            found.extend(client.volume(id).await?);
        }
        return Ok(found);
    }
    let mut wrong = None;
    client
        .rows("/api/volumes.json", "volumes", "list of volumes", |row| {
            let name = row.get("name").and_then(serde_json::Value::as_str);
            if wanted.iter().any(|(_, id)| Some(id.as_str()) == name) {
                match crate::answers::one::<Volume>(&json!({ "volume": row }), "volume") {
                    Ok(volume) => found.push(volume),
                    Err(failure) => wrong = Some(failure),
                }
            }
            found.len() >= wanted.len()
        })
        .await?;
    wrong.map_or(Ok(found), Err)
}

/// How a new drive comes about.
pub(crate) enum Recipe {
    Empty,
    /// Of a consistency group as it is, or as one of its snapshots has it.
    Clone {
        cg: String,
        snapshot: Option<String>,
    },
}

pub(crate) async fn create(place: Place<'_>, size: u64, attempt: &str) -> Outcome<Drive> {
    pool(&*client()?, place.location).await?;
    if !(GRANULARITY..=MAXIMUM).contains(&size) || !size.is_multiple_of(GRANULARITY) {
        return Err(invalid(format!("a drive has 1 GiB to {} GiB, in whole GiB", MAXIMUM / GIB)).code("size"));
    }
    make(place, size, attempt, Recipe::Empty).await
}

pub(crate) async fn clone(place: Place<'_>, snapshot: Option<&str>, to: &str, attempt: &str) -> Outcome<Drive> {
    check_name(to, "drive")?;
    let new = Place { location: place.location, name: to };
    let client = client()?;
    // What was made by this attempt needs no source any more.
    if let Some(kept) = own(Kept::find(new.key()).await?, attempt, |drive: &record::Drive| &drive.attempt, &new.subject())?
        && kept.value.phase == Phase::Ready
    {
        return get(new).await;
    }
    let (_, source) = record::ready(place).await?;
    let (size, recipe) = match snapshot {
        None => {
            let volume = client.settled(&source, &place.subject()).await?.ok_or_else(|| vanished(place))?;
            (volume.size()?, Recipe::Clone { cg: volume.cg()?.to_owned(), snapshot: None })
        }
        Some(name) => {
            let taken = crate::snapshots::ready(place, name).await?;
            (taken.size, Recipe::Clone { cg: taken.cg, snapshot: taken.id })
        }
    };
    make(new, size, attempt, recipe).await
}

/// Makes the volume of a drive, or goes on where an earlier call of the attempt ended.
async fn make(place: Place<'_>, size: u64, attempt: &str, recipe: Recipe) -> Outcome<Drive> {
    let (client, subject) = (client()?, place.subject());
    let known = own(Kept::find(place.key()).await?, attempt, |drive: &record::Drive| &drive.attempt, &subject)?;
    let kept = match known {
        Some(kept) if kept.value.phase == Phase::Ready => return get(place).await,
        Some(kept) if kept.value.phase == Phase::Deleting => {
            return Err(already_exists(format!("{subject} is being deleted")));
        }
        Some(kept) => kept,
        None => {
            // What is called so and is not ours was there before anything was remembered.
            if client.called(place.location, place.name).await?.is_some() {
                return Err(already_exists(format!(
                    "the pool has a volume called {:?} that is no drive of this target",
                    place.name
                )));
            }
            Kept::begin(place.key(), record::Drive::making(attempt, size)).await?
        }
    };
    let volume = match brew(&client, place.location, place.name, &recipe, size).await {
        Ok(volume) => volume,
        Err(failure) => {
            // What is certain leaves nothing behind; of everything else the next call of the attempt makes an end.
            if !failure.may_retry() && !failure.fault().maybe_done && remover::clear(&client, place).await.is_ok() {
                kept.forget().await?;
            }
            return Err(failure);
        }
    };
    let is = volume.size()?;
    if is != kept.value.size {
        remover::clear(&client, place).await?;
        kept.forget().await?;
        let sizes = format!("{is} bytes instead of {size}");
        return Err(conflict(format!("the VPSA made {subject} of another size")).code("size-mismatch").detail(sizes));
    }
    let id = id("volume", &volume.name)?.to_owned();
    kept.put(|drive| (drive.phase, drive.volume) = (Phase::Ready, Some(id))).await?;
    drive(place.name, &volume)
}

/// A volume of that name, ordered unless it is there, when the VPSA has done with it. A clone that is smaller than `size` grows.
pub(crate) async fn brew(client: &Client, pool: &str, name: &str, recipe: &Recipe, size: u64) -> Outcome<Volume> {
    let subject = format!("drive {name:?}");
    let volume = match client.called(pool, name).await? {
        Some(volume) => volume,
        None => {
            match order(client, pool, name, recipe, size).await? {
                // Of an earlier request whose answer was lost.
                Err(refusal) if refusal.is_taken() => {}
                Err(refusal) if refusal.is_certain() => return Err(refusal.failure(&subject)),
                Err(refusal) => return Err(refusal.failure(&subject).maybe_done()),
                Ok(_) => {}
            }
            let mut looks = Looks::new();
            loop {
                if let Some(volume) = client.called(pool, name).await? {
                    break volume;
                }
                looks.next(&subject).await?;
            }
        }
    };
    let gone = || busy(format!("the VPSA took {subject} away while it was made"));
    client.settled(&volume.name, &subject).await?.ok_or_else(gone)
}

async fn order(client: &Client, pool: &str, name: &str, recipe: &Recipe, size: u64) -> Outcome<Said> {
    let switch = |on: bool| if on { ON } else { OFF };
    match recipe {
        Recipe::Empty => {
            let fields = json!({
                "pool": pool,
                "name": name,
                "capacity": format!("{}G", size / GIB),
                "block": ON,
                "thin": ON,
                "crypt": switch(client.config.encrypt),
                "attachpolicies": OFF,
            });
            client.change("POST", "/api/volumes.json", fields).await
        }
        Recipe::Clone { cg, snapshot } => {
            let mut fields = json!({ "name": name });
            if let (Some(fields), Some(snapshot)) = (fields.as_object_mut(), snapshot) {
                fields.insert("snapshot_id".to_owned(), json!(snapshot));
            }
            client.change("POST", &format!("/api/consistency_groups/{}/clone.json", id("cg", cg)?), fields).await
        }
    }
}

pub(crate) async fn resize(place: Place<'_>, size: u64) -> Outcome<Drive> {
    let client = client()?;
    let (_, volume) = record::ready(place).await?;
    if size > MAXIMUM || !size.is_multiple_of(GRANULARITY) {
        return Err(invalid(format!("a drive has up to {} GiB, in whole GiB", MAXIMUM / GIB)).code("size"));
    }
    let volume = grow(&client, &volume, size, &place.subject()).await?.ok_or_else(|| vanished(place))?;
    access::forget(&volume.name);
    drive(place.name, &volume)
}

/// The VPSA is told by how much a volume grows, so it is asked for its size before each request, and only while it does nothing
/// else.
pub(crate) async fn grow(client: &Client, volume: &str, size: u64, subject: &str) -> Outcome<Option<Volume>> {
    let Some(before) = client.settled(volume, subject).await? else { return Ok(None) };
    let now = before.size()?;
    if now == size {
        return Ok(Some(before));
    }
    if now > size {
        return Err(invalid(format!("{subject} has {now} bytes and does not shrink")).code("shrink"));
    }
    if !now.is_multiple_of(GRANULARITY) {
        return Err(invalid(format!("{subject} has no whole number of GiB")).code("size"));
    }
    let fields = json!({ "capacity": format!("{}G", (size - now) / GIB) });
    let said = client.change("POST", &format!("/api/volumes/{volume}/expand.json"), fields).await?;
    if let Err(refusal) = said {
        let failure = refusal.failure(subject);
        return Err(if refusal.is_certain() { failure } else { failure.maybe_done() });
    }
    let mut looks = Looks::new();
    loop {
        let Some(volume) = client.settled(volume, subject).await? else { return Ok(None) };
        let is = volume.size()?;
        if is == size {
            return Ok(Some(volume));
        }
        if is > size {
            return Err(conflict(format!("{subject} grew further than was asked: somebody else enlarges it too"))
                .code("size-mismatch")
                .detail(format!("{is} bytes instead of {size}")));
        }
        looks.next(subject).await?;
    }
}
