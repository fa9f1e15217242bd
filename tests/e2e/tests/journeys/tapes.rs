//! A tape library over the Nodeum API, on a real one: found and registered, its tapes in pools, formatted and ejected by tasks.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "everything here is a test")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use capstan_e2e::{Cargo, Client, Host};
use capstan_test_servers::{Vtl, server_or_skip};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(180);

fn id(answer: &Value) -> i64 {
    answer["id"].as_i64().unwrap_or_else(|| panic!("no id in {answer}"))
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not come");
        sleep(Duration::from_millis(200));
    }
}

/// A look at devices, to its end.
fn devices(client: &Client, path: &str) -> Value {
    let begun = client.put(path, &json!({})).unwrap();
    assert_eq!(begun["status"], "queued", "{begun}");
    let asked = format!("{path}?job_id={}", begun["job_id"].as_str().unwrap());
    until("the list of devices", || {
        let answer = client.raw("GET", &asked, None, b"").unwrap();
        assert!(matches!(answer.status, 200 | 202), "{}: {}", answer.status, answer.text);
        (answer.status == 200).then(|| answer.json())
    })
}

/// The library as a target of the host, which nobody registered yet.
fn target(client: &Client, library: &Vtl) {
    let configuration = json!({
        "host": "127.0.0.1", "port": library.port, "target": Vtl::TARGET, "chap-user": Vtl::USER, "chap-secret": Vtl::SECRET,
    });
    let input = json!({ "name": "robot", "plugin": "tape", "configuration": configuration });
    client.post("/capstan/v1/targets", &input).unwrap();
}

/// Registered, and its tapes there.
fn registered(client: &Client) -> i64 {
    let found = devices(client, "/api/v2/tape_libraries/-/devices");
    let device = found["tape_libraries"].as_array().unwrap().iter().find(|one| one["serial"] == Vtl::LIBRARY).cloned().unwrap();
    assert_eq!((&device["vendor"], &device["device"]), (&json!("STK"), &json!("target:robot")), "{device}");
    assert_eq!((&device["storage_slots"], &device["io_slots"]), (&json!(Vtl::SLOTS), &json!(2)), "{device}");
    let mut input = device;
    input["name"] = json!("shelf");
    let library = id(&client.post("/api/v2/tape_libraries", &input).unwrap());
    until("the inventory", || {
        let tapes = client.get("/api/v2/tape_libraries/shelf/tapes").unwrap();
        (tapes["count"] == Vtl::CARTRIDGES).then_some(())
    });
    library
}

fn tape(client: &Client, number: u16) -> Value {
    client.get(&format!("/api/v2/tapes/{}", Vtl::label(number))).unwrap()
}

fn maintenance(client: &Client, action: &str, ends: &[Value], options: &[(&str, &str)]) -> i64 {
    Cargo::new(client.clone()).maintenance(action, ends, options).unwrap()
}

