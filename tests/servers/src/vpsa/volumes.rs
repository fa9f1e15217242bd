//! Volumes: made, looked at, grown, renamed, attached, deleted.

use std::time::Instant;

use serde_json::{Value, json};

use super::answers::{Answer, listed, ok, rows};
use super::asked::Asked;
use super::store::{Store, Volume, Work, now};
use super::target::{NAME, Target};

const GIB: u64 = 1 << 30;
/// A volume that is not there, a server that is not there; and numbers of this simulator's own.
pub(super) const NO_VOLUME: i64 = 10_081;
pub(super) const NO_SERVER: i64 = 10_086;
pub(super) const TAKEN: i64 = 20_001;
pub(super) const FULL: i64 = 20_002;
pub(super) const WRONG: i64 = 20_003;
const BUSY: i64 = 20_004;
const NO_POOL: i64 = 20_005;

pub(super) fn serve(store: &mut Store, target: &mut Target, asked: &Asked) -> anyhow::Result<Option<Answer>> {
    let words = asked.words();
    Ok(Some(match (asked.method.as_str(), words.as_slice()) {
        ("GET", ["volumes"]) => Ok(list(store, asked, |_| true)),
        ("GET", ["volumes", "free"]) => Ok(list(store, asked, |volume| volume.servers.is_empty())),
        ("POST", ["volumes"]) => return create(store, asked).map(Some),
        ("GET", ["volumes", id]) => found(store, id).map(|volume| ok(json!({ "volume": store.shown(volume) }))),
        ("DELETE", ["volumes", id]) => delete(store, id, asked),
        ("POST", ["volumes", id, "expand"]) => expand(store, id, asked),
        ("POST", ["volumes", id, "rename"]) => rename(store, id, asked),
        ("POST", ["volumes", id, "update_comment"]) => change(store, id).map(|volume| {
            volume.comment = asked.field(&["new_comment"]).unwrap_or_default().to_owned();
            ok(json!({}))
        }),
        ("GET", ["volumes", id, "servers"]) => found(store, id).map(|volume| listed("servers", asked, servers_of(store, volume))),
        ("GET", ["volumes", id, "performance"]) => found(store, id).map(|_| listed("usages", asked, Vec::new())),
        ("POST", ["volumes", id, "detach"]) => return detach(store, target, id, asked).map(Some),
        ("POST", ["servers", servers, "volumes"]) => return attach(store, target, servers, asked).map(Some),
        ("GET", ["servers", server, "volumes"]) => {
            Ok(list(store, asked, |volume| volume.servers.iter().any(|one| one == server)))
        }
        ("GET", ["pools", pool, "volumes"]) => Ok(list(store, asked, |volume| volume.pool == *pool)),
        _ => return Ok(None),
    }))
}

fn list(store: &Store, asked: &Asked, which: impl Fn(&Volume) -> bool) -> Value {
    let called = asked.field(&["display_name"]);
    let block = !asked.says_yes("showonlyfile");
    let wanted = store.volumes.values().filter(|volume| block && which(volume));
    let wanted = wanted.filter(|volume| called.is_none_or(|name| volume.display_name == name));
    listed("volumes", asked, wanted.map(|volume| store.shown(volume)).collect())
}

fn found<'a>(store: &'a Store, id: &str) -> Result<&'a Volume, (i64, String)> {
    store.volumes.get(id).ok_or_else(|| (NO_VOLUME, format!("Volume {id} not found")))
}

fn change<'a>(store: &'a mut Store, id: &str) -> Result<&'a mut Volume, (i64, String)> {
    let volume = store.volumes.get_mut(id).ok_or_else(|| (NO_VOLUME, format!("Volume {id} not found")))?;
    if volume.work.is_some() {
        return Err((BUSY, format!("Volume {id} is busy")));
    }
    Ok(volume)
}

fn create(store: &mut Store, asked: &Asked) -> anyhow::Result<Answer> {
    let (Some(pool), Some(name), Some(capacity)) = (asked.field(&["pool"]), asked.field(&["name"]), asked.capacity()) else {
        return Ok(Err((WRONG, "Missing pool, name or capacity".to_owned())));
    };
    if !store.pools.iter().any(|(id, _)| id == pool) {
        return Ok(Err((NO_POOL, format!("Pool {pool} not found"))));
    }
    if asked.field(&["block"]).is_some_and(|block| block != "YES") {
        return Ok(Err((WRONG, "Invalid volume: this array serves blocks only".to_owned())));
    }
    let made = make(store, name, pool, capacity, asked.says_yes("crypt"), |store, id| {
        let file = std::fs::File::create(store.file(id))?;
        Ok(file.set_len(capacity * GIB)?)
    })?;
    Ok(made.map(|id| ok(json!({ "vol_name": id }))))
}

