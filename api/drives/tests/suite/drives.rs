//! Drives: the envelopes of each call, what a definition means, statuses as clients wait for them, and drive users.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{GIB, NOBODY, door, path};

#[tokio::test]
async fn a_drive_has_exactly_the_members_of_the_published_api() {
    let door = door();
    let drive = door.drive("a").await;
    let members: Vec<_> = drive.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        members,
        [
            "affinities",
            "allow_multimount",
            "grantees",
            "jobs",
            "licenses",
            "media",
            "meta",
            "mounted_on",
            "name",
            "owner",
            "permissions",
            "resource_uri",
            "runtime",
            "size",
            "snapshots",
            "status",
            "storage_type",
            "tags",
            "uuid",
        ]
    );
    assert_eq!(drive["resource_uri"], format!("/api/2.0/drives/{}/", drive["uuid"].as_str().unwrap()));
    assert!(drive["size"].is_u64() && drive["meta"].is_object());
}

#[tokio::test]
async fn drives_are_created_from_one_object_from_objects_and_from_a_list() {
    let door = door();
    let drive = |name: &str| json!({ "name": name, "media": "disk", "size": GIB, "colour": "red" });
    let one = door.post("/drives/", drive("a")).await.expect(201);
    assert_eq!(one.headers["location"].to_str().unwrap(), one.object()["resource_uri"]);
    assert_eq!(one.object()["status"], "creating");
    door.post("/drives/", json!({ "objects": [drive("b")] })).await.expect(201).object();
    for body in [json!({ "objects": [drive("c"), drive("d")] }), json!([drive("c"), drive("d")])] {
        let many = door.post("/drives/", body).await.expect(201);
        let names: Vec<_> = many.body["objects"].as_array().unwrap().iter().map(|drive| drive["name"].clone()).collect();
        assert_eq!(names, ["c", "d"]);
        assert!(!many.headers.contains_key("location"));
    }
}

#[tokio::test]
async fn sizes_are_taken_as_clients_write_them_and_answered_as_whole_numbers() {
    let door = door();
    for (size, bytes) in [
        (json!(GIB), GIB),
        (json!("1073741824"), GIB),
        (json!(1_610_612_736.0), 1_610_612_736),
        (json!(1_207_959_631), 1_207_975_936),
    ] {
        let made = door.post("/drives/", json!({ "name": "a", "media": "disk", "size": size })).await.expect(201);
        assert_eq!(made.object()["size"], bytes, "{size}");
    }
}

#[tokio::test]
async fn one_that_cannot_be_made_keeps_all_from_being_made() {
    let door = door();
    let drive = |storage_type: &str| json!({ "name": "a", "media": "disk", "size": GIB, "storage_type": storage_type });
    let reply = door.post("/drives/", json!([drive("nvme"), drive("zadara")])).await.expect(503);
    assert_eq!(reply.body[0]["error_message"], "We currently cannot provide enough resources to create a zadara drive");
    assert_eq!(reply.errors(), [("backend", "")]);
    assert_eq!(door.get("/drives/").await.body["meta"]["total_count"], 0);
}

#[tokio::test]
async fn what_a_client_read_can_be_sent_back() {
    let door = door();
    let drive = door.drive("a").await;
    let edited = door.put(path(&drive), drive.clone()).await.expect(200);
    assert_eq!(edited.body, drive);
    let resized = door.post(&format!("{}action/?do=resize", path(&drive)), drive.clone()).await.expect(202);
    assert_eq!(resized.object(), &drive);
}

#[tokio::test]
async fn an_edit_answers_bare_and_puts_what_was_left_out_back_to_its_default() {
    let door = door();
    let drive = door.drive("a").await;
    let tag = door.post("/tags/", json!({ "objects": [{ "name": "t" }] })).await.expect(201).object().clone();
    let full = json!({
        "name": "b", "media": "cdrom", "size": GIB, "meta": { "k": "v" }, "tags": [{ "uuid": tag["uuid"] }], "allow_multimount": true,
    });
    let edited = door.put(path(&drive), full).await.expect(200).body;
    assert_eq!((&edited["name"], &edited["media"], &edited["meta"]["k"]), (&json!("b"), &json!("cdrom"), &json!("v")));
    assert_eq!(edited["tags"], json!([{ "uuid": tag["uuid"], "resource_uri": tag["resource_uri"] }]));
    let edited = door.put(path(&drive), json!({ "name": "b", "media": "disk", "size": GIB })).await.expect(200).body;
    assert_eq!((&edited["meta"], &edited["tags"], &edited["allow_multimount"]), (&json!({}), &json!([]), &json!(false)));
}

