//! A NAS over the Nodeum API: its shares tested, pooled, mounted, scanned, copied; and what each kind of bad input gets.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "everything here is a test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use capstan_e2e::{Answer, Cargo, Client, Host, HostOptions};
use capstan_test_servers::{Ganesha, SAMBA_PASSWORD, Samba, free_port, server_or_skip};
use serde_json::{Value, json};

use crate::mount_table::{has_fuse, without_fuse};

const PATIENCE: Duration = Duration::from_secs(120);

fn id(answer: &Value) -> i64 {
    answer["id"].as_i64().unwrap_or_else(|| panic!("no id in {answer}"))
}

/// The test job of a share that is not saved, to its end.
fn tested(client: &Client, nas: i64, share: &Value) -> Answer {
    let path = format!("/api/v2/nas/{nas}/nas_shares/-/test");
    let begun = client.put(&path, share).unwrap();
    assert_eq!(begun["status"], "queued", "{begun}");
    let path = format!("{path}?job_id={}", begun["job_id"].as_str().unwrap());
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = client.raw("GET", &path, None, b"").unwrap();
        let body = answer.json();
        match (answer.status, body["status"].as_str()) {
            (202, Some("queued" | "working")) if Instant::now() < until => sleep(Duration::from_millis(100)),
            _ => return answer,
        }
    }
}

/// A share called `share` of some server, and what is known of it.
struct Served<'a> {
    protocol: &'a str,
    /// As the API is told of it.
    share: Value,
    password: &'a str,
    /// Where its files lie.
    on_server: PathBuf,
    /// As a table of mounts has it.
    kind: &'a str,
    source: String,
}

fn export_of(ganesha: &Ganesha, name: &str) -> Value {
    let options = format!("vers=3,port={},mountport={}", ganesha.port, ganesha.mount_port);
    json!({ "name": "share", "path": ganesha.export(name), "options": options })
}

fn share_of(samba: &Samba, path: &str) -> Value {
    let options = format!("port={}", samba.port);
    json!({ "name": "share", "path": path, "options": options, "username": samba.user, "password": SAMBA_PASSWORD })
}

fn shared(samba: &Samba) -> Served<'_> {
    Served {
        protocol: "smb_v3",
        share: share_of(samba, "share"),
        password: SAMBA_PASSWORD,
        on_server: samba.share("share"),
        kind: "cifs",
        source: "//127.0.0.1/share".to_owned(),
    }
}

fn exported(ganesha: &Ganesha) -> Served<'_> {
    Served {
        protocol: "nfs_v3",
        share: export_of(ganesha, "open"),
        password: "no password at all",
        on_server: ganesha.export("open"),
        kind: "nfs",
        source: format!("127.0.0.1:{}", ganesha.export("open").display()),
    }
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

