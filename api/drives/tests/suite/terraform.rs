//! The requests that the Terraform provider makes, in their order and with the bodies its SDK writes: members that are empty or false
//! are left out, members that are objects are sent empty.

use serde_json::{Value, json};

use crate::support::{Door, GIB, door, path};

/// Looks as often as the provider would, which takes any other status than these for a failure.
async fn wait(door: &Door, object: &Value, pending: &[&str], target: &[&str]) -> Value {
    for _ in 0..5 {
        let now = door.get(path(object)).await.expect(200).body;
        let status = now["status"].as_str().unwrap();
        if target.contains(&status) {
            return now;
        }
        assert!(pending.contains(&status), "{status} while waiting for {target:?}");
    }
    panic!("it never was {target:?}");
}

const READY: [&str; 2] = ["mounted", "unmounted"];
const MAKING: [&str; 2] = ["cloning_dst", "creating"];
const CHANGING: [&str; 3] = ["cloning_dst", "creating", "resizing"];

async fn make(door: &Door, name: &str) -> Value {
    let body = json!({ "objects": [{ "media": "disk", "name": name, "size": 5 * GIB }] });
    let made = door.post("/drives/", body).await.expect(201);
    wait(door, made.object(), &MAKING, &READY).await
}

#[tokio::test]
async fn a_drive_is_created_with_tags() {
    let door = door();
    let tag = door.post("/tags/", json!({ "objects": [{ "name": "t", "owner": {}, "uuid": "" }] })).await.expect(201);
    let drive = make(&door, "x").await;
    // What it read, without the id and without what is false or empty.
    let mut body: serde_json::Map<_, _> = drive.as_object().unwrap().clone();
    body.remove("uuid");
    body.retain(|_, value| !matches!(value, Value::Bool(false) | Value::Null) && *value != json!([]) && *value != json!({}));
    body.insert("tags".into(), json!([{ "owner": {}, "uuid": tag.object()["uuid"] }]));
    door.put(path(&drive), body.into()).await.expect(200);
    let read = door.get(path(&drive)).await.expect(200).body;
    for member in ["media", "name", "resource_uri", "size", "status", "storage_type", "uuid"] {
        assert_eq!(read[member], drive[member], "{member}");
    }
    assert_eq!(read["tags"][0]["uuid"], tag.object()["uuid"]);
    assert_eq!(read["mounted_on"], json!([]));
}

#[tokio::test]
async fn a_drive_is_cloned_instead_of_created() {
    let door = door();
    let source = make(&door, "source").await;
    let body = json!({ "media": "disk", "name": "x", "size": 6 * GIB });
    let made = door.post(&format!("{}action/?do=clone", path(&source)), body).await.expect(202);
    let drive = wait(&door, made.object(), &MAKING, &READY).await;
    assert_eq!((&drive["name"], &drive["size"]), (&json!("x"), &json!(6 * GIB)));
}

#[tokio::test]
async fn a_mounted_drive_grows_while_its_server_is_stopped_and_loses_tags_that_are_left_out() {
    let door = door();
    let drive = make(&door, "x").await;
    let tag = door.post("/tags/", json!({ "objects": [{ "name": "t", "resources": [drive["uuid"]] }] })).await.expect(201);
    assert_eq!(tag.object()["resources"][0]["res_type"], "drives");
    let server = door.server(&[&drive]).await;
    // The SDK sends no body with an action.
    let act = |action: &str| format!("{}action/?do={action}", path(&server));
    door.call(axum::http::Method::POST, &act("start"), "").await.expect(202);
    door.call(axum::http::Method::POST, &act("stop"), "").await.expect(202);
    wait(&door, &server, &["stopping"], &["stopped"]).await;
    let body = json!({ "media": "disk", "name": "x", "size": 10 * GIB, "storage_type": "dssd" });
    door.put(path(&drive), body).await.expect(200);
    door.call(axum::http::Method::POST, &act("start"), "").await.expect(202);
    let now = wait(&door, &drive, &CHANGING, &READY).await;
    assert_eq!((&now["status"], &now["size"], &now["tags"]), (&json!("mounted"), &json!(10 * GIB), &json!([])));
}

#[tokio::test]
async fn a_server_is_edited_with_the_sdks_own_name_for_its_drives() {
    let door = door();
    let drive = make(&door, "x").await;
    let server = door.server(&[]).await;
    let attach = json!({
        "cpu": 1000, "mem": GIB, "name": "s", "vnc_password": "x",
        "drives": [{ "boot_order": 1, "dev_channel": "0:0", "device": "virtio", "drive": drive["uuid"] }],
    });
    door.put(path(&server), attach).await.expect(200);
    let edit = json!({ "cpu": 2000, "mem": GIB, "name": "s", "owner": {}, "drive": [], "vnc_password": "x" });
    let edited = door.put(path(&server), edit).await.expect(200).body;
    assert_eq!((&edited["cpu"], &edited["drives"][0]["drive"]["uuid"]), (&json!(2000), &drive["uuid"]));
}

#[tokio::test]
async fn a_drive_is_found_by_its_exact_name() {
    let door = door();
    let drive = make(&door, "x").await;
    make(&door, "xx").await;
    let found = door.get("/drives/detail/?limit=0&name=x").await.expect(200);
    assert_eq!(found.uuids(), [drive["uuid"].as_str().unwrap()]);
}

#[tokio::test]
async fn a_drive_that_was_deleted_is_gone_at_once() {
    let door = door();
    let drive = make(&door, "x").await;
    door.delete(path(&drive)).await.expect(204);
    door.get(path(&drive)).await.expect(404);
}

#[tokio::test]
async fn a_snapshot_is_made_watched_renamed_and_deleted() {
    let door = door();
    let drive = make(&door, "x").await;
    let body = json!({ "objects": [{ "drive": { "uuid": drive["uuid"] }, "name": "s", "owner": {}, "tags": [] }] });
    let made = door.post("/snapshots/", body).await.expect(201);
    let snapshot = wait(&door, made.object(), &MAKING, &["available"]).await;
    let change = json!({ "drive": { "uuid": drive["uuid"] }, "name": "t", "owner": {} });
    assert_eq!(door.put(path(&snapshot), change).await.expect(200).body["name"], "t");
    door.delete(path(&snapshot)).await.expect(204);
    door.get(path(&snapshot)).await.expect(404);
}
