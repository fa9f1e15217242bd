//! The OpenAPI document: what it says, and that every operation in it holds the rules that all operations have.

use std::path::Path;

use axum::http::{Method, StatusCode};
use capstan_test_dialect::{basic, filled};
use serde_json::Value;

use crate::support::{Door, door};

fn operations(door: &Door) -> Vec<(Method, String, Value)> {
    capstan_test_dialect::operations(door.document.value(), "/api")
}

/// With an existing thing in its path where there is a place for one, and what its query has to have.
fn at(path: &str, operation: &Value, value: &str) -> String {
    filled(path, operation, value, |name, _| if name == "path" { "/a".into() } else { "one".into() })
}

/// What names a thing that is there.
fn there(path: &str) -> &'static str {
    if path.contains("{username}") { "ada" } else { "1" }
}

fn is_open(operation: &Value) -> bool {
    operation["security"].as_array().is_some_and(Vec::is_empty)
}

#[test]
fn the_document_is_the_golden_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/hub-openapi.json");
    if let Err(difference) = capstan_test_dialect::golden::check(&file, door().document.value()) {
        panic!("{difference}");
    }
}

#[tokio::test]
async fn the_document_is_served_without_credentials() {
    let door = door();
    let reply = door.call_as("", Method::GET, "/openapi.json", "").await.expect(200);
    assert_eq!(&reply.body, door.document.value());
}

#[tokio::test]
async fn swagger_ui_comes_whole_from_the_host_and_shows_the_document() {
    let door = door();
    let moved = door.call_as("", Method::GET, "/docs", "").await.expect(308);
    assert_eq!(moved.headers["location"], "/api/docs/");
    let page = door.call_as("", Method::GET, "/docs/", "").await.expect(200);
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("http"), "{policy}");
    let page = page.body.as_str().unwrap();
    let named: Vec<&str> = page.split("./").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(named.contains(&"swagger-ui-bundle.js") && named.contains(&"swagger-ui.css"), "{named:?}");
    for file in named {
        let reply = door.call_as("", Method::GET, &format!("/docs/{file}"), "").await.expect(200);
        assert!(reply.headers.contains_key("content-type"), "{file}");
    }
    let start = door.call_as("", Method::GET, "/docs/start.js", "").await.expect(200);
    let start = start.body.as_str().unwrap();
    assert!(start.contains("'/api/openapi.json'") && start.contains("validatorUrl: null"), "{start}");
    let licence = door.call_as("", Method::GET, "/docs/LICENSE", "").await.expect(200);
    assert!(licence.body.as_str().unwrap().contains("Apache License"));
    door.call_as("", Method::GET, "/docs/nothing.js", "").await.expect(404);
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let door = door();
    let document = door.document.value();
    let text = document.to_string();
    let mut count = 0;
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name} is not there");
        count += 1;
    }
    assert!(count > 100, "only {count} references");
}

#[test]
fn every_operation_has_a_summary_an_id_of_its_own_and_a_slash_at_its_end() {
    let door = door();
    let all = operations(&door);
    assert_eq!(all.len(), 82, "the 80 of the published reference, one job, and health");
    let mut ids = std::collections::BTreeSet::new();
    for (method, path, operation) in &all {
        assert!(path.ends_with('/'), "{method} {path}");
        assert!(operation["summary"].is_string(), "{method} {path} has no summary");
        assert!(ids.insert(operation["operationId"].to_string()), "{method} {path}: its id is used twice");
    }
}

#[test]
fn only_tokens_are_open_to_everybody_and_only_ones_own_permissions_need_no_right() {
    let door = door();
    let all = operations(&door);
    let paths = |wanted: fn(&Value) -> bool| -> Vec<_> {
        all.iter().filter(|(_, _, one)| wanted(one)).map(|(_, path, _)| path.as_str()).collect()
    };
    let tokens = ["/auth/token/", "/auth/token/publickey/", "/auth/token/refresh/", "/auth/token/verify/"];
    assert_eq!(paths(is_open), tokens);
    assert_eq!(paths(|one| one["x-scope"].is_null() && !is_open(one)), ["/my-permissions/"]);
}