#[tokio::test]
async fn a_resize_shows_the_old_size_until_it_is_done() {
    let door = door();
    let drive = door.drive("a").await;
    let bigger = json!({ "name": "a", "media": "disk", "size": 2 * GIB });
    let resizing = door.post(&format!("{}action/?do=resize", path(&drive)), bigger).await.expect(202);
    assert_eq!((&resizing.object()["status"], &resizing.object()["size"]), (&json!("resizing"), &json!(GIB)));
    door.get(path(&drive)).await;
    let done = door.get(path(&drive)).await.body;
    assert_eq!((&done["status"], &done["size"]), (&json!("unmounted"), &json!(2 * GIB)));
    let smaller = door.put(path(&drive), json!({ "name": "a", "media": "disk", "size": GIB })).await.expect(400);
    assert_eq!(smaller.errors(), [("validation", "size")]);
}

#[tokio::test]
async fn a_clone_needs_no_body_and_has_one_job_that_both_drives_show() {
    let door = door();
    let drive = door.drive("a").await;
    let clone = format!("{}action/?do=clone", path(&drive));
    for body in ["", "{}", "null", " \n"] {
        let made = door.call(Method::POST, &clone, body).await.expect(202);
        assert_eq!((&made.object()["name"], &made.object()["status"]), (&json!("a"), &json!("cloning_dst")), "{body:?}");
        let jobs = made.object()["jobs"].as_array().unwrap();
        assert_eq!(jobs.len(), 1);
        let source = door.get(path(&drive)).await.body;
        assert_eq!(source["status"], "cloning_src");
        assert!(source["jobs"].as_array().unwrap().contains(&jobs[0]));
        let job = door.get(path(&jobs[0])).await.expect(200).body;
        assert_eq!(job["resources"], json!([drive["resource_uri"], made.object()["resource_uri"]]));
        assert_eq!((&job["operation"], &job["data"]["progress"]), (&json!("drive_clone"), &json!(100)));
        assert_eq!(job["created"], "2013-11-27T09:19:55.676194+00:00");
    }
    assert_eq!(door.get(path(&drive)).await.body["status"], "unmounted");
}

#[tokio::test]
async fn a_clone_takes_every_option() {
    let door = door();
    let drive = door.drive("a").await;
    let options = json!({
        "name": "b", "media": "cdrom", "size": 1_207_959_631, "storage_type": "nvme", "meta": { "k": "v" },
        "affinities": ["ssd"], "allow_multimount": true, "tags": [],
    });
    let avoid = format!("{},nonsense,{NOBODY}", drive["uuid"].as_str().unwrap());
    let made = door.post(&format!("{}action/?do=clone&avoid={avoid}", path(&drive)), options).await.expect(202);
    let made = made.object();
    for (member, value) in [
        ("name", json!("b")),
        ("media", json!("cdrom")),
        ("size", json!(1_207_975_936)),
        ("storage_type", json!("nvme")),
        ("meta", json!({ "k": "v" })),
        ("affinities", json!(["ssd"])),
        ("allow_multimount", json!(true)),
    ] {
        assert_eq!(made[member], value, "{member}");
    }
    let asked = door.fake.last();
    assert!(asked.ends_with(&format!("[{}, {NOBODY}])", drive["uuid"].as_str().unwrap())), "{asked}");
    let smaller = door.post(&format!("{}action/?do=clone", path(&drive)), json!({ "size": GIB - 16_384 })).await.expect(400);
    assert_eq!(smaller.errors(), [("validation", "size")]);
}

