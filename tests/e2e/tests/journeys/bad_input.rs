//! What bad input gets over HTTP: a typed error in the dialect's shape; never a 500, never a broken connection.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use capstan_e2e::{Client, Host, HostOptions};
use serde_json::{Value, json};

struct Case {
    what: &'static str,
    method: &'static str,
    path: String,
    content_type: Option<&'static str>,
    body: Vec<u8>,
    status: u16,
}

fn case(what: &'static str, method: &'static str, path: &str, body: impl Into<Vec<u8>>, status: u16) -> Case {
    Case { what, method, path: path.to_owned(), content_type: Some("application/json"), body: body.into(), status }
}

/// `{details: {attribute: [{error}]}, messages: [text]}`
fn is_in_shape(text: &str) -> bool {
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    body["details"].is_object() && body["messages"].as_array().is_some_and(|list| list.iter().all(Value::is_string))
}

fn check(client: &Client, cases: &[Case]) {
    let mut wrong = Vec::new();
    for case in cases {
        let answer = client.raw(case.method, &case.path, case.content_type, &case.body).unwrap();
        if answer.status != case.status || !is_in_shape(&answer.text) {
            wrong.push(format!("{}: {} expected, got {}: {}", case.what, case.status, answer.status, answer.text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_bad_request_gets_a_typed_error() {
    let (mut host, _room) = Host::fresh().unwrap();
    let client = host.client();
    client.post("/api/v2/containers", &json!({"name": "taken"})).unwrap();
    let task = json!({"name": "t", "workflow_type": "data_exchange", "workflow_action": "copy"});
    let task = client.post("/api/v2/tasks", &task).unwrap()["id"].as_i64().unwrap();
    let pools = "/api/v2/pools";
    let connectors = "/api/v2/cloud_connectors";
    let long = "x".repeat(100_000);
    check(
        &client,
        &[
            case("malformed JSON", "POST", pools, "{\"name\": ", 400),
            case("an array instead of an object", "POST", pools, "[1, 2]", 422),
            case("a wrong type", "POST", pools, r#"{"name": 5, "type": "primary", "content": "cloud"}"#, 422),
            case(
                "an unknown word of an enumeration",
                "POST",
                pools,
                r#"{"name": "p", "type": "swimming", "content": "cloud"}"#,
                422,
            ),
            case("a blank name", "POST", pools, r#"{"name": "", "type": "primary", "content": "cloud"}"#, 422),
            case("no members at all", "POST", pools, "{}", 422),
            case(
                "a name that is too long",
                "POST",
                pools,
                json!({"name": long, "type": "primary", "content": "cloud"}).to_string(),
                422,
            ),
            case("a name with control characters", "POST", "/api/v2/containers", r#"{"name": "a\u0000b"}"#, 422),
            case("a name that leads out of the tree", "POST", "/api/v2/containers", r#"{"name": "../../etc"}"#, 422),
            case("a name of two dots", "POST", "/api/v2/containers", r#"{"name": ".."}"#, 422),
            case("a duplicate name", "POST", "/api/v2/containers", r#"{"name": "taken"}"#, 422),
            case(
                "a member that does not exist",
                "POST",
                pools,
                r#"{"name": "p", "type": "primary", "content": "cloud", "cloud_bucket_ids": [99]}"#,
                422,
            ),
            case("invalid UTF-8", "POST", pools, b"{\"name\": \"\xff\xfe\"}".to_vec(), 400),
            case("JSON nested without end", "POST", pools, "[".repeat(100_000), 400),
            case("a body beyond the limit", "POST", pools, vec![b' '; (1 << 20) + 1], 413),
            case("an unknown provider", "POST", connectors, r#"{"name": "c", "provider": "floppy", "url": "http://x"}"#, 422),
            case(
                "an address that is none",
                "POST",
                connectors,
                r#"{"name": "c", "provider": "generic_s3", "url": "not a url"}"#,
                422,
            ),
            case(
                "a provider whose plugin is not there",
                "POST",
                connectors,
                r#"{"name": "c", "provider": "azure", "url": "http://x"}"#,
                422,
            ),
            case("an unknown id", "GET", "/api/v2/pools/4711", "", 404),
            case("an unknown name", "GET", "/api/v2/pools/nobody", "", 404),
            case("an id beyond all numbers", "GET", "/api/v2/pools/99999999999999999999999999", "", 404),
            case("a placeholder left in the path", "GET", "/api/v2/tasks/%7Btask_id%7D", "", 404),
            case("a path that is nothing", "GET", "/api/v2/nothing", "", 404),
            case("a path with invalid UTF-8", "GET", "/api/v2/pools/%ff%fe", "", 404),
            case("a method that is not there", "PATCH", "/api/v2/pools", "{}", 405),
            case("an unknown filter", "GET", "/api/v2/pools?colour=red", "", 422),
            case("a filter of the wrong type", "GET", "/api/v2/pools?id=abc", "", 422),
            case("a sort by what is not there", "GET", "/api/v2/pools?sort_by=colour", "", 422),
            case("a limit that is no number", "GET", "/api/v2/pools?limit=many", "", 422),
            case("a negative offset", "GET", "/api/v2/pools?offset=-1", "", 422),
            case("a job that is not there", "GET", "/api/v2/cloud_connectors/-/test?job_id=nothing", "", 404),
            case("a question about no job", "GET", "/api/v2/cloud_connectors/-/test", "", 422),
            case(
                "a source that is two things",
                "POST",
                &format!("/api/v2/tasks/{task}/task_sources"),
                r#"{"pool_name": "p", "file_path": "/taken"}"#,
                422,
            ),
            case(
                "a source that does not exist",
                "POST",
                &format!("/api/v2/tasks/{task}/task_sources"),
                r#"{"file_path": "/nobody/here"}"#,
                422,
            ),
        ],
    );
    assert!(host.is_running(), "{}", host.log_tail());
    assert!(!host.log().contains("panicked"), "{}", host.log_tail());
}

#[test]
fn who_is_not_known_or_not_allowed_is_told_so() {
    let (host, _room) = Host::fresh().unwrap();
    let client = host.client();
    let strangers = [
        ("nobody", None),
        ("a wrong password", Some("Basic YWRtaW46d3Jvbmc=")),
        ("an unknown user", Some("Basic bm9ib2R5OndoYXRldmVy")),
        ("Basic that is not base64", Some("Basic !!!")),
        ("an unknown key", Some("4711")),
        ("a scheme that is not known", Some("Negotiate abc")),
    ];
    for (who, authorization) in strangers {
        let answer = client.with_authorization(authorization).raw("GET", "/api/v2/pools", None, b"").unwrap();
        assert_eq!(answer.status, 401, "{who}: {}", answer.text);
        assert!(is_in_shape(&answer.text), "{who}: {}", answer.text);
    }
    let scopes = json!([{"controller": "pools", "action": "index"}]);
    let key = client.post("/api/v2/users/me/api_keys", &json!({"name": "reader", "api_key_scopes": scopes})).unwrap();
    let text = key["key"].as_str().unwrap().to_owned();
    let reader = client.with_authorization(Some(&text));
    assert_eq!(reader.raw("GET", "/api/v2/pools", None, b"").unwrap().status, 200, "the key may list pools");
    let refused = reader.raw("GET", "/api/v2/tasks", None, b"").unwrap();
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert!(is_in_shape(&refused.text), "{}", refused.text);
}

#[test]
fn a_content_type_on_a_request_without_a_body_is_ignored() {
    let (host, _room) = Host::fresh().unwrap();
    let answer = host.client().raw("GET", "/api/v2/pools", Some("application/json"), b"").unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[test]
fn a_body_nobody_asked_for_that_comes_later_costs_nobody_the_connection() {
    let (host, _room) = Host::fresh().unwrap();
    let address = host.base().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    for _ in 0..3 {
        let head = "POST /capstan/v1/targets/nobody/probe HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        sleep(Duration::from_millis(100));
        stream.write_all(b"{}").unwrap();
        let mut answer = [0; 4096];
        let count = stream.read(&mut answer).unwrap();
        let text = String::from_utf8_lossy(&answer[..count]).to_ascii_lowercase();
        assert!(text.starts_with("http/1.1 401 ") && !text.contains("connection: close"), "{text}");
    }
}

#[test]
fn a_provider_whose_plugin_is_not_there_is_told_by_name_and_leaves_nothing_behind() {
    let room = tempfile::tempdir().unwrap();
    let plugins = room.path().join("bundled");
    std::fs::create_dir(&plugins).unwrap();
    std::fs::copy(capstan_e2e::dist().join("plugins/s3.wasm"), plugins.join("s3.wasm")).unwrap();
    let options = HostOptions { data: room.path().join("data"), plugins: Some(plugins), ..HostOptions::default() };
    let host = Host::start(options).unwrap();
    let client = host.client();
    for (provider, plugin) in [("azure", "azure"), ("google_cloud_storage", "gcs"), ("openstack_swift", "swift")] {
        let input =
            json!({"name": provider, "provider": provider, "url": "http://127.0.0.1:9", "access_key": "a", "secret_key": "s"});
        let answer = client.send("POST", "/api/v2/cloud_connectors", &input).unwrap();
        assert_eq!(answer.status, 422, "{provider}: {}", answer.text);
        assert!(is_in_shape(&answer.text) && answer.json()["details"]["provider"].is_array(), "{provider}: {}", answer.text);
        let message = answer.json()["messages"][0].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(plugin), "{provider}: the plugin that is missing is not named: {message}");
        let test = client.send("PUT", "/api/v2/cloud_connectors/-/test", &input).unwrap();
        assert!((400..500).contains(&test.status) && is_in_shape(&test.text), "{provider}: {}: {}", test.status, test.text);
        assert_eq!(client.raw("GET", &format!("/api/v2/cloud_connectors/{provider}"), None, b"").unwrap().status, 404);
    }
    assert_eq!(client.get("/api/v2/cloud_connectors").unwrap()["count"], 0);
}
