//! The rule, looked at when all work has come to rest.

use anyhow::{Context, ensure};
use serde_json::json;

use super::catalogue::{Catalogue, text};
use super::content::{CONTENT, GIB, holds, zeros};
use super::engine::Engine;
use super::operation::{API, Operation, Prepared};
use super::rig::{LOCAL, Rig, SINCE, SUBJECT};
use crate::client::Client;

/// Each engine has what the host tells of it, and nothing else.
pub fn in_step(client: &Client, engines: &[&dyn Engine]) -> anyhow::Result<()> {
    let told = Catalogue::read(client)?;
    for engine in engines {
        let (mut stock, volumes) = (engine.stock()?, told.volumes_of(engine.storage_type()));
        let name = engine.storage_type();
        for snapshot in std::mem::take(&mut stock.apart) {
            let of = volumes.iter().find(|(_, taken)| taken.contains(&snapshot)).map(|(volume, _)| volume);
            match of.and_then(|volume| stock.volumes.get_mut(volume)) {
                Some(there) => {
                    there.insert(snapshot);
                }
                None => stock.strays.push(snapshot),
            }
        }
        ensure!(stock.volumes == volumes, "{name} has {:?}, and the host tells of {volumes:?}", stock.volumes);
        ensure!(stock.strays.is_empty(), "{name} has what nobody tells of: {:?}", stock.strays);
    }
    Ok(())
}

/// The operation was done whole, or not at all where nobody was promised that it would be. What was made for it is removed.
pub(super) fn hold(rig: &Rig, operation: Operation, prepared: &Prepared, promised: bool) -> anyhow::Result<()> {
    rig.in_step()?;
    let client = rig.host.client();
    let after = Catalogue::read(&client)?;
    for (id, drive) in &after.drives {
        ensure!(drive.state == "ready" && drive.failure.is_none(), "drive {id} is not as it was nor as was asked: {drive:?}");
    }
    for (id, snapshot) in &after.snapshots {
        ensure!(snapshot.state == "available", "snapshot {id} is not as it was nor as was asked: {snapshot:?}");
    }
    let (made, taken) = (after.drive_called(&prepared.name), after.snapshot_called(&prepared.name));
    let done = match operation {
        Operation::Create | Operation::Clone | Operation::CloneIn | Operation::CloneOut => made.is_some(),
        Operation::Resize => after.drive(&prepared.id)?.size == prepared.size,
        Operation::Delete => !after.drives.contains_key(&prepared.id),
        Operation::Snapshot => taken.is_some(),
        Operation::DeleteSnapshot => !after.snapshots.contains_key(&prepared.id),
        Operation::Restore => is_restored(&client, &after)?,
    };
    ensure!(done || !promised, "it was promised, and was not done: {after:?}");
    nothing_else_changed(operation, prepared, &after, done)?;
    let subject = if operation == Operation::Restore && !done { (SUBJECT.0, SINCE) } else { SUBJECT };
    for (name, seed) in [subject, LOCAL] {
        if let Some(id) = after.drive_called(name) {
            holds(&client, id, seed, CONTENT, after.drive(id)?.size)?;
        }
    }
    match (operation, made, taken) {
        (Operation::Create, Some(id), _) => {
            is_as_asked(rig, &after, id, prepared, Operation::Create)?;
            zeros(&client, id, 0)?;
            zeros(&client, id, prepared.size / 2)
        }
        (Operation::Clone | Operation::CloneIn | Operation::CloneOut, Some(id), _) => {
            is_as_asked(rig, &after, id, prepared, operation)?;
            let seed = if operation == Operation::CloneIn { LOCAL.1 } else { SUBJECT.1 };
            holds(&client, id, seed, CONTENT, prepared.size)
        }
        (Operation::Snapshot, _, Some(id)) => has_the_bytes(rig, &client, id),
        (Operation::Restore, ..) => has_the_bytes(rig, &client, &prepared.id),
        _ => Ok(()),
    }
}

/// Whether the drive has the snapshot's bytes again; else it has those that were written since.
fn is_restored(client: &Client, after: &Catalogue) -> anyhow::Result<bool> {
    let id = after.drive_called(SUBJECT.0).context("the drive that was restored")?;
    let size = after.drive(id)?.size;
    if holds(client, id, SUBJECT.1, CONTENT, size).is_ok() {
        return Ok(true);
    }
    holds(client, id, SINCE, CONTENT, size).map(|()| false)
}

/// Of all drives and snapshots but the one that was asked for.
fn nothing_else_changed(operation: Operation, prepared: &Prepared, after: &Catalogue, done: bool) -> anyhow::Result<()> {
    let (mut before, mut after) = (prepared.before.clone(), after.clone());
    after.drives.retain(|_, drive| drive.name != prepared.name || operation == Operation::Resize);
    after.snapshots.retain(|_, snapshot| snapshot.name != prepared.name);
    if done {
        match operation {
            Operation::Delete => drop(before.drives.remove(&prepared.id)),
            Operation::DeleteSnapshot => drop(before.snapshots.remove(&prepared.id)),
            Operation::Resize => {
                let drive = before.drives.get_mut(&prepared.id).context("the drive that was resized")?;
                drive.size = prepared.size;
            }
            _ => {}
        }
    }
    ensure!(before == after, "something else changed: before {before:?}, now {after:?}");
    Ok(())
}

fn is_as_asked(rig: &Rig, after: &Catalogue, id: &str, prepared: &Prepared, operation: Operation) -> anyhow::Result<()> {
    let drive = after.drive(id)?;
    let place = if operation == Operation::CloneOut { "nvme" } else { rig.engine.storage_type() };
    ensure!(drive.size == prepared.size && drive.storage_type == place, "not as it was asked for: {drive:?}");
    Ok(())
}

/// As a drive that is made of it shows.
fn has_the_bytes(rig: &Rig, client: &Client, snapshot: &str) -> anyhow::Result<()> {
    let body = json!({ "name": "of a snapshot" });
    let made = client.post(&format!("{API}/snapshots/{snapshot}/action/?do=clone"), &body)?;
    let id = text(&made, "/uuid")?;
    rig.settle()?;
    let size = Catalogue::read(client)?.drive(&id)?.size;
    ensure!(size >= GIB, "a drive of {size} bytes was made of a snapshot");
    holds(client, &id, SUBJECT.1, CONTENT, size)?;
    client.delete(&format!("{API}/drives/{id}/"))?;
    rig.settle()
}