#[test]
fn a_library_is_registered_and_its_tapes_are_pooled_formatted_and_ejected() {
    let library = server_or_skip!(Vtl::start());
    let (host, _room) = Host::fresh().unwrap();
    let client = host.client();
    target(&client, &library);
    let number = registered(&client);
    let shown = client.get("/api/v2/tape_libraries/shelf").unwrap();
    assert_eq!(
        (&shown["status"], &shown["serial"], shown["id"].as_i64()),
        (&json!("online"), &json!(Vtl::LIBRARY), Some(number))
    );
    let nothing_new = devices(&client, "/api/v2/tape_libraries/-/devices");
    assert!(nothing_new["tape_libraries"].as_array().unwrap().iter().all(|one| one["serial"] != Vtl::LIBRARY), "{nothing_new}");
    let drives = client.get("/api/v2/tape_libraries/shelf/tape_drives?sort_by=name").unwrap();
    assert_eq!(drives["count"], 2, "{drives}");
    assert_eq!((&drives["tape_drives"][0]["serial"], &drives["tape_drives"][0]["status"]), (&json!("DRV0001"), &json!("online")));

    let first = tape(&client, 1);
    assert_eq!((&first["location"], &first["type"]), (&json!("Slot 1"), &json!("data_lto6")), "{first}");
    assert_eq!((&first["known"], &first["mounted"], &first["pool_id"]), (&json!(1), &json!(0), &Value::Null), "{first}");
    let tapes = [id(&first), id(&tape(&client, 2))];
    let scratch = id(&client.post("/api/v2/pools", &json!({"name": "blank", "type": "scratch", "content": "tape"})).unwrap());
    let input = json!({
        "name": "vault", "type": "offline_archive", "content": "tape", "tape_ids": tapes,
        "tape_write_protect_when_full": true, "storage_extra_data": { "storage_type": 1, "data": "{\"shelf\": 7}" },
    });
    let pool = client.post("/api/v2/pools", &input).unwrap();
    assert_eq!((&pool["tape_write_protect_when_full"], pool.get("tape_ids")), (&json!(true), None), "{pool}");
    let pool = id(&pool);
    assert_eq!(client.get(&format!("/api/v2/pools/{pool}/tapes")).unwrap()["count"], 2);
    assert_eq!(tape(&client, 1)["pool_id"], pool);
    let unknown = client.send("PUT", &format!("/api/v2/pools/{pool}"), &json!({"tape_ids": [4711]})).unwrap();
    assert_eq!(
        (unknown.status, &unknown.json()["details"]["tape_ids"][0]["error"]),
        (422, &json!("not_found")),
        "{}",
        unknown.text
    );
    let status = client.get(&format!("/api/v2/pools/{pool}/tapes/{}/mount", Vtl::label(1))).unwrap();
    assert_eq!(status["mounted"], false, "{status}");

    let cargo = Cargo::new(client.clone());
    let format = maintenance(&client, "format", &[json!({"pool_id": pool})], &[("tape_to_scratch", "true")]);
    let execution = cargo.run(format, PATIENCE).unwrap();
    assert_eq!(execution.files, 2);
    for number in [1, 2] {
        let tape = tape(&client, number);
        assert_eq!((&tape["scratch"], &tape["pool_id"]), (&json!(1), &json!(scratch)), "{tape}");
        assert!(tape["last_maintenance"].is_string(), "{tape}");
    }
    assert_eq!(client.get(&format!("/api/v2/pools/{pool}/tapes")).unwrap()["count"], 0);

    let label = Vtl::label(2);
    let eject = maintenance(&client, "ejection", &[json!({"tape_barcode": label})], &[]);
    let source = client.get(&format!("/api/v2/tasks/{eject}/task_sources")).unwrap();
    assert_eq!(source["task_sources"][0]["tape"]["barcode"], label.as_str(), "{source}");
    assert_eq!(client.get(&format!("/api/v2/tasks?source_tape_barcode={label}")).unwrap()["count"], 1);
    cargo.run(eject, PATIENCE).unwrap();
    until("the inventory after the ejection", || {
        let tape = tape(&client, 2);
        (tape["ejected"] == 1 && tape["location"].as_str().is_some_and(|place| place.starts_with("Mail slot"))).then_some(())
    });

    let frozen = client.raw("DELETE", &format!("/api/v2/tapes/{label}"), None, b"").unwrap();
    assert_eq!((frozen.status, &frozen.json()["details"]["base"][0]["error"]), (422, &json!("frozen")), "{}", frozen.text);
    let used = client.raw("DELETE", "/api/v2/tape_libraries/shelf", None, b"").unwrap();
    assert_eq!(used.status, 422, "its tapes are in a pool: {}", used.text);
    client.delete(&format!("/api/v2/pools/{scratch}")).unwrap();
    client.delete(&format!("/api/v2/tasks/{eject}")).unwrap();
    assert_eq!(client.raw("DELETE", "/api/v2/tape_libraries/shelf", None, b"").unwrap().status, 204);
    assert_eq!(client.get("/api/v2/tapes").unwrap()["count"], 0);
}

