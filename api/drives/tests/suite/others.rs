//! Capabilities, profile, tags, jobs and availability groups.

use serde_json::json;

use crate::support::{GIB, NOBODY, door, path};

#[tokio::test]
async fn capabilities_show_the_bounds_in_both_forms() {
    let found = door().get("/capabilities/").await.expect(200).body;
    let limits = &found["drives"]["dssd"];
    assert_eq!((&limits["min_size"], &limits["max_size"]), (&limits["size"]["min"], &limits["size"]["max"]));
    assert_eq!((&found["default_storage_type"], &limits["min_size"]), (&json!("dssd"), &json!(536_870_912)));
    assert!(found["drives"].get("zadara").is_none());
    assert_eq!(found["snapshots"], json!({ "current": 0, "max": 100, "max_per_drive": 10 }));
}

#[tokio::test]
async fn the_profile_says_how_clones_are_named() {
    let door = door();
    assert_eq!(door.get("/profile/").await.expect(200).body["clone_naming"], "NONE");
    for naming in ["DATE", "TIMESTAMP", "NONE", "COUNTER"] {
        let mut profile = door.get("/profile/").await.body;
        profile["clone_naming"] = json!(naming);
        profile["company"] = json!("x");
        assert_eq!(door.put("/profile/", profile).await.expect(200).body["clone_naming"], naming);
    }
    assert_eq!(door.put("/profile/", json!({ "email": "x" })).await.expect(200).body["clone_naming"], "COUNTER");
    let drive = door.drive("a").await;
    let clone = door.post(&format!("{}action/?do=clone", path(&drive)), json!({})).await.expect(202);
    assert_eq!(clone.object()["name"], "a_1");
}

#[tokio::test]
async fn tags_are_kept_with_what_has_them() {
    let door = door();
    let drive = door.drive("a").await;
    let made = door.post("/tags/", json!({ "objects": [{ "name": "t", "resources": [drive["uuid"]] }] })).await.expect(201);
    let tag = made.object().clone();
    assert_eq!(
        tag["resources"][0],
        json!({
            "owner": drive["owner"], "res_type": "drives", "resource_uri": drive["resource_uri"], "uuid": drive["uuid"],
        })
    );
    assert_eq!(door.get(path(&drive)).await.body["tags"][0]["uuid"], tag["uuid"]);
    // A new name takes the tag from nothing; an empty list takes it from all.
    assert_eq!(door.put(path(&tag), json!({ "name": "u" })).await.expect(200).body["resources"], tag["resources"]);
    for list in ["/tags/", "/tags/detail/"] {
        assert_eq!(door.get(&format!("{list}?name=u")).await.body["objects"][0]["resources"], tag["resources"]);
    }
    assert_eq!(door.put(path(&tag), json!({ "name": "u", "resources": [] })).await.expect(200).body["resources"], json!([]));
    door.delete(path(&tag)).await.expect(204);
    door.get(path(&tag)).await.expect(404);
}

#[tokio::test]
async fn jobs_are_listed_by_state() {
    let door = door();
    let drive = door.drive("a").await;
    door.post(&format!("{}action/?do=clone", path(&drive)), json!({})).await.expect(202);
    assert_eq!(door.get("/jobs/?state=success").await.expect(200).uuids().len(), 1);
    assert_eq!(door.get("/jobs/?state=started").await.expect(200).uuids().len(), 0);
    door.get(&format!("/jobs/{NOBODY}/")).await.expect(404);
}

#[tokio::test]
async fn availability_groups_have_no_envelope() {
    let door = door();
    let (a, b) = (door.drive("a").await, door.drive("b").await);
    let apart = json!({ "name": "c", "media": "disk", "size": GIB });
    let at = format!("/drives/?avoid={},{}", a["uuid"].as_str().unwrap(), b["uuid"].as_str().unwrap());
    let c = door.post(&at, apart).await.expect(201).object().clone();
    let groups = door.get("/drives/availability_groups/").await.expect(200).body;
    assert_eq!(groups, json!([[a["uuid"], b["uuid"]], [c["uuid"]]]));
    let group = |drive: &serde_json::Value| format!("/drives/availability_groups/{}/", drive["uuid"].as_str().unwrap());
    assert_eq!(door.get(&group(&b)).await.expect(200).body, json!([a["uuid"], b["uuid"]]));
    assert_eq!(door.get(&group(&c)).await.expect(200).body, json!([c["uuid"]]));
}
