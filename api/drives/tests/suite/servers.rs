//! Servers, and what mounting means for a drive.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Door, GIB, door, path};

async fn status(door: &Door, object: &Value) -> String {
    door.get(path(object)).await.expect(200).body["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_drive_is_mounted_while_a_server_lists_it() {
    let door = door();
    let drive = door.drive("a").await;
    let server = door.server(&[&drive]).await;
    assert_eq!((&server["status"], &server["drives"][0]["dev_channel"]), (&json!("stopped"), &json!("0:0")));
    assert_eq!(server["drives"][0]["drive"]["resource_uri"], drive["resource_uri"]);
    assert_eq!(status(&door, &drive).await, "mounted");
    assert_eq!(door.get(path(&drive)).await.body["mounted_on"][0]["uuid"], server["uuid"]);

    let mut without = door.get(path(&server)).await.expect(200).body;
    without["drives"] = json!([]);
    door.put(path(&server), without).await.expect(200);
    assert_eq!(status(&door, &drive).await, "unmounted");
}

#[tokio::test]
async fn what_a_client_read_of_a_server_can_be_sent_back() {
    let door = door();
    let server = door.server(&[&door.drive("a").await]).await;
    assert_eq!(door.put(path(&server), server.clone()).await.expect(200).body, server);
    for (member, value) in [("nics", json!([])), ("runtime", Value::Null), ("vnc_password", Value::Null)] {
        assert_eq!(server[member], value, "clients look for {member}");
    }
}

#[tokio::test]
async fn an_edit_that_says_nothing_of_drives_leaves_them() {
    let door = door();
    let drive = door.drive("a").await;
    let server = door.server(&[&drive]).await;
    let edited = door.put(path(&server), json!({ "name": "t", "cpu": 2000.0, "mem": 2 * GIB })).await.expect(200).body;
    assert_eq!((&edited["name"], &edited["cpu"], &edited["drives"]), (&json!("t"), &json!(2000), &server["drives"]));
    assert_eq!(status(&door, &drive).await, "mounted");
}

#[tokio::test]
async fn a_running_server_holds_its_drives() {
    let door = door();
    let drive = door.drive("a").await;
    let server = door.server(&[&drive]).await;
    let act = |action: &str| format!("{}action/?do={action}", path(&server));
    for body in ["", "{}", "null"] {
        let begun = door.call(Method::POST, &act("start"), body).await.expect(202).body;
        assert_eq!(begun, json!({ "action": "start", "result": "success", "uuid": server["uuid"] }));
        assert_eq!(status(&door, &server).await, "running");
        assert_eq!(door.post(&act("start"), json!({})).await.expect(403).errors(), [("permission", "")]);

        let changed = json!({ "name": "new", "media": "cdrom", "size": 4 * GIB, "meta": { "k": "v" }, "allow_multimount": true });
        let edited = door.put(path(&drive), changed.clone()).await.expect(200).body;
        assert_eq!(
            (&edited["name"], &edited["meta"], &edited["allow_multimount"]),
            (&json!("new"), &json!({ "k": "v" }), &json!(true))
        );
        assert_eq!((&edited["media"], &edited["size"]), (&json!("disk"), &json!(GIB)));
        for refused in [
            door.post(&format!("{}action/?do=resize", path(&drive)), changed).await,
            door.delete(path(&drive)).await,
            door.delete(path(&server)).await,
        ] {
            assert_eq!(refused.expect(403).errors(), [("permission", "")]);
        }
        door.post(&act("stop"), json!({})).await.expect(202);
    }
    door.post(&act("start"), json!({})).await.expect(202);
    door.post(&act("shutdown"), json!({})).await.expect(202);
    door.delete(path(&drive)).await.expect(204);
}

#[tokio::test]
async fn only_a_drive_that_allows_it_is_mounted_twice() {
    let door = door();
    let drive = door.drive("a").await;
    door.server(&[&drive]).await;
    let second = json!({ "name": "s", "cpu": 1, "mem": 1, "drives": [{ "drive": drive["uuid"] }] });
    assert_eq!(door.post("/servers/", second.clone()).await.expect(403).errors(), [("permission", "")]);
    let shared = json!({ "name": "a", "media": "disk", "size": GIB, "allow_multimount": true });
    door.put(path(&drive), shared).await.expect(200);
    door.post("/servers/", second).await.expect(201);
    assert_eq!(door.get(path(&drive)).await.body["mounted_on"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_server_goes_alone_or_with_the_drives_that_were_named() {
    let door = door();
    for (query, stays) in [
        ("", &["disk", "cdrom"][..]),
        ("?recurse=disks", &["cdrom"]),
        ("?recurse=cdroms", &["disk"]),
        ("?recurse=all_drives", &[]),
    ] {
        let disk = door.drive("disk").await;
        let cdrom = door.drive("cdrom").await;
        door.put(path(&cdrom), json!({ "name": "cdrom", "media": "cdrom", "size": GIB })).await.expect(200);
        let server = door.server(&[&disk, &cdrom]).await;
        assert_eq!(server["drives"][1]["dev_channel"], "0:1");
        door.delete(&format!("{}{query}", path(&server))).await.expect(204);
        for drive in [&disk, &cdrom] {
            let there = door.get(path(drive)).await.status.is_success();
            assert_eq!(there, stays.contains(&drive["name"].as_str().unwrap()), "{query} {}", drive["name"]);
            if there {
                assert_eq!(status(&door, drive).await, "unmounted");
                door.delete(path(drive)).await.expect(204);
            }
        }
    }
}

#[tokio::test]
async fn servers_are_listed_in_both_forms() {
    let door = door();
    let server = door.server(&[]).await;
    let short = door.get("/servers/").await.expect(200).body;
    assert!(short["objects"][0].as_object().unwrap().keys().eq(["name", "owner", "resource_uri", "runtime", "status", "uuid"]));
    assert_eq!(door.get("/servers/detail/?name=s").await.expect(200).body["objects"], json!([server]));
    let tag = door.post("/tags/", json!({ "name": "t", "resources": [server["uuid"]] })).await.expect(201).object().clone();
    let tagged = door.get(&format!("{}servers/detail/", path(&tag))).await.expect(200);
    assert_eq!(tagged.uuids(), [server["uuid"].as_str().unwrap()]);
    assert_eq!(tag["resources"][0]["res_type"], "servers");
}
