//! What bad input, states that forbid it, other clients and other users' drives get from the CloudSigma door: a typed error in its
//! shape, and drives that are as before or as asked.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::collections::BTreeSet;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use capstan_e2e::{Answer, Client, Host};
use serde_json::{Value, json};

use crate::drives_clients::{API, GIB, PATIENCE, act, drive, path, wait};

/// The largest size that the API reads.
const LARGEST: u64 = 1 << 62;
const READY: [&str; 1] = ["unmounted"];
const NOBODY: &str = "ffffffff-ffff-4fff-8fff-ffffffffffff";

/// The type and the point of each error; the point of the whole is empty.
fn errors(answer: &Answer) -> Vec<(String, String)> {
    let body = answer.json();
    assert!(body.as_array().is_some_and(|items| !items.is_empty()), "no list of errors: {} {}", answer.status, answer.text);
    let items = body.as_array().unwrap();
    let text = |item: &Value, member: &str| item[member].as_str().unwrap_or_default().to_owned();
    for item in items {
        assert!(item.as_object().is_some_and(|item| item.keys().eq(["error_message", "error_point", "error_type"])), "{item}");
        assert!(!text(item, "error_message").is_empty(), "{item}");
    }
    items.iter().map(|item| (text(item, "error_type"), text(item, "error_point"))).collect()
}

fn refused(what: &str, answer: &Answer, status: u16, kind: &str, point: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.text);
    assert_eq!(errors(answer), [(kind.to_owned(), point.to_owned())], "{what}: {}", answer.text);
}

fn create(client: &Client, body: &Value) -> Answer {
    client.send("POST", &format!("{API}/drives/"), body).unwrap()
}

fn count(client: &Client) -> u64 {
    client.get(&format!("{API}/drives/")).unwrap()["meta"]["total_count"].as_u64().unwrap()
}

#[test]
fn what_cannot_be_is_refused_by_its_field_and_changes_nothing() {
    let (host, _room) = Host::fresh().unwrap();
    let client = host.client();
    let limits = client.get(&format!("{API}/capabilities/")).unwrap()["drives"]["nvme"]["size"].clone();
    let (min, max) = (limits["min"].as_u64().unwrap(), limits["max"].as_u64().unwrap());
    let with = |member: &str, value: &Value| {
        let mut body = json!({ "name": "d", "media": "disk", "size": GIB });
        body[member] = value.clone();
        body
    };
    for size in [
        json!(1),
        json!(min - (1 << 14)),
        json!(max + 1),
        json!(LARGEST),
        json!(-1),
        json!(0),
        json!("many"),
        json!("-5"),
        json!(1.5),
        json!(1_u64 << 63),
        json!([GIB]),
    ] {
        refused(&format!("a size of {size}"), &create(&client, &with("size", &size)), 400, "validation", "size");
    }
    for (member, value) in [
        ("storage_type", json!("floppy")),
        ("name", json!("n".repeat(10_240))),
        ("name", json!("a\nb")),
        ("media", json!("tape")),
        ("tags", json!([NOBODY])),
        ("meta", json!({ "k".repeat(33): "v" })),
    ] {
        refused(member, &create(&client, &with(member, &value)), 400, "validation", member);
    }
    let both = json!([with("size", &json!(GIB)), with("storage_type", &json!("floppy"))]);
    refused("one of two", &create(&client, &both), 400, "validation", "storage_type");
    assert_eq!(count(&client), 0, "none is made when one cannot be");

    // What may be is made: the bounds themselves, and what is rounded up to the smallest.
    let least = create(&client, &with("size", &json!(min - 1)));
    assert_eq!((least.status, &least.json()["objects"][0]["size"]), (201, &json!(min)), "{}", least.text);

    let one = drive(&client, "one");
    let body = |size: u64| json!({ "name": "one", "media": "disk", "size": size });
    let other_type = json!({ "name": "one", "media": "disk", "size": GIB, "storage_type": "zadara" });
    refused("smaller", &act(&client, &one, "resize", &body(GIB - (1 << 14))), 400, "validation", "size");
    refused("smaller", &client.send("PUT", &path(&one), &body(GIB / 2)).unwrap(), 400, "validation", "size");
    refused("too large", &act(&client, &one, "resize", &body(max + 1)), 400, "validation", "size");
    refused("another type", &client.send("PUT", &path(&one), &other_type).unwrap(), 400, "validation", "storage_type");
    refused("a small clone", &act(&client, &one, "clone", &json!({ "size": GIB - (1 << 14) })), 400, "validation", "size");
    refused(
        "an unknown type",
        &act(&client, &one, "clone", &json!({ "storage_type": "floppy" })),
        400,
        "validation",
        "storage_type",
    );
    refused("no action", &act(&client, &one, "explode", &json!({})), 400, "validation", "do");
    let snapshot = json!({ "drive": NOBODY, "name": "s" });
    let snapshot = client.send("POST", &format!("{API}/snapshots/"), &snapshot).unwrap();
    refused("a snapshot of nothing", &snapshot, 400, "validation", "drive");
    let server = json!({ "name": "s", "cpu": 1, "mem": 1, "drives": [{ "drive": NOBODY }] });
    let server = client.send("POST", &format!("{API}/servers/"), &server).unwrap();
    refused("a server with nothing", &server, 400, "validation", "drives[0].drive");
    assert_eq!(client.get(&path(&one)).unwrap(), one, "what was refused left nothing");
    assert_eq!(count(&client), 2);
    host.stop().unwrap();
}