fn run(directory: &Path, script: &str) {
    let output = Command::new("bash").args(["-euc", script]).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_export_is_tested_pooled_mounted_scanned_and_copied() {
    let ganesha = server_or_skip!(Ganesha::start());
    round(&exported(&ganesha));
}

#[test]
fn a_share_is_tested_pooled_mounted_scanned_and_copied() {
    let samba = server_or_skip!(Samba::start());
    round(&shared(&samba));
}

fn round(served: &Served<'_>) {
    let (host, room) = Host::fresh().unwrap();
    let client = host.client();
    let on_server = &served.on_server;
    fs::create_dir_all(on_server.join("in/deep")).unwrap();
    fs::write(on_server.join("in/deep/file"), b"from the server").unwrap();
    run(on_server, "chmod -R a+rwX in");

    let nas = id(&client.post("/api/v2/nas", &json!({"name": "n", "host": "127.0.0.1", "type": served.protocol})).unwrap());
    let good = tested(&client, nas, &served.share);
    assert_eq!((good.status, good.json()["status"].as_str()), (200, Some("completed")), "{}", good.text);
    assert_eq!(client.get("/api/v2/nas_shares").unwrap()["count"], 0, "a test saves nothing");
    let shares = format!("/api/v2/nas/{nas}/nas_shares");
    let share = client.post(&shares, &served.share).unwrap();
    let censored = served.share.get("password").map(|_| "********");
    assert_eq!((share["nas_id"].as_i64(), share["password"].as_str()), (Some(nas), censored), "{share}");
    assert!(!share.to_string().contains(served.password));
    let share = id(&share);

    let input = json!({"name": "p", "type": "primary", "content": "nas", "nas_share_ids": [share]});
    let pool = id(&client.post("/api/v2/pools", &input).unwrap());
    assert_eq!(client.get(&format!("/api/v2/pools/{pool}/nas_shares")).unwrap()["nas_shares"][0]["pool_id"], pool);
    assert_eq!(client.raw("DELETE", &format!("/api/v2/nas/{nas}"), None, b"").unwrap().status, 422, "a share of it is in a pool");

    let mounts = format!("/api/v2/pools/{pool}/mount");
    assert_eq!(client.get(&mounts).unwrap()["mounted"], false);
    let mounted = client.put(&mounts, &json!({})).unwrap();
    if has_fuse() {
        let status = &mounted["status"];
        assert_eq!((&mounted["mounted"], &status["type"]), (&json!(true), &json!(served.kind)), "{mounted}");
        assert_eq!(status["source"], served.source.as_str());
        assert_eq!((status["nas_id"].as_i64(), status["nas_share_id"].as_i64()), (Some(nas), Some(share)), "{mounted}");
        let target = Path::new(status["target"].as_str().unwrap());
        assert_eq!(fs::read(target.join("in/deep/file")).unwrap(), b"from the server");
        run(target, "mkdir out; echo here > out/new; mv out/new out/moved; cp in/deep/file out/copy; rm out/moved");
        assert_eq!(fs::read(on_server.join("out/copy")).unwrap(), b"from the server");
        assert!(!on_server.join("out/moved").exists());
        let of_share = client.get(&format!("/api/v2/nas_shares/{share}/mount")).unwrap();
        assert_eq!(of_share["status"]["target"], status["target"]);
        assert_eq!(client.get("/api/v2/mounts").unwrap()["mounts"].as_array().unwrap().len(), 1);
    } else {
        without_fuse("the pool is not mounted, the rest is tried");
    }
    assert_eq!(client.delete(&mounts).unwrap()["mounted"], false);
    assert_eq!(client.get("/api/v2/mounts").unwrap()["mounts"], json!([]));

    let scan = json!({"enabled": true, "operand": 1, "unit": "minutes"});
    client.post(&format!("/api/v2/pools/{pool}/primary_scan"), &scan).unwrap();
    until("the scan's file", || {
        let files = client.get(&format!("/api/v2/pools/{pool}/files")).unwrap();
        files["files"].as_array().unwrap().iter().any(|file| file["name"] == "share").then_some(())
    });
    let host = host.restart().unwrap();
    let client = host.client();
    assert_eq!(client.get(&format!("/api/v2/pools/{pool}/primary_scan")).unwrap()["unit"], "minutes");
    assert_eq!(client.raw("POST", &format!("/api/v2/pools/{pool}/sync?tx=1"), None, b"").unwrap().status, 204);

    let cargo = Cargo::new(client.clone());
    cargo.container("c").unwrap();
    let task = json!({
        "name": "t", "workflow_type": "data_migration", "workflow_action": "copy",
        "source_type": "primary_nas", "destination_type": "container",
    });
    let task = id(&client.post("/api/v2/tasks", &task).unwrap());
    client.post(&format!("/api/v2/tasks/{task}/task_sources"), &json!({"file_path": "/p/share/in"})).unwrap();
    client.post(&format!("/api/v2/tasks/{task}/task_destinations"), &json!({"folder_path": "/c"})).unwrap();
    cargo.run(task, PATIENCE).unwrap();
    assert_eq!(fs::read(host.container("c").join("in/deep/file")).unwrap(), b"from the server");
    host.stop().unwrap();
    drop(room);
}

#[test]
fn what_is_wrong_with_an_export_is_told_and_seen_at_its_target() {
    let ganesha = server_or_skip!(Ganesha::start());
    let nowhere = free_port().unwrap();
    let good = export_of(&ganesha, "open");
    let with = |name: &str, value: Value| {
        let mut share = good.clone();
        share[name] = value;
        share
    };
    let ports = format!("port={nowhere},mountport={nowhere}");
    let mut absent = export_of(&ganesha, "nothing");
    absent["options"] = good["options"].clone();
    let wrong = [
        ("a port nobody listens at", with("options", json!(ports)), &["unavailable"][..]),
        // A server may hide what it does not export.
        ("an export that is not there", absent, &["not-found", "denied"][..]),
    ];
    faults(&exported(&ganesha), &wrong);
    read_only("nfs_v3", &export_of(&ganesha, "sealed"));
}

#[test]
fn what_is_wrong_with_a_share_is_told_and_seen_at_its_target() {
    let samba = server_or_skip!(Samba::start());
    let nowhere = free_port().unwrap();
    let with = |name: &str, value: Value| {
        let mut share = share_of(&samba, "share");
        share[name] = value;
        share
    };
    let wrong = [
        ("a port nobody listens at", with("options", json!(format!("port={nowhere}"))), &["unavailable"][..]),
        ("a wrong password", with("password", json!("wrong")), &["unauthenticated"][..]),
        ("a share that is not there", with("path", json!("nothing")), &["not-found"][..]),
    ];
    faults(&shared(&samba), &wrong);
    read_only("smb_v3", &share_of(&samba, "read-only"));
}

fn faults(served: &Served<'_>, wrong: &[(&str, Value, &[&str])]) {
    let (host, _room) = Host::fresh().unwrap();
    let client = host.client();
    let nas = id(&client.post("/api/v2/nas", &json!({"name": "n", "host": "127.0.0.1", "type": served.protocol})).unwrap());
    for (what, share, kinds) in wrong {
        let answer = tested(&client, nas, share);
        let body = answer.json();
        assert_eq!((answer.status, body["status"].as_str()), (202, Some("failed")), "{what}: {}", answer.text);
        assert!(body["message"].as_str().is_some_and(|message| !message.contains(served.password)), "{what}: {body}");

        // Saved all the same, since a NAS may be away; a mount says why, and so does the target, and since when.
        let share = client.post(&format!("/api/v2/nas/{nas}/nas_shares"), share).unwrap();
        let input = json!({"name": what, "type": "data_exchange", "content": "nas", "nas_share_ids": [id(&share)]});
        let pool = id(&client.post("/api/v2/pools", &input).unwrap());
        let mounted = client.put(&format!("/api/v2/pools/{pool}/mount"), &json!({})).unwrap();
        assert_eq!((&mounted["mounted"], &mounted["status"]), (&json!(false), &Value::Null), "{what}: {mounted}");
        assert!(mounted["message"].as_str().is_some_and(|message| message.contains("n:share")), "{what}: {mounted}");
        let target = client.get("/capstan/v1/targets/n:share").unwrap();
        let kind = target["failure"]["kind"].as_str().unwrap_or_default();
        assert!(target["status"] == "unavailable" && kinds.contains(&kind), "{what}: {target}");
        assert!(target["since"].as_str().is_some_and(|since| since.ends_with('Z')), "{what}: {target}");

        // Put right, it is reached.
        let path = format!("/api/v2/nas_shares/{}", id(&share));
        client.put(&path, &served.share).unwrap();
        client.post("/capstan/v1/targets/n:share/probe", &json!({})).unwrap();
        let target = client.get("/capstan/v1/targets/n:share").unwrap();
        assert_eq!((target["status"].as_str(), target.get("since")), (Some("available"), None), "{what}: {target}");
        client.delete(&format!("/api/v2/pools/{pool}")).unwrap();
        client.delete(&path).unwrap();
    }
}

/// What cannot be stored is told to whoever syncs or closes.
fn read_only(protocol: &str, share: &Value) {
    let (host, _room) = Host::fresh().unwrap();
    let client = host.client();
    let nas = id(&client.post("/api/v2/nas", &json!({"name": "n", "host": "127.0.0.1", "type": protocol})).unwrap());
    let share = client.post(&format!("/api/v2/nas/{nas}/nas_shares"), share).unwrap();
    let input = json!({"name": "ro", "type": "data_exchange", "content": "nas", "nas_share_ids": [id(&share)]});
    let pool = id(&client.post("/api/v2/pools", &input).unwrap());
    let mounted = client.put(&format!("/api/v2/pools/{pool}/mount"), &json!({})).unwrap();
    if has_fuse() {
        let target = mounted["status"]["target"].as_str().unwrap_or_else(|| panic!("{mounted}")).to_owned();
        let failed = fs::File::create(Path::new(&target).join("new")).and_then(|file| file.sync_all()).unwrap_err();
        assert!(matches!(failed.raw_os_error(), Some(13 | 30)), "{failed}");
        let failed = fs::create_dir(Path::new(&target).join("d")).unwrap_err();
        assert!(matches!(failed.raw_os_error(), Some(13 | 30)), "{failed}");
    } else {
        without_fuse("nothing is written to what is read only");
    }
}

#[test]
fn a_protocol_that_is_not_served_says_what_to_use_and_a_missing_plugin_what_to_install() {
    let room = tempfile::tempdir().unwrap();
    let none = room.path().join("none");
    fs::create_dir(&none).unwrap();
    let host =
        Host::start(HostOptions { data: room.path().join("data"), plugins: Some(none), ..HostOptions::default() }).unwrap();
    let client = host.client();
    for (protocol, told) in [
        ("smb_v1", "smb_v3"),
        ("nfs_v4", "nfs_v3"),
        ("storenext_v5", "nfs_v3"),
        ("nfs_v3", "capstan plugin install nfs.wasm"),
        ("smb_v3", "capstan plugin install smb.wasm"),
        ("smb_v2_1", "capstan plugin install smb.wasm"),
    ] {
        let answer = client.send("POST", "/api/v2/nas", &json!({"name": "n", "host": "h", "type": protocol})).unwrap();
        assert_eq!(answer.status, 422, "{protocol}: {}", answer.text);
        let body = answer.json();
        assert_eq!(body["details"]["type"][0]["error"], "invalid", "{protocol}: {body}");
        assert!(body["messages"][0].as_str().is_some_and(|message| message.contains(told)), "{protocol}: {body}");
    }
    assert_eq!(client.get("/api/v2/nas").unwrap()["count"], 0);
}

#[test]
fn a_nas_and_its_shares_are_kept_as_they_were_given() {
    let (host, _room) = Host::fresh().unwrap();
    let client = host.client();
    let targets = client.get("/capstan/v1/targets").unwrap()["count"].clone();
    let nas =
        client.post("/api/v2/nas", &json!({"name": "n", "host": "nas.invalid", "type": "nfs_v3", "comment": "c", "price": "2"}));
    let nas = nas.unwrap();
    assert_eq!((&nas["comment"], &nas["price"], &nas["type"]), (&json!("c"), &json!("2"), &json!("nfs_v3")));
    let at = format!("/api/v2/nas/{}", id(&nas));
    for name in ["a", "b"] {
        let share = json!({"name": name, "path": format!("/export/{name}"), "options": "vers=3,ro,soft", "username": "ada"});
        let made = client.post(&format!("{at}/nas_shares"), &share).unwrap();
        assert_eq!((&made["path"], &made["options"], &made["username"]), (&share["path"], &share["options"], &share["username"]));
    }
    let taken = client.send("POST", &format!("{at}/nas_shares"), &json!({"name": "a", "path": "/x"})).unwrap();
    assert_eq!((taken.status, &taken.json()["details"]["name"][0]["error"]), (422, &json!("taken")), "{}", taken.text);
    let relative = client.send("POST", &format!("{at}/nas_shares"), &json!({"name": "z", "path": "export"})).unwrap();
    assert_eq!((relative.status, &relative.json()["details"]["path"][0]["error"]), (422, &json!("invalid")), "{}", relative.text);
    for (query, count) in [("", 2), ("?path=/export/b", 1), ("?name=~A%25", 1), ("?username=!=ada", 0), ("?sort_by=name:desc", 2)]
    {
        assert_eq!(client.get(&format!("{at}/nas_shares{query}")).unwrap()["count"], count, "{query}");
        assert_eq!(client.get(&format!("/api/v2/nas_shares{query}")).unwrap()["count"], count, "{query}");
    }
    client.put(&format!("{at}/nas_shares/a"), &json!({"name": "renamed"})).unwrap();
    assert_eq!(client.get(&format!("{at}/nas_shares/renamed")).unwrap()["path"], "/export/a");
    assert_eq!(client.raw("GET", &format!("{at}/nas_shares/a"), None, b"").unwrap().status, 404);
    assert_eq!(client.put(&at, &json!({"host": "other.invalid", "name": "m"})).unwrap()["comment"], "c");
    let target = client.get("/capstan/v1/targets/m:renamed").unwrap();
    assert_eq!(
        (&target["configuration"]["host"], &target["configuration"]["export"]),
        (&json!("other.invalid"), &json!("/export/a"))
    );
    assert_eq!(target["configuration"]["read-only"], true);

    let in_pool = |shares: Value| json!({"name": "p", "type": "primary", "content": "nas", "nas_share_ids": shares});
    let shares = client.get(&format!("{at}/nas_shares")).unwrap()["nas_shares"].clone();
    let pool = client.post("/api/v2/pools", &in_pool(json!([shares[0]["id"], shares[1]["id"]]))).unwrap();
    let frozen = client.send("PUT", &format!("{at}/nas_shares/b"), &json!({"name": "c"})).unwrap();
    assert_eq!((frozen.status, &frozen.json()["details"]["name"][0]["error"]), (422, &json!("frozen")), "{}", frozen.text);
    client.put(&format!("/api/v2/pools/{}", id(&pool)), &json!({"nas_share_ids": []})).unwrap();
    assert_eq!(client.raw("DELETE", &at, None, b"").unwrap().status, 204);
    assert_eq!(client.get("/api/v2/nas_shares").unwrap()["count"], 0);
    assert_eq!(client.get("/capstan/v1/targets").unwrap()["count"], targets, "each share was a target");
}
