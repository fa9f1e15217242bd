//! Takes drives away, with whatever of them is on the VPSA.

use capstan_sdk::Outcome;
use capstan_sdk::failure::busy;
use serde_json::json;

use crate::access;
use crate::answers::{Progress, Server, Snapshot, Volume, id, many};
use crate::client::{Client, Looks, client};
use crate::record::{self, Kept, Phase, Place};

/// An absent drive is a success.
pub(crate) async fn delete(place: Place<'_>) -> Outcome<()> {
    let client = client()?;
    let Some(kept) = Kept::<record::Drive>::find(place.key()).await? else { return Ok(()) };
    let mut ids = ids(&client, place, &kept.value).await?;
    // Before the first of it goes: a drive that somebody holds stays whole.
    if kept.value.phase != Phase::Deleting {
        for id in &ids {
            held_by_none(&client, id, &place.subject()).await?;
        }
    }
    let kept = kept.put(|drive| drive.phase = Phase::Deleting).await?;
    for id in ids.drain(..) {
        unmake(&client, &id, &place.subject()).await?;
    }
    for (_, snapshot) in record::snapshots(place).await? {
        snapshot.forget().await?;
    }
    kept.forget().await
}

/// The volumes that are the drive's: as remembered, and what a half-made one is called.
async fn ids(client: &Client, place: Place<'_>, drive: &record::Drive) -> Outcome<Vec<String>> {
    let mut ids = drive.before.clone();
    ids.extend(drive.volume.clone());
    if drive.volume.is_none() {
        ids.extend(client.all_called(place.location, place.name).await?.into_iter().map(|volume| volume.name));
    }
    if let Some(restoring) = drive.restoring.as_ref().filter(|restoring| !restoring.done) {
        ids.extend(client.all_called(place.location, &restoring.called).await?.into_iter().map(|volume| volume.name));
    }
    ids.sort();
    ids.dedup();
    Ok(ids)
}

/// Takes away what was made under a drive's name before the drive was one.
pub(crate) async fn clear(client: &Client, place: Place<'_>) -> Outcome<()> {
    for volume in client.all_called(place.location, place.name).await? {
        unmake(client, &volume.name, &place.subject()).await?;
    }
    Ok(())
}

async fn servers(client: &Client, volume: &str, subject: &str) -> Outcome<Vec<Server>> {
    match client.look(&format!("/api/volumes/{volume}/servers.json")).await? {
        Ok(answer) => many(&answer, "servers"),
        Err(refusal) if refusal.is_absent() => Ok(Vec::new()),
        Err(refusal) => Err(refusal.failure(subject)),
    }
}

async fn held_by_none(client: &Client, volume: &str, subject: &str) -> Outcome<()> {
    let own = access::registered(client).await?;
    let others = servers(client, volume, subject).await?.into_iter().filter(|server| Some(&server.name) != own.as_ref());
    match others.map(|server| server.name).next() {
        Some(other) => Err(busy(format!("{subject} is attached to another server of the VPSA")).detail(other)),
        None => Ok(()),
    }
}

/// A volume with its snapshots. Each step is one that may have been done before; what the VPSA is at work on, perhaps on this, is
/// waited for.
pub(crate) async fn unmake(client: &Client, volume: &str, subject: &str) -> Outcome<()> {
    let mut looks = Looks::new();
    loop {
        let Some(found) = client.volume(id("volume", volume)?).await? else { return Ok(()) };
        if found.progress() != Progress::Working {
            unmake_at_rest(client, &found, subject).await?;
        }
        looks.next(subject).await?;
    }
}

async fn unmake_at_rest(client: &Client, volume: &Volume, subject: &str) -> Outcome<()> {
    held_by_none(client, &volume.name, subject).await?;
    access::detach(client, &volume.name).await?;
    for snapshot in snapshots(client, volume.cg()?, subject).await? {
        unmake_snapshot(client, &snapshot.name, subject).await?;
    }
    let said = client.change("DELETE", &format!("/api/volumes/{}.json", volume.name), json!({ "force": "YES" })).await?;
    match said {
        Err(refusal) if !refusal.is_absent() => Err(refusal.failure(subject)),
        _ => Ok(()),
    }
}

/// All snapshots of a consistency group.
pub(crate) async fn snapshots(client: &Client, cg: &str, subject: &str) -> Outcome<Vec<Snapshot>> {
    let path = format!("/api/consistency_groups/{}/snapshots.json", id("cg", cg)?);
    let mut found: Vec<Snapshot> = Vec::new();
    let mut wrong = None;
    let listed = client
        .rows(&path, "snapshots", subject, |row| {
            match crate::answers::one::<Snapshot>(&json!({ "snapshot": row }), "snapshot") {
                Ok(snapshot) => found.push(snapshot),
                Err(failure) => wrong = Some(failure),
            }
            false
        })
        .await;
    match listed {
        // With the last volume its group goes.
        Err(capstan_sdk::Failure::NotFound(_)) => Ok(Vec::new()),
        Err(failure) => Err(failure),
        Ok(()) => wrong.map_or(Ok(found), Err),
    }
}

pub(crate) async fn unmake_snapshot(client: &Client, snapshot: &str, subject: &str) -> Outcome<()> {
    let path = format!("/api/snapshots/{}.json", id("snap", snapshot)?);
    match client.change("DELETE", &path, json!({})).await? {
        Err(refusal) if !refusal.is_absent() => Err(refusal.failure(subject)),
        _ => Ok(()),
    }
}