#[test]
fn a_storage_type_without_a_target_is_told_in_the_documented_words() {
    let (host, _room) = Host::fresh().unwrap();
    let client = host.client();
    client.delete("/capstan/v1/targets/nvme").unwrap();
    let answer = create(&client, &json!({ "name": "d", "media": "disk", "size": GIB }));
    refused("nvme", &answer, 503, "backend", "");
    assert_eq!(answer.json()[0]["error_message"], "We currently cannot provide enough resources to create a nvme drive");
    assert_eq!(client.get(&format!("{API}/capabilities/")).unwrap()["drives"], json!({}));
    assert_eq!(count(&client), 0);
    host.stop().unwrap();
}

#[test]
fn a_drive_in_use_is_neither_deleted_nor_resized_and_ends_as_one_who_was_heard_asked() {
    let (host, _room) = Host::fresh().unwrap();
    let client = host.client();
    let one = drive(&client, "one");
    let mount = json!({ "name": "s", "cpu": 1000, "mem": GIB, "drives": [{ "drive": one["uuid"] }] });
    let server = client.post(&format!("{API}/servers/"), &mount).unwrap()["objects"][0].clone();
    refused("mounted twice", &client.send("POST", &format!("{API}/servers/"), &mount).unwrap(), 403, "permission", "");
    assert_eq!(act(&client, &server, "start", &json!({})).status, 202);
    let larger = json!({ "name": "one", "media": "disk", "size": 2 * GIB });
    let delete = |object: &Value| client.raw("DELETE", &path(object), None, b"").unwrap();
    refused("delete", &delete(&one), 403, "permission", "");
    refused("resize", &act(&client, &one, "resize", &larger), 403, "permission", "");
    refused("delete its server", &delete(&server), 403, "permission", "");
    refused("start again", &act(&client, &server, "start", &json!({})), 403, "permission", "");
    let empty = json!({ "name": "s", "cpu": 1000, "mem": GIB, "drives": [] });
    refused("unmount", &client.send("PUT", &path(&server), &empty).unwrap(), 403, "permission", "");
    let two = drive(&client, "two");
    let both = json!({ "objects": [{ "uuid": two["uuid"] }, { "uuid": one["uuid"] }] });
    refused("delete both", &client.send("DELETE", &format!("{API}/drives/"), &both).unwrap(), 403, "permission", "");
    assert_eq!(count(&client), 2, "none is deleted when one cannot be");
    assert_eq!(act(&client, &server, "stop", &json!({})).status, 202);
    assert_eq!(delete(&server).status, 204);

    // Whoever asks while it is cloned is refused, or heard because that was over; either way nothing is half done.
    let mut expected = GIB;
    for round in 1..=5_u64 {
        let clone = act(&client, &one, "clone", &json!({}));
        assert_eq!(clone.status, 202, "{}", clone.text);
        let clone = clone.json()["objects"][0].clone();
        let size = GIB + round * (1 << 20);
        let resize = act(&client, &one, "resize", &json!({ "name": "one", "media": "disk", "size": size }));
        if resize.status == 202 {
            expected = size;
        } else {
            refused("resize while it is cloned", &resize, 403, "permission", "");
        }
        let made = wait(&client, &clone, &["cloning_dst"], &READY);
        assert!(made["size"].as_u64().unwrap() < size, "a clone is as large as its source was: {made}");
        let now = wait(&client, &one, &["cloning_src", "resizing"], &READY);
        assert_eq!(now["size"], expected, "{now}");
    }
    host.stop().unwrap();
}