#[test]
fn a_drive_that_is_left_to_others_is_a_device_again() {
    let library = server_or_skip!(Vtl::start());
    let (host, _room) = Host::fresh().unwrap();
    let client = host.client();
    target(&client, &library);
    registered(&client);
    let [left, kept] = Vtl::DRIVE_NAMES;
    let of_library = "/api/v2/tape_libraries/shelf/tape_drives";
    let named = client.put(&format!("{of_library}/{left}"), &json!({"name": "left", "comment": "noisy"})).unwrap();
    assert_eq!((&named["name"], &named["comment"], &named["serial"]), (&json!("left"), &json!("noisy"), &json!(left)));
    assert_eq!(client.raw("DELETE", &format!("{of_library}/left"), None, b"").unwrap().status, 204);
    assert_eq!(client.get("/api/v2/tape_drives").unwrap()["count"], 1);
    let found = devices(&client, &format!("{of_library}/-/devices"));
    assert_eq!(found["tape_drives"][0]["serial"], left, "{found}");

    // Nothing is loaded into it.
    let format = maintenance(&client, "format", &[json!({"tape_barcode": Vtl::label(1)})], &[]);
    Cargo::new(client.clone()).run(format, PATIENCE).unwrap();
    until("the inventory after the format", || {
        let drive = client.get(&format!("{of_library}/{kept}")).unwrap();
        (drive["status"] == "online").then_some(())
    });

    let again = client.post(of_library, &json!({"serial": left})).unwrap();
    assert_eq!((&again["name"], client.get("/api/v2/tape_drives").unwrap()["count"].as_i64()), (&json!("left"), Some(2)));
    let taken = client.send("POST", of_library, &json!({"serial": left})).unwrap();
    assert_eq!((taken.status, &taken.json()["details"]["serial"][0]["error"]), (422, &json!("taken")), "{}", taken.text);
    let none = client.send("POST", of_library, &json!({"serial": "nothing"})).unwrap();
    assert_eq!((none.status, &none.json()["details"]["serial"][0]["error"]), (422, &json!("not_found")), "{}", none.text);
}

#[test]
fn what_cannot_be_done_with_tapes_is_told() {
    let (host, _room) = Host::fresh().unwrap();
    let client = host.client();
    let refused = |method: &str, path: &str, body: Value, attribute: &str, code: &str| {
        let answer = client.send(method, path, &body).unwrap();
        assert_eq!(answer.status, 422, "{path} {body}: {}", answer.text);
        assert_eq!(answer.json()["details"][attribute][0]["error"], code, "{path} {body}: {}", answer.text);
    };
    let task = |kind: &str, action: &str| json!({"name": "t", "workflow_type": kind, "workflow_action": action});
    refused("POST", "/api/v2/tasks", task("maintenance", "full_backup"), "workflow_action", "invalid");
    for action in ["format", "duplication", "check_consistency"] {
        refused("POST", "/api/v2/tasks", task("data_exchange", action), "workflow_type", "invalid");
    }
    refused("POST", "/api/v2/tape_libraries", json!({"serial": "nobody"}), "serial", "not_found");
    refused("POST", "/api/v2/tape_libraries", json!({"device": "target:nobody"}), "device", "not_found");
    refused("POST", "/api/v2/tape_libraries", json!({"device": "ftp://x"}), "device", "invalid");
    let made = id(&client.post("/api/v2/tasks", &task("maintenance", "format")).unwrap());
    let (sources, options) = (format!("/api/v2/tasks/{made}/task_sources"), format!("/api/v2/tasks/{made}/task_options"));
    refused("POST", &sources, json!({"tape_id": 1}), "tape_id", "not_found");
    refused("POST", &sources, json!({"tape_barcode": "NOTAPE"}), "tape_barcode", "not_found");
    refused("POST", &options, json!({"type": "soft_erase", "value": "true"}), "type", "invalid");
    refused("POST", &options, json!({"type": "overwrite", "value": "perhaps"}), "value", "invalid");
    let option = client.post(&options, &json!({"type": "overwrite", "value": "true"})).unwrap();
    refused("POST", &options, json!({"type": "overwrite", "value": "false"}), "type", "taken");
    assert_eq!(client.get(&format!("{options}?type=overwrite")).unwrap()["count"], 1);
    assert_eq!(client.raw("DELETE", &format!("{options}/{}", id(&option)), None, b"").unwrap().status, 204);
    assert_eq!(client.get(&options).unwrap()["count"], 0);
    let nothing = client.send("PUT", &format!("/api/v2/tasks/{made}/action/run"), &json!({})).unwrap();
    assert_eq!(nothing.status, 422, "it names no tape: {}", nothing.text);
}
