//! The envelope of all answers, and what is no volume: pools, servers, controllers.

use serde_json::{Value, json};

use super::asked::Asked;
use super::store::Store;
use super::target::{NAME, Target, USER};
use super::volumes::{NO_SERVER, TAKEN, WRONG};

/// What is answered, or status and sentence of a refusal.
pub(super) type Answer = Result<Value, (i64, String)>;

const NO_POOL: i64 = 20_005;

pub(super) fn ok(more: Value) -> Value {
    let mut response = json!({ "status": 0 });
    if let (Some(response), Value::Object(more)) = (response.as_object_mut(), more) {
        response.extend(more);
    }
    json!({ "response": response })
}

pub(super) fn refusal(status: i64, message: &str) -> Value {
    json!({ "response": { "status": status, "message": message } })
}

pub(super) fn listed(key: &str, asked: &Asked, rows: Vec<Value>) -> Value {
    let count = rows.len();
    ok(json!({ key: asked.page(rows), "count": count }))
}

pub(super) mod rows {
    use super::{Value, json};

    pub(in super::super) fn server(id: &str, display_name: &str, iqn: &str) -> Value {
        json!({
            "name": id,
            "display_name": display_name,
            "iqn": iqn,
            "iscsi_ip": null,
            "status": "Active",
            "created_at": "2026-11-22T00:00:00Z",
            "modified_at": "2026-11-22T00:00:00Z",
        })
    }
}

pub(super) fn login(asked: &Asked, key: &str) -> Value {
    match (asked.field(&["user"]), asked.field(&["password"])) {
        (Some("admin"), Some("secret")) => ok(json!({ "user": { "username": "admin", "access_key": key, "access-key": key } })),
        _ => refusal(5, "Invalid credentials"),
    }
}

pub(super) fn serve(store: &mut Store, target: &Target, asked: &Asked) -> anyhow::Result<Option<Answer>> {
    let words = asked.words();
    Ok(Some(match (asked.method.as_str(), words.as_slice()) {
        ("GET", ["pools"]) => Ok(listed("pools", asked, store.pools.iter().map(|(id, size)| pool(store, id, *size)).collect())),
        ("GET", ["pools", id]) => match store.pools.iter().find(|(one, _)| one == id) {
            Some((id, size)) => Ok(ok(json!({ "pool": pool(store, id, *size) }))),
            None => Err((NO_POOL, format!("Pool {id} not found"))),
        },
        ("GET", ["pools", _, "volumes_in_recycle_bin"]) => Ok(listed("volumes", asked, Vec::new())),
        ("GET", ["snapshot_policies"]) => Ok(listed("snapshot_policies", asked, Vec::new())),
        ("GET", ["vcontrollers"]) => Ok(listed("vcontrollers", asked, controllers(target))),
        ("GET", ["servers"]) => {
            let servers = store.servers.iter().map(|(id, (name, iqn))| rows::server(id, name, iqn));
            Ok(listed("servers", asked, servers.collect()))
        }
        ("GET", ["servers", id]) => match store.servers.get(*id) {
            Some((name, iqn)) => Ok(ok(json!({ "server": rows::server(id, name, iqn) }))),
            None => Err((NO_SERVER, format!("Server {id} not found"))),
        },
        ("POST", ["servers"]) => create_server(store, asked),
        ("DELETE", ["servers", id]) => {
            if store.volumes.values().any(|volume| volume.servers.iter().any(|server| server == id)) {
                Err((WRONG, format!("Invalid request: server {id} has volumes")))
            } else if store.servers.remove(*id).is_some() {
                Ok(ok(json!({})))
            } else {
                Err((NO_SERVER, format!("Server {id} not found")))
            }
        }
        _ => return Ok(None),
    }))
}

fn pool(store: &Store, id: &str, capacity: u64) -> Value {
    let free = store.free(id);
    json!({
        "name": id,
        "display_name": id,
        "status": "normal",
        "capacity": capacity,
        "available_capacity": free,
        "provisioned_capacity": capacity - free,
    })
}

/// One is active; the other has the same portal and waits.
fn controllers(target: &Target) -> Vec<Value> {
    let one = |number: u32, state: &str| {
        json!({
            "name": format!("vsa-00000001-vc-{number}"),
            "state": state,
            "target": NAME,
            "iscsi_ip": "127.0.0.1",
            "iscsi_ipv6": "",
            "vpsa_chap_user": USER,
            "vpsa_chap_secret": target.secret,
        })
    };
    vec![one(1, "standby"), one(0, "active")]
}

fn create_server(store: &mut Store, asked: &Asked) -> Answer {
    let (Some(name), Some(iqn)) = (asked.field(&["display_name"]), asked.field(&["iqn", "iscsi"])) else {
        return Err((WRONG, "Missing display_name or iqn".to_owned()));
    };
    if store.servers.values().any(|(_, known)| known == iqn) {
        return Err((TAKEN, format!("A server with {iqn} already exists")));
    }
    let (name, iqn) = (name.to_owned(), iqn.to_owned());
    let id = store.id("srv");
    store.servers.insert(id.clone(), (name, iqn));
    Ok(ok(json!({ "server_name": id })))
}
