//! Snapshots: made, edited, cloned and deleted.

use axum::http::Method;
use serde_json::json;

use crate::support::{GIB, door, path};

#[tokio::test]
async fn a_snapshot_is_made_of_a_drive_that_is_named_in_either_form() {
    let door = door();
    let drive = door.drive("a").await;
    for named in [drive["uuid"].clone(), json!({ "uuid": drive["uuid"] }), drive["resource_uri"].clone()] {
        let made =
            door.post("/snapshots/", json!({ "objects": [{ "drive": named, "name": "s", "tags": [] }] })).await.expect(201);
        let made = made.object().clone();
        assert_eq!((&made["status"], &made["allocated_size"]), (&json!("creating"), &json!(null)));
        assert_eq!(made["timestamp"], "2013-11-27 09:19:55.676194+00:00");
        door.get(path(&made)).await;
        assert_eq!(door.get(path(&made)).await.expect(200).body["status"], "available");
    }
    assert_eq!(door.get(path(&drive)).await.body["snapshots"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_snapshot_without_a_name_is_called_after_its_drive_and_time() {
    let door = door();
    let drive = door.drive("a").await;
    let made = door.post("/snapshots/", json!({ "drive": drive["uuid"] })).await.expect(201);
    assert_eq!(made.object()["name"], format!("{}__2013-11-27__09_19_55", drive["uuid"].as_str().unwrap()));
}

#[tokio::test]
async fn snapshots_are_listed_of_one_drive() {
    let door = door();
    let (a, b) = (door.drive("a").await, door.drive("b").await);
    let of = |drive: &serde_json::Value| json!({ "drive": drive["uuid"], "name": "s" });
    let made = door.post("/snapshots/", json!([of(&a), of(&b)])).await.expect(201);
    let found = door.get(&format!("/snapshots/?drive={}&name=s", a["uuid"].as_str().unwrap())).await.expect(200);
    assert_eq!(found.uuids(), [made.uuids()[0]]);
    for list in ["/snapshots/", "/snapshots/detail/"] {
        let all = door.get(list).await.expect(200);
        assert_eq!(all.uuids(), made.uuids());
        assert!(all.body["objects"][0]["timestamp"].is_string());
    }
}

#[tokio::test]
async fn an_edit_keeps_the_name_that_is_left_out() {
    let door = door();
    let drive = door.drive("a").await;
    let made = door.post("/snapshots/", json!({ "drive": drive["uuid"], "name": "s", "meta": { "k": "v" } })).await.expect(201);
    let at = path(made.object()).to_owned();
    let edited = door.put(&at, json!({})).await.expect(200).body;
    assert_eq!((&edited["name"], &edited["meta"]), (&json!("s"), &json!({})));
    assert_eq!(door.put(&at, json!({ "name": "t" })).await.expect(200).body["name"], "t");
}

#[tokio::test]
async fn a_clone_of_a_snapshot_is_a_bare_drive_called_as_the_snapshot() {
    let door = door();
    let drive = door.drive("a").await;
    let made = door.post("/snapshots/", json!({ "drive": drive["uuid"], "name": "s" })).await.expect(201);
    let clone = format!("{}action/?do=clone&avoid={}", path(made.object()), drive["uuid"].as_str().unwrap());
    let drive = door.call(Method::POST, &clone, "").await.expect(202).body;
    assert_eq!((&drive["name"], &drive["status"], &drive["size"]), (&json!("s"), &json!("cloning_dst"), &json!(GIB)));
    assert_eq!(door.post(&clone, json!({ "name": "t", "storage_type": "nvme" })).await.expect(202).body["storage_type"], "nvme");
    let refused = door.post(&clone.replace("do=clone", "do=restore"), json!({})).await.expect(400);
    assert_eq!(refused.errors(), [("validation", "do")]);
}

#[tokio::test]
async fn snapshots_are_deleted_alone_together_and_with_their_drive() {
    let door = door();
    let drive = door.drive("a").await;
    let one = json!({ "drive": drive["uuid"] });
    let made = door.post("/snapshots/", json!([one, one, one, one])).await.expect(201).body["objects"].clone();
    door.delete(path(&made[0])).await.expect(204);
    door.call(Method::DELETE, "/snapshots/", "").await.expect(400);
    let two = json!({ "objects": [{ "uuid": made[1]["uuid"] }, { "uuid": made[2]["uuid"] }] }).to_string();
    door.call(Method::DELETE, "/snapshots/", &two).await.expect(204);
    door.call(Method::DELETE, "/snapshots/", &two).await.expect(404);
    door.delete(path(&drive)).await.expect(204);
    door.get(path(&made[3])).await.expect(404);
}