/// The volume is there at once, and not ready for a moment.
pub(super) fn make(
    store: &mut Store,
    name: &str,
    pool: &str,
    capacity: u64,
    encrypted: bool,
    fill: impl FnOnce(&Store, &str) -> anyhow::Result<()>,
) -> anyhow::Result<Result<String, (i64, String)>> {
    if store.called(name).is_some() {
        return Ok(Err((TAKEN, format!("A volume named {name} already exists"))));
    }
    if store.free(pool) < capacity {
        return Ok(Err((FULL, format!("Not enough free capacity in pool {pool}"))));
    }
    let (id, cg) = (store.id("volume"), store.id("cg"));
    fill(store, &id)?;
    let volume = Volume {
        id: id.clone(),
        display_name: name.to_owned(),
        cg,
        pool: pool.to_owned(),
        capacity,
        created: now(),
        comment: String::new(),
        encrypted,
        work: Some((Instant::now() + store.moment, Work::Creating)),
        servers: Vec::new(),
        lun: None,
    };
    store.volumes.insert(id.clone(), volume);
    Ok(Ok(id))
}

fn delete(store: &mut Store, id: &str, asked: &Asked) -> Answer {
    let (forced, due) = (asked.says_yes("force"), Instant::now() + store.moment);
    let holds = found(store, id).map(|volume| store.snapshots.values().any(|snapshot| snapshot.cg == volume.cg))?;
    let volume = change(store, id)?;
    if !volume.servers.is_empty() {
        return Err((BUSY, format!("Volume {id} is attached to a server and busy")));
    }
    if holds && !forced {
        return Err((BUSY, format!("Volume {id} has snapshots and is busy")));
    }
    volume.work = Some((due, Work::Deleting));
    Ok(ok(json!({})))
}

fn expand(store: &mut Store, id: &str, asked: &Asked) -> Answer {
    let Some(more) = asked.capacity() else { return Err((WRONG, "Invalid capacity".to_owned())) };
    let pool = found(store, id)?.pool.clone();
    let (room, due) = (store.free(&pool), Instant::now() + store.moment);
    let volume = change(store, id)?;
    if room < more {
        return Err((FULL, format!("Not enough free capacity in pool {pool}")));
    }
    volume.work = Some((due, Work::Expanding(more)));
    Ok(ok(json!({})))
}

fn rename(store: &mut Store, id: &str, asked: &Asked) -> Answer {
    let Some(name) = asked.field(&["new_name"]) else { return Err((WRONG, "Missing new_name".to_owned())) };
    if store.called(name).is_some_and(|volume| volume.id != id) {
        return Err((TAKEN, format!("A volume named {name} already exists")));
    }
    change(store, id)?.display_name = name.to_owned();
    Ok(ok(json!({ "vol_name": id })))
}

fn servers_of(store: &Store, volume: &Volume) -> Vec<Value> {
    let known = volume.servers.iter().filter_map(|id| store.servers.get(id).map(|server| (id, server)));
    known
        .map(|(id, (display_name, iqn))| {
            let mut row = rows::server(id, display_name, iqn);
            if let Some(row) = row.as_object_mut() {
                row.insert("target".to_owned(), json!(NAME));
                row.insert("lun".to_owned(), json!(volume.lun));
            }
            row
        })
        .collect()
}

fn attach(store: &mut Store, target: &Target, servers: &str, asked: &Asked) -> anyhow::Result<Answer> {
    let servers: Vec<String> = servers.split(',').map(str::to_owned).collect();
    if let Some(absent) = servers.iter().find(|server| !store.servers.contains_key(*server)) {
        return Ok(Err((NO_SERVER, format!("Server {absent} not found"))));
    }
    let Some(id) = asked.field(&["volume_name", "volume_name[]"]) else {
        return Ok(Err((WRONG, "Missing volume_name".to_owned())));
    };
    let (lun, file) = (store.free_lun(), store.file(id));
    let volume = match change(store, id) {
        Ok(volume) => volume,
        Err(refused) => return Ok(Err(refused)),
    };
    if volume.lun.is_none() {
        let Some(lun) = lun else { return Ok(Err((FULL, "No space for another LUN".to_owned()))) };
        target.add(lun, id, &file)?;
        volume.lun = Some(lun);
    }
    for server in servers {
        if !volume.servers.contains(&server) {
            volume.servers.push(server);
        }
    }
    Ok(Ok(ok(json!({}))))
}

fn detach(store: &mut Store, target: &Target, id: &str, asked: &Asked) -> anyhow::Result<Answer> {
    let servers = asked.field(&["servers", "server_name[]", "server_name"]).unwrap_or_default().to_owned();
    let volume = match store.volumes.get_mut(id) {
        Some(volume) => volume,
        None => return Ok(Err((NO_VOLUME, format!("Volume {id} not found")))),
    };
    if !volume.servers.iter().any(|server| servers.split(',').any(|one| one == server)) {
        return Ok(Err((NO_SERVER, format!("Volume {id} is not attached: no such server"))));
    }
    volume.servers.retain(|server| !servers.split(',').any(|one| one == server));
    if volume.servers.is_empty()
        && let Some(lun) = volume.lun.take()
    {
        target.remove(lun)?;
    }
    Ok(Ok(ok(json!({}))))
}