#[test]
fn of_two_who_edit_at_once_one_is_the_last_and_nothing_is_mixed() {
    let (host, _room) = Host::fresh().unwrap();
    let client = host.client();
    let one = drive(&client, "one");
    let edit =
        |who: usize| json!({ "name": format!("n{who}"), "media": "disk", "size": GIB, "meta": { "who": format!("n{who}") } });
    scope(|scope| {
        for who in 0..8 {
            let (client, at, body) = (client.clone(), path(&one), edit(who));
            scope.spawn(move || {
                for _ in 0..5 {
                    let answer = client.send("PUT", &at, &body).unwrap();
                    assert_eq!(answer.status, 200, "{}", answer.text);
                }
            });
        }
    });
    let now = client.get(&path(&one)).unwrap();
    assert_eq!(now["name"], now["meta"]["who"], "a name of one and meta of another: {now}");

    // Who makes it larger is refused or heard; it ends as large as the largest who was.
    let heard: BTreeSet<u64> = scope(|scope| {
        let resize = |who: u64| {
            let (client, one, size) = (client.clone(), one.clone(), GIB + who * (1 << 20));
            scope.spawn(move || {
                let body = json!({ "name": "one", "media": "disk", "size": size });
                let answer = act(&client, &one, "resize", &body);
                match answer.status {
                    202 => Some(size),
                    400 => {
                        refused("smaller by now", &answer, 400, "validation", "size");
                        None
                    }
                    _ => {
                        refused("being resized", &answer, 403, "permission", "");
                        None
                    }
                }
            })
        };
        let asked: Vec<_> = (1..=8).map(resize).collect();
        asked.into_iter().filter_map(|one| one.join().unwrap()).collect()
    });
    let now = wait(&client, &one, &["resizing"], &READY);
    assert_eq!(now["size"].as_u64(), heard.last().copied(), "{heard:?}: {now}");

    // Whoever deletes it first does; the others find nothing.
    let deleted: Vec<u16> = scope(|scope| {
        let asked: Vec<_> =
            (0..4).map(|_| scope.spawn(|| client.raw("DELETE", &path(&one), None, b"").unwrap().status)).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(deleted.iter().filter(|status| **status == 204).count(), 1, "{deleted:?}");
    assert!(deleted.iter().all(|status| matches!(status, 204 | 403 | 404)), "{deleted:?}");
    assert_eq!(client.raw("GET", &path(&one), None, b"").unwrap().status, 404);
    host.stop().unwrap();
}

#[test]
fn anothers_drive_is_not_there() {
    let (host, _room) = Host::fresh().unwrap();
    let admin = host.client();
    let user = |name: &str| {
        let new = json!({ "name": name, "role": "operator", "password": "long enough to be one" });
        admin.post("/capstan/v1/users", &new).unwrap();
        Client::new(host.base(), name, "long enough to be one")
    };
    let (ada, eve) = (user("ada"), user("eve"));
    let hers = drive(&ada, "hers");
    let clone = act(&ada, &hers, "clone", &json!({ "name": "clone" })).json()["objects"][0].clone();
    wait(&ada, &clone, &["cloning_dst"], &READY);
    let tag = ada.post(&format!("{API}/tags/"), &json!({ "name": "t", "resources": [hers["uuid"]] })).unwrap();
    let tag = tag["objects"][0].clone();
    let uuid = hers["uuid"].as_str().unwrap();
    ada.post(&format!("{API}/driveusers/"), &json!({ "drive": uuid, "amount": 3 })).unwrap();

    let body = json!({ "name": "mine", "media": "disk", "size": GIB });
    let gone = |what: &str, answer: Answer| refused(what, &answer, 404, "notexist", "");
    gone("show", eve.raw("GET", &path(&hers), None, b"").unwrap());
    gone("edit", eve.send("PUT", &path(&hers), &body).unwrap());
    gone("resize", act(&eve, &hers, "resize", &body));
    gone("clone", act(&eve, &hers, "clone", &json!({})));
    gone("delete", eve.raw("DELETE", &path(&hers), None, b"").unwrap());
    gone("delete many", eve.send("DELETE", &format!("{API}/drives/"), &json!([{ "uuid": uuid }])).unwrap());
    gone("group", eve.raw("GET", &format!("{API}/drives/availability_groups/{uuid}/"), None, b"").unwrap());
    gone("users", eve.raw("GET", &format!("{API}/driveusers/{uuid}/"), None, b"").unwrap());
    gone("job", eve.raw("GET", &path(&clone["jobs"][0]), None, b"").unwrap());
    gone("tag", eve.raw("GET", &path(&tag), None, b"").unwrap());
    for noun in ["drives", "drives/detail", "driveusers", "jobs", "tags", "snapshots", "servers"] {
        assert_eq!(eve.get(&format!("{API}/{noun}/")).unwrap()["meta"]["total_count"], 0, "{noun}");
    }
    assert_eq!(eve.get(&format!("{API}/drives/availability_groups/")).unwrap(), json!([]));
    for (noun, body, point) in [
        ("servers", json!({ "name": "s", "cpu": 1, "mem": 1, "drives": [{ "drive": uuid }] }), "drives[0].drive"),
        ("snapshots", json!({ "drive": uuid }), "drive"),
        ("driveusers", json!({ "drive": uuid, "amount": 1 }), "drive"),
        ("tags", json!({ "name": "t", "resources": [uuid] }), "resources"),
        ("drives", json!({ "name": "d", "media": "disk", "size": GIB, "tags": [tag["uuid"]] }), "tags"),
    ] {
        refused(noun, &eve.send("POST", &format!("{API}/{noun}/"), &body).unwrap(), 400, "validation", point);
    }

    // It is as it was, and the administrator's to see.
    assert_eq!(ada.get(&path(&hers)).unwrap()["name"], "hers");
    assert_eq!(admin.get(&path(&hers)).unwrap()["owner"], hers["owner"]);
    assert_eq!(admin.get(&format!("{API}/drives/")).unwrap()["meta"]["total_count"], 2);
    let end = Instant::now() + PATIENCE;
    while !ada.get(&path(&clone["jobs"][0])).is_ok_and(|job| job["state"] == "success" && job["data"]["progress"] == 100) {
        assert!(Instant::now() < end, "the job of a clone that is there never ended");
        sleep(Duration::from_millis(20));
    }
    host.stop().unwrap();
}
