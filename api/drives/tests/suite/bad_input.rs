//! Whatever comes in, what goes out is an error of this dialect that names what is wrong, and never a fault of the host.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{ADMIN, GIB, NOBODY, door, path};

#[tokio::test]
async fn sizes_are_numbers_within_bounds() {
    let door = door();
    let drive = door.drive("a").await;
    for size in [
        "-1",
        "0",
        "1.5",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "1e400",
        "-1e300",
        "\"1 GiB\"",
        "\"-1073741824\"",
        "\"9223372036854775808\"",
        "\"\"",
        "true",
        "[1073741824]",
        "{\"bytes\":1}",
        "536854528",
        "17592186061001",
    ] {
        let body = format!(r#"{{"name":"a","media":"disk","size":{size}}}"#);
        let places = [
            (Method::POST, "/drives/".to_owned()),
            (Method::PUT, path(&drive).to_owned()),
            (Method::POST, format!("{}action/?do=resize", path(&drive))),
            (Method::POST, format!("{}action/?do=clone", path(&drive))),
        ];
        for (method, at) in places {
            let reply = door.call(method.clone(), &at, &body).await;
            assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{method} {at} with {size}: {}", reply.body);
            assert!(reply.is_error_shaped(), "{}", reply.body);
            // A number too large for any JSON reader is no JSON, and no field's fault.
            let point = if size == "1e400" { "" } else { "size" };
            assert_eq!(reply.errors(), [("validation", point)], "{method} {at} with {size}: {}", reply.body);
        }
    }
    let null = door.post("/drives/", json!({ "name": "a", "media": "disk", "size": null })).await;
    assert_eq!(null.body[0]["error_message"], "This field is required");
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named_at_once() {
    let door = door();
    let long = "n".repeat(10_240);
    let good = json!({ "name": "a", "media": "disk", "size": GIB });
    let with = |member: &str, value: Value| {
        let mut drive = good.clone();
        drive[member] = value;
        drive
    };
    for (body, points) in [
        (json!({}), &["name", "media", "size"][..]),
        (Value::Null, &["name", "media", "size"]),
        (json!({ "name": 1, "media": "floppy", "size": "x" }), &["media", "name", "size"]),
        (with("name", json!(long)), &["name"]),
        (with("name", json!("")), &["name"]),
        (with("name", json!(["a"])), &["name"]),
        (with("name", json!("a\u{7}")), &["name"]),
        (with("media", json!(7)), &["media"]),
        (with("meta", json!([])), &["meta"]),
        (with("meta", json!({ "k": 7 })), &["meta.k"]),
        (with("meta", json!({ "k".repeat(33): "" })), &["meta"]),
        (with("meta", json!({ "k": "t".repeat(70_000) })), &["meta"]),
        (with("meta", json!((0..200).map(|n| (n.to_string(), "")).collect::<std::collections::BTreeMap<_, _>>())), &["meta"]),
        (with("storage_type", json!("floppy")), &["storage_type"]),
        (with("storage_type", json!(long)), &["storage_type"]),
        (with("storage_type", json!(7)), &["storage_type"]),
        (with("allow_multimount", json!("yes")), &["allow_multimount"]),
        (with("affinities", json!("ssd")), &["affinities"]),
        (with("affinities", json!([long])), &["affinities"]),
        (with("tags", json!(["x"])), &["tags[0]"]),
        (with("tags", json!([NOBODY])), &["tags"]),
        (with("tags", json!(vec![NOBODY; 1_001])), &["tags"]),
        (with("licenses", json!([{ "license": "x" }])), &["licenses"]),
        (json!([good, {}]), &["objects[1].name", "objects[1].media", "objects[1].size"]),
        (json!({ "objects": [good, with("size", json!(-1))] }), &["objects[1].size"]),
        (json!({ "objects": vec![good.clone(); 257] }), &["objects"]),
        (json!([]), &["objects"]),
        (json!({ "objects": "x" }), &["objects"]),
    ] {
        let reply = door.post("/drives/", body.clone()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body:.200}: {}", reply.body);
        assert!(reply.is_error_shaped(), "{}", reply.body);
        let named: Vec<_> = reply.errors().into_iter().map(|(_, point)| point).collect();
        assert_eq!(named, points, "{body:.200}: {}", reply.body);
        assert!(reply.body.to_string().len() < 10_000, "it says too much");
    }
    assert_eq!(door.get("/drives/").await.body["meta"]["total_count"], 0);
}

#[tokio::test]
async fn bad_input_for_the_other_nouns_is_named_too() {
    let door = door();
    let drive = door.drive("a").await;
    let uuid = drive["uuid"].as_str().unwrap();
    let server = |drives: Value| json!({ "name": "s", "cpu": 1000, "mem": GIB, "drives": drives });
    for (at, body, points) in [
        ("/driveusers/", json!({}), &["drive", "amount"][..]),
        ("/driveusers/", json!({ "drive": "x", "amount": -1 }), &["amount", "drive"]),
        ("/driveusers/", json!({ "drive": NOBODY, "amount": 1 }), &["drive"]),
        ("/driveusers/", json!({ "drive": uuid, "amount": 4_294_967_296_u64 }), &["amount"]),
        ("/driveusers/", json!({ "drive": uuid, "amount": 1.5 }), &["amount"]),
        ("/snapshots/", json!({}), &["drive"]),
        ("/snapshots/", json!({ "objects": [{ "drive": { "uuid": "x" } }] }), &["drive"]),
        ("/snapshots/", json!({ "drive": NOBODY }), &["drive"]),
        ("/snapshots/", json!({ "drive": uuid, "name": "n".repeat(10_240) }), &["name"]),
        ("/tags/", json!({}), &["name"]),
        ("/tags/", json!({ "name": "t", "resources": [NOBODY] }), &["resources"]),
        ("/tags/", json!({ "name": "t", "resources": "x" }), &["resources"]),
        ("/servers/", json!({}), &["name", "cpu", "mem"]),
        ("/servers/", json!({ "name": "s", "cpu": -1, "mem": "x" }), &["cpu", "mem"]),
        ("/servers/", json!({ "name": "s", "cpu": 4_294_967_296_u64, "mem": 1 }), &["cpu"]),
        ("/servers/", server(json!([{}])), &["drives[0].drive"]),
        ("/servers/", server(json!([{ "drive": NOBODY }])), &["drives[0].drive"]),
        ("/servers/", server(json!([{ "drive": uuid }, { "drive": uuid }])), &["drives[1].drive"]),
        ("/servers/", server(json!([{ "drive": uuid, "device": "scsi" }])), &["drives[0].device"]),
        ("/servers/", server(json!([{ "drive": uuid, "dev_channel": "0:9" }])), &["drives[0].dev_channel"]),
        ("/servers/", server(json!([{ "drive": uuid, "boot_order": -1 }])), &["drives[0].boot_order"]),
        (
            "/servers/",
            server(json!([{ "drive": uuid, "dev_channel": "0:1" }, { "drive": NOBODY, "dev_channel": "0:1" }])),
            &["drives[1].dev_channel"],
        ),
        ("/servers/", server(json!(vec![json!({ "drive": uuid }); 257])), &["drives"]),
    ] {
        let reply = door.post(at, body.clone()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{at} {body:.200}: {}", reply.body);
        assert!(reply.is_error_shaped(), "{}", reply.body);
        let named: Vec<_> = reply.errors().into_iter().map(|(_, point)| point).collect();
        assert_eq!(named, points, "{at} {body:.200}: {}", reply.body);
    }
    let reply = door.put("/profile/", json!({ "clone_naming": "RANDOM" })).await.expect(400);
    assert_eq!(reply.errors(), [("validation", "clone_naming")]);
}

#[tokio::test]
async fn an_action_that_there_is_not_is_named() {
    let door = door();
    let drive = door.drive("a").await;
    let server = door.server(&[]).await;
    for at in [path(&drive), path(&server)] {
        for (query, point) in [("", "do"), ("?do=", "do"), ("?do=explode", "do"), ("?do=upload_chunk", "do")] {
            let reply = door.post(&format!("{at}action/{query}"), json!({})).await.expect(400);
            assert_eq!(reply.errors(), [("validation", point)]);
        }
    }
    let reply = door.delete(&format!("{}?recurse=everything", path(&server))).await.expect(400);
    assert_eq!(reply.errors(), [("validation", "recurse")]);
}

#[tokio::test]
async fn wrong_methods_paths_types_and_forms_have_their_own_answers() {
    let door = door();
    for (method, at, header, status, kind) in [
        (Method::PATCH, "/drives/", ("accept", "*/*"), 405, "permission"),
        (Method::PUT, "/drives/", ("accept", "*/*"), 405, "permission"),
        (Method::DELETE, "/profile/", ("accept", "*/*"), 405, "permission"),
        (Method::GET, "/drivers/", ("accept", "*/*"), 404, "notexist"),
        (Method::GET, "/", ("accept", "*/*"), 404, "notexist"),
        (Method::GET, "/accounts/action/?do=login", ("accept", "*/*"), 404, "notexist"),
        (Method::GET, "/drives/", ("accept", "application/xml"), 406, "validation"),
        (Method::GET, "/drives/?format=xml", ("accept", "application/json"), 406, "validation"),
        (Method::POST, "/drives/", ("content-type", "application/xml"), 415, "validation"),
    ] {
        let request = Request::builder().method(method.clone()).uri(format!("/api/2.0{at}"));
        let request = request.header("authorization", ADMIN).header(header.0, header.1).body(Body::from("{}")).unwrap();
        let reply = door.send(request).await.expect(status);
        assert!(reply.is_error_shaped(), "{method} {at}: {}", reply.body);
        assert_eq!(reply.errors(), [(kind, "")], "{method} {at}");
    }
}

#[tokio::test]
async fn a_host_that_is_busy_says_when_to_come_back() {
    let door = door();
    let busy = door.call_as("busy", Method::GET, "/drives/", "").await.expect(503);
    assert_eq!((busy.errors()[0].0, &busy.headers["retry-after"]), ("concurrency", &"1".parse().unwrap()));
    let down = door.call_as("down", Method::GET, "/drives/", "").await.expect(503);
    assert_eq!(down.errors(), [("backend", "")]);
}

/// Every operation with a body gets every member that any body has, with everything that JSON can say in it.
#[tokio::test]
async fn nothing_that_a_member_can_hold_is_a_fault_of_the_host() {
    let door = door();
    let document = door.document.value();
    let drive = door.drive("a").await;
    let tag = door.post("/tags/", json!({ "name": "t" })).await.expect(201).object().clone();
    let server = door.server(&[]).await;
    let snapshot = door.post("/snapshots/", json!({ "drive": drive["uuid"] })).await.expect(201).object().clone();
    let good = json!({
        "name": "a", "media": "disk", "size": GIB, "cpu": 1, "mem": 1, "drive": drive["uuid"], "amount": 1, "uuid": NOBODY,
    });
    let nasty = [
        "null",
        "true",
        "0",
        "-1",
        "1.5",
        "9223372036854775808",
        "1e300",
        "\"\"",
        "\"\\u0000\"",
        "\"\\ud83d\\ude00\"",
        "[]",
        "{}",
        "[null]",
        "[[]]",
        "[{}]",
        "[\"x\"]",
        "[7]",
        "{\"x\":{\"x\":[]}}",
        "{\"uuid\":null}",
        "{\"\":\"\"}",
    ];
    let long = format!("\"{}\"", "x".repeat(10_240));
    let mut sent = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let noun = path.split('/').nth(3).unwrap();
        let of = match noun {
            "tags" => &tag,
            "servers" => &server,
            "snapshots" => &snapshot,
            _ => &drive,
        };
        let at = path.strip_prefix("/api/2.0").unwrap().replace("{uuid}", of["uuid"].as_str().unwrap());
        let at = at.replace("{drive_uuid}", drive["uuid"].as_str().unwrap());
        let actions: &[&str] = if at.ends_with("/action/") { &["?do=clone", "?do=resize"] } else { &[""] };
        for (method, _) in
            item.as_object().unwrap().iter().filter(|(method, one)| *method != "delete" && one["requestBody"].is_object())
        {
            for member in [
                "name",
                "media",
                "size",
                "storage_type",
                "meta",
                "allow_multimount",
                "affinities",
                "tags",
                "licenses",
                "cpu",
                "mem",
                "drives",
                "drive",
                "amount",
                "resources",
                "clone_naming",
                "grantees",
                "permissions",
                "vnc_password",
                "objects",
            ] {
                for value in nasty.into_iter().chain([long.as_str()]) {
                    let mut body = good.clone();
                    body[member] = json!("VALUE");
                    let body = body.to_string().replace("\"VALUE\"", value);
                    let at = format!("{at}{}", actions[sent % actions.len()]);
                    let reply = door.call(method.to_uppercase().parse().unwrap(), &at, &body).await;
                    let fine = reply.status.is_success() || (reply.status.is_client_error() && reply.is_error_shaped());
                    assert!(fine, "{method} {at} with {member} = {value:.40}: {} {}", reply.status, reply.body);
                    sent += 1;
                }
            }
        }
    }
    assert!(sent > 5_000, "only {sent} requests");
}