#[tokio::test]
async fn every_other_operation_refuses_callers_without_credentials_with_wrong_ones_and_without_the_right() {
    let door = door();
    for (method, path, operation) in operations(&door).into_iter().filter(|(_, _, one)| !is_open(one)) {
        let at = at(&path, &operation, there(&path));
        let (wrong, guest) = (basic("admin", "wrong"), basic("guest", "pw"));
        for (authorization, status) in [
            ("", 401),
            (wrong.as_str(), 401),
            ("Bearer nonsense", 401),
            ("Api-Key nonsense", 401),
            ("Digest a=b", 401),
            (guest.as_str(), 403),
            ("Api-Key key:other/index", 403),
        ] {
            if status == 403 && operation["x-scope"].is_null() {
                continue;
            }
            // With and without the slash at the end.
            for at in [at.clone(), at.replacen("/?", "?", 1)] {
                let reply = door.call_as(authorization, method.clone(), &at, "{}").await;
                assert_eq!(reply.status.as_u16(), status, "{method} {at} with {authorization:?}");
                assert!(!reply.detail().is_empty(), "{method} {at} with {authorization:?}: {}", reply.body);
                assert_eq!(reply.headers.contains_key("www-authenticate"), status == 401, "{method} {at}");
            }
        }
        assert_eq!(door.fake.last(), "", "{method} {path} reached the host");
    }
}

#[tokio::test]
async fn every_operation_is_opened_by_exactly_its_right_in_both_spellings_of_its_path() {
    let door = door();
    for (method, path, operation) in operations(&door) {
        let scope = operation["x-scope"].as_str().unwrap_or("any/thing");
        let at = at(&path, &operation, there(&path));
        for at in [at.clone(), at.replacen("/?", "?", 1)] {
            let reply = door.call_as(&format!("Api-Key key:{scope}"), method.clone(), &at, "").await;
            let open = !matches!(reply.status.as_u16(), 401 | 403 | 405 | 500..);
            assert!(open, "{method} {at}: {} {}", reply.status, reply.body);
        }
    }
}

#[tokio::test]
async fn every_operation_on_one_thing_answers_404_when_there_is_none() {
    let door = door();
    let body = r#"{"values":[{"key":"a:b"}]}"#;
    for (method, path, operation) in operations(&door).into_iter().filter(|(_, path, _)| path.contains('{')) {
        for value in ["2", "nobody", "0", "-1", "1.5", "99999999999999999999", "%FF", "%7Bid%7D"] {
            let at = at(&path, &operation, value);
            let reply = door.call(method.clone(), &at, body).await;
            assert_eq!(reply.status, StatusCode::NOT_FOUND, "{method} {at}: {}", reply.body);
            assert!(!reply.detail().is_empty(), "{method} {at}: {}", reply.body);
        }
    }
}

#[tokio::test]
async fn every_body_is_refused_when_it_is_malformed_of_the_wrong_type_or_too_long() {
    let door = door();
    let long = format!("{{\"x\":\"{}\"}}", "a".repeat(capstan_api_http::BODY_LIMIT_BYTES));
    let deep = "[".repeat(100_000);
    for (method, path, operation) in operations(&door).into_iter().filter(|(_, _, one)| one["requestBody"].is_object()) {
        let at = at(&path, &operation, there(&path));
        for (body, status) in
            [("{\"name\":", 400), ("\u{0}", 400), ("7", 400), ("\"x\"", 400), (deep.as_str(), 400), (long.as_str(), 413)]
        {
            let reply = door.call(method.clone(), &at, body).await;
            assert_eq!(reply.status.as_u16(), status, "{method} {path} with {body:.20}: {}", reply.body);
            assert!(reply.is_error_shaped(), "{method} {path} with {body:.20}: {}", reply.body);
        }
    }
}

/// Every operation with a body gets every member that it has, with everything that JSON can say in it.
#[tokio::test]
async fn nothing_that_a_member_can_hold_is_a_fault_of_the_host() {
    let door = door();
    let document = door.document.value();
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
        "{\"\":\"\"}",
    ];
    let long = format!("\"{}\"", "x".repeat(10_240));
    let mut sent = 0;
    for (method, path, operation) in operations(&door).into_iter().filter(|(_, _, one)| one["requestBody"].is_object()) {
        let reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str().unwrap();
        let schema = &document["components"]["schemas"][reference.rsplit('/').next().unwrap()];
        let at = at(&path, &operation, there(&path));
        for member in schema["properties"].as_object().unwrap().keys() {
            for value in nasty.into_iter().chain([long.as_str()]) {
                let reply = door.call(method.clone(), &at, &format!("{{\"{member}\":{value}}}")).await;
                let fine = reply.status.is_success() || (reply.status.is_client_error() && reply.is_error_shaped());
                assert!(fine, "{method} {at} with {member} = {value:.40}: {} {}", reply.status, reply.body);
                sent += 1;
            }
        }
    }
    assert!(sent > 2_000, "only {sent} requests");
}
