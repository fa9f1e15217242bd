//! Servers whose name nobody knows, and those that take a connection and then hang, end it, or say what is no protocol: a typed failure
//! tells whose fault it is, and it is seen at the target, since when and why.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::io::{Write, copy, sink};
use std::net::{TcpListener, TcpStream};
use std::thread::{scope, spawn};

use capstan_e2e::{Client, Host};
use serde_json::{Value, json};

/// Of a request that is not answered, milliseconds.
const TIMEOUT: u64 = 2_000;
/// Base64, which Azure asks of its keys.
const SECRET: &str = "dGhpcyBpcyBhIHNlY3JldA==";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ill {
    HasNoName,
    Hangs,
    Closes,
    SaysNonsense,
}

/// Name and port of a server that is so on every connection.
fn server(ill: Ill) -> (&'static str, u16) {
    if ill == Ill::HasNoName {
        return ("no-such-name.invalid", 9);
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    spawn(move || {
        for stream in listener.incoming().flatten() {
            spawn(move || treat(stream, ill));
        }
    });
    ("127.0.0.1", port)
}

fn treat(mut stream: TcpStream, ill: Ill) {
    if ill == Ill::Closes {
        return;
    }
    if ill == Ill::SaysNonsense {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
    }
    // Until the other side has had enough.
    let _ = copy(&mut stream, &mut sink());
}

/// Each plugin that speaks to a server, configured for this one.
fn targets((host, port): (&str, u16)) -> [(&'static str, Value); 6] {
    let url = format!("http://{host}:{port}");
    [
        ("s3", json!({ "endpoint": url, "region": "r", "access-key": "key", "secret-key": SECRET, "timeout-ms": TIMEOUT })),
        (
            "azure",
            json!({ "endpoint": format!("{url}/account"), "account": "account", "account-key": SECRET, "timeout-ms": TIMEOUT }),
        ),
        ("gcs", json!({ "endpoint": url, "access-key": "GOOG1E", "secret-key": SECRET, "timeout-ms": TIMEOUT })),
        ("swift", json!({ "auth-url": format!("{url}/auth/v1.0"), "user": "a:u", "password": SECRET, "timeout-ms": TIMEOUT })),
        (
            "smb",
            json!({
                "host": host, "port": port, "share": "s", "user": "u", "password": SECRET, "timeout-ms": TIMEOUT,
            }),
        ),
        ("nfs", json!({ "host": host, "port": port, "mount-port": port, "export": "/e" })),
    ]
}

fn is_seen_to_be_away(client: &Client, plugin: &str, ill: Ill, configuration: &Value) {
    let name = format!("{plugin}-{ill:?}");
    let target = json!({ "name": name, "plugin": plugin, "configuration": configuration });
    client.post("/capstan/v1/targets", &target).unwrap();
    let probe = client.send("POST", &format!("/capstan/v1/targets/{name}/probe"), &json!({})).unwrap();
    assert!(probe.status >= 400, "{name}: {}", probe.text);
    let target = client.get(&format!("/capstan/v1/targets/{name}")).unwrap();
    let failure = &target["failure"];
    assert_eq!(target["status"], "unavailable", "{name}: {target}");
    assert!(target["since"].as_str().is_some_and(|since| since.ends_with('Z')), "{name}: {target}");
    assert!(matches!(failure["kind"].as_str(), Some("unavailable" | "timed-out")), "{name}: {target}");
    assert!(matches!(failure["blame"].as_str(), Some("caller" | "target")), "{name}: {target}");
    assert!(failure["blame"] == "target" || failure["next_step"].is_string(), "{name}: {target}");
    assert!(failure["message"].as_str().is_some_and(|message| !message.is_empty()), "{name}: {target}");
    assert!(!target.to_string().contains(SECRET), "{name}: a secret in {target}");
}

#[test]
fn a_server_that_has_no_name_hangs_closes_or_says_nonsense_is_seen_at_its_target() {
    let (host, _room) = Host::fresh().unwrap();
    scope(|scope| {
        for ill in [Ill::HasNoName, Ill::Hangs, Ill::Closes, Ill::SaysNonsense] {
            let client = host.client();
            scope.spawn(move || {
                for (plugin, configuration) in targets(server(ill)) {
                    // NFS has no such setting and waits longer than a client of the API does; its own tests wait for it.
                    if (plugin, ill) != ("nfs", Ill::Hangs) {
                        is_seen_to_be_away(&client, plugin, ill, &configuration);
                    }
                }
            });
        }
    });
    host.stop().unwrap();
}