#[tokio::test]
async fn deleting_answers_nothing_with_the_type_that_clients_know() {
    let door = door();
    let drive = door.drive("a").await;
    let gone = door.delete(path(&drive)).await.expect(204);
    assert_eq!((gone.body, &gone.headers["content-type"]), (Value::Null, &"text/html; charset=utf-8".parse().unwrap()));
    assert_eq!(door.get(path(&drive)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(door.delete(path(&drive)).await.expect(404).errors(), [("notexist", "")]);
}

#[tokio::test]
async fn many_are_deleted_by_name_only_and_all_or_none() {
    let door = door();
    let (a, b) = (door.drive("a").await, door.drive("b").await);
    let named = |uuids: &[&Value]| json!({ "objects": uuids.iter().map(|uuid| json!({ "uuid": uuid })).collect::<Vec<_>>() });
    for (body, status) in [
        ("", StatusCode::BAD_REQUEST),
        ("{}", StatusCode::BAD_REQUEST),
        ("[]", StatusCode::BAD_REQUEST),
        (r#"{"objects":[]}"#, StatusCode::BAD_REQUEST),
        (r#"{"objects":[{}]}"#, StatusCode::BAD_REQUEST),
        (r#"{"objects":[{"uuid":"x"}]}"#, StatusCode::BAD_REQUEST),
        (&named(&[&a["uuid"], &json!(NOBODY)]).to_string(), StatusCode::NOT_FOUND),
    ] {
        let reply = door.call(Method::DELETE, "/drives/", body).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.body);
        assert!(reply.is_error_shaped(), "{body}: {}", reply.body);
    }
    assert_eq!(door.get("/drives/").await.body["meta"]["total_count"], 2);
    door.call(Method::DELETE, "/drives/", &named(&[&a["uuid"], &b["uuid"]]).to_string()).await.expect(204);
    assert_eq!(door.get("/drives/").await.body["meta"]["total_count"], 0);
}

#[tokio::test]
async fn paths_need_no_slash_at_the_end() {
    let door = door();
    let drive = door.post("/drives", json!({ "name": "a", "media": "disk", "size": GIB })).await.expect(201).object().clone();
    let bare = path(&drive).trim_end_matches('/');
    assert_eq!(door.get(bare).await.expect(200).body["uuid"], drive["uuid"]);
    door.get("/drives/detail?limit=0").await.expect(200);
    door.get("/drives/schema").await.expect(200);
    door.get("/drives/availability_groups").await.expect(200);
    door.post(&format!("{bare}/action?do=clone"), json!({})).await.expect(202);
    door.delete(bare).await.expect(204);
}

#[tokio::test]
async fn the_schema_names_every_member_of_a_drive_and_the_storage_types_of_the_host() {
    let door = door();
    let drive = door.drive("a").await;
    let schema = door.get("/drives/schema/").await.expect(200).body;
    let fields = schema["fields"].as_object().unwrap();
    assert!(fields.keys().eq(drive.as_object().unwrap().keys()), "{fields:?}");
    for (name, field) in fields {
        for member in ["default", "help_text", "readonly", "required", "type"] {
            assert!(field.get(member).is_some(), "{name} has no {member}");
        }
    }
    assert!(fields["runtime"]["fields"].as_object().unwrap().keys().eq(drive["runtime"].as_object().unwrap().keys()));
    assert_eq!(fields["storage_type"]["choices"], json!(["dssd", "nvme"]));
    assert_eq!(fields["media"]["choices"], json!(["cdrom", "disk"]));
    assert_eq!(fields["licenses"]["fields"]["license"]["required"], true);
    let required: Vec<_> = fields.iter().filter(|(_, field)| field["required"] == true && field["readonly"] == false).collect();
    assert_eq!(required.into_iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["media", "name", "size"]);
    assert_eq!(schema["allowed_list_http_methods"], json!(["get", "put", "delete", "post"]));
    assert_eq!((&schema["default_limit"], &schema["filtering"]["tag"]), (&json!(20), &json!("exact")));
}

#[tokio::test]
async fn drive_users_are_kept_under_their_drive_and_wrapped_even_when_edited() {
    let door = door();
    let drive = door.drive("a").await;
    let uuid = drive["uuid"].as_str().unwrap();
    let at = format!("/driveusers/{uuid}/");
    let wanted = json!({ "amount": 5, "drive": { "resource_uri": drive["resource_uri"], "uuid": uuid } });
    for body in [json!({ "drive": uuid, "amount": 5 }), json!({ "objects": [{ "drive": uuid, "amount": 5 }] })] {
        assert_eq!(door.post("/driveusers/", body).await.expect(201).object(), &wanted);
    }
    assert_eq!(door.get(&at).await.expect(200).body, wanted);
    assert_eq!(door.put(&at, json!({ "amount": 7 })).await.expect(200).object()["amount"], 7);
    assert_eq!(door.put(&at, json!({})).await.expect(400).errors(), [("validation", "amount")]);
    let list = door.get("/driveusers/?limit=0").await.expect(200).body;
    assert_eq!(list["meta"], json!({ "limit": 0, "offset": 0, "total_count": 1 }));
    door.server(&[&drive]).await;
    assert_eq!(door.delete(&at).await.expect(403).errors(), [("permission", "")]);
    door.delete("/driveusers/01900000-0000-7000-8000-000000000000/").await.expect(404);
}
