//! Snapshots of consistency groups, and clones.

use serde_json::{Value, json};

use super::answers::{Answer, listed, ok};
use super::asked::Asked;
use super::store::{Snapshot, Store, now};
use super::volumes::{TAKEN, WRONG, make};

const NO_GROUP: i64 = 20_006;
const NO_SNAPSHOT: i64 = 20_007;

pub(super) fn serve(store: &mut Store, asked: &Asked) -> anyhow::Result<Option<Answer>> {
    let words = asked.words();
    Ok(Some(match (asked.method.as_str(), words.as_slice()) {
        ("POST", ["consistency_groups", cg, "clone"]) => return clone(store, cg, asked).map(Some),
        ("POST", ["consistency_groups", cg, "snapshots"]) => return take(store, cg, asked).map(Some),
        ("GET", ["consistency_groups", cg, "snapshots"]) => match store.of_group(cg) {
            Some(_) => Ok(listed("snapshots", asked, shown(store, |snapshot| snapshot.cg == *cg))),
            None => Err((NO_GROUP, format!("Consistency group {cg} not found"))),
        },
        ("GET", ["snapshots"]) => Ok(listed("snapshots", asked, shown(store, |_| true))),
        ("GET", ["snapshots", id]) => match shown(store, |snapshot| snapshot.id == *id).pop() {
            Some(row) => Ok(ok(json!({ "snapshot": row }))),
            None => Err(absent(id)),
        },
        ("POST", ["snapshots", id, "rename"]) => match (store.snapshots.get_mut(*id), asked.field(&["newname"])) {
            (Some(snapshot), Some(name)) => {
                snapshot.display_name = name.to_owned();
                Ok(ok(json!({})))
            }
            (Some(_), None) => Err((WRONG, "Missing newname".to_owned())),
            (None, _) => Err(absent(id)),
        },
        ("DELETE", ["snapshots", id]) => match store.snapshots.remove(*id) {
            Some(_) => {
                std::fs::remove_file(store.file(id))?;
                Ok(ok(json!({})))
            }
            None => Err(absent(id)),
        },
        _ => return Ok(None),
    }))
}

fn absent(id: &str) -> (i64, String) {
    (NO_SNAPSHOT, format!("Snapshot {id} not found"))
}

fn shown(store: &Store, which: impl Fn(&Snapshot) -> bool) -> Vec<Value> {
    let row = |snapshot: &Snapshot| {
        let volume = store.of_group(&snapshot.cg);
        json!({
            "name": snapshot.id,
            "display_name": snapshot.display_name,
            "cg_name": snapshot.cg,
            "pool_name": snapshot.pool,
            "status": "normal",
            "volume_display_name": volume.map(|volume| &volume.display_name),
            "volume_ext_name": volume.map(|volume| &volume.id),
            "volume_capacity_mb": snapshot.capacity * 1024,
            "created_at": snapshot.created,
            "modified_at": snapshot.created,
        })
    };
    store.snapshots.values().filter(|snapshot| which(snapshot)).map(row).collect()
}

fn take(store: &mut Store, cg: &str, asked: &Asked) -> anyhow::Result<Answer> {
    let Some(volume) = store.of_group(cg).cloned() else {
        return Ok(Err((NO_GROUP, format!("Consistency group {cg} not found"))));
    };
    let Some(name) = asked.field(&["display_name"]) else { return Ok(Err((WRONG, "Missing display_name".to_owned()))) };
    if store.snapshots.values().any(|snapshot| snapshot.cg == cg && snapshot.display_name == name) {
        return Ok(Err((TAKEN, format!("A snapshot named {name} already exists"))));
    }
    let id = store.id("snap");
    store.copy(&volume.id, &id)?;
    let snapshot = Snapshot {
        id: id.clone(),
        display_name: name.to_owned(),
        cg: cg.to_owned(),
        pool: volume.pool,
        capacity: volume.capacity,
        created: now(),
    };
    store.snapshots.insert(id.clone(), snapshot);
    Ok(Ok(ok(json!({ "snapshot_name": id }))))
}

/// The answer tells no id, as that of a VPSA.
fn clone(store: &mut Store, cg: &str, asked: &Asked) -> anyhow::Result<Answer> {
    let Some(volume) = store.of_group(cg).cloned() else {
        return Ok(Err((NO_GROUP, format!("Consistency group {cg} not found"))));
    };
    let Some(name) = asked.field(&["name"]) else { return Ok(Err((WRONG, "Missing name".to_owned()))) };
    let (from, capacity) = match asked.field(&["snapshot_id", "snapshot"]) {
        None => (volume.id.clone(), volume.capacity),
        Some(id) => match store.snapshots.get(id).filter(|snapshot| snapshot.cg == cg) {
            Some(snapshot) => (snapshot.id.clone(), snapshot.capacity),
            None => return Ok(Err(absent(id))),
        },
    };
    let made = make(store, name, &volume.pool, capacity, volume.encrypted, |store, id| store.copy(&from, id))?;
    Ok(made.map(|_| ok(json!({}))))
}
