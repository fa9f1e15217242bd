//! The OpenAPI document: what it says, and that every operation in it holds the rules that all operations have.

use std::path::Path;

use axum::http::{Method, StatusCode};
use capstan_test_dialect::basic;
use serde_json::Value;

use crate::support::{ADMIN, NOBODY, door};

fn operations(document: &Value) -> Vec<(Method, String, Value)> {
    capstan_test_dialect::operations(document, "/api/2.0")
}

/// With the first value of each parameter that has to be there.
fn filled(path: &str, operation: &Value, value: &str) -> String {
    capstan_test_dialect::filled(path, operation, value, |_, schema| schema["enum"][0].as_str().unwrap().to_owned())
}

#[test]
fn the_document_is_the_golden_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/drives-openapi.json");
    if let Err(difference) = capstan_test_dialect::golden::check(&file, door().document.value()) {
        panic!("{difference}");
    }
}

#[tokio::test]
async fn the_document_is_served_without_credentials() {
    let reply = door().call_as("", Method::GET, "/openapi.json", "").await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(&reply.body, door().document.value());
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
fn every_operation_has_a_summary_and_an_id_of_its_own() {
    let door = door();
    let all = operations(door.document.value());
    assert!(all.len() >= 46, "only {} operations", all.len());
    let mut ids = std::collections::BTreeSet::new();
    for (method, path, operation) in &all {
        assert!(path.ends_with('/'), "{method} {path}");
        assert!(operation["summary"].is_string(), "{method} {path} has no summary");
        assert!(ids.insert(operation["operationId"].to_string()), "{method} {path}: its id is used twice");
    }
}

#[tokio::test]
async fn every_operation_refuses_callers_without_credentials_with_wrong_ones_and_without_the_scope() {
    let door = door();
    for (method, path, operation) in operations(door.document.value()) {
        let at = filled(&path, &operation, NOBODY);
        let (wrong, guest) = (basic("admin", "wrong"), basic("guest", "pw"));
        for (authorization, status) in [
            ("", StatusCode::UNAUTHORIZED),
            (wrong.as_str(), StatusCode::UNAUTHORIZED),
            ("Bearer nonsense", StatusCode::UNAUTHORIZED),
            ("Digest a=b", StatusCode::UNAUTHORIZED),
            (guest.as_str(), StatusCode::FORBIDDEN),
            ("key:other/index", StatusCode::FORBIDDEN),
        ] {
            if status == StatusCode::FORBIDDEN && operation["x-scope"].is_null() {
                continue;
            }
            // With and without the slash at the end.
            for at in [at.clone(), at.replacen("/?", "?", 1)] {
                let reply = door.call_as(authorization, method.clone(), &at, "{}").await;
                assert_eq!(reply.status, status, "{method} {at} with {authorization:?}");
                assert!(reply.is_error_shaped(), "{method} {at} with {authorization:?}: {}", reply.body);
                assert_eq!(reply.headers.contains_key("www-authenticate"), status == StatusCode::UNAUTHORIZED, "{method} {at}");
            }
        }
        assert_eq!(door.fake.last(), "", "{method} {path} reached the host");
    }
}

#[tokio::test]
async fn only_what_says_nothing_of_anybody_is_open_to_all_callers() {
    let door = door();
    let all = operations(door.document.value()).into_iter();
    let open: Vec<_> = all.filter(|(_, _, one)| one["x-scope"].is_null()).map(|(_, path, _)| path).collect();
    assert_eq!(open, ["/capabilities/", "/drives/schema/"]);
}

#[tokio::test]
async fn every_operation_is_opened_by_exactly_its_scope_in_both_spellings_of_its_path() {
    let door = door();
    for (method, path, operation) in operations(door.document.value()) {
        let scope = operation["x-scope"].as_str().unwrap_or("any/thing");
        let at = filled(&path, &operation, NOBODY);
        for at in [at.clone(), at.replacen("/?", "?", 1)] {
            let reply = door.call_as(&format!("Bearer key:{scope}"), method.clone(), &at, "").await;
            assert!(
                !matches!(reply.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED),
                "{method} {at}: {} {}",
                reply.status,
                reply.body
            );
            assert!(reply.status.as_u16() < 500, "{method} {at}: {} {}", reply.status, reply.body);
        }
    }
}

#[tokio::test]
async fn every_operation_on_one_thing_answers_404_when_there_is_none() {
    let door = door();
    let body = r#"{"name":"a","media":"disk","size":1073741824,"cpu":1,"mem":1,"amount":1}"#;
    for (method, path, operation) in operations(door.document.value()).into_iter().filter(|(_, path, _)| path.contains('{')) {
        for value in [NOBODY, "1", "nobody", "%7Buuid%7D", "%FF", "00000000-0000-0000-0000-00000000000g", &"a".repeat(5_000)] {
            let at = filled(&path, &operation, value);
            let reply = door.call(method.clone(), &at, body).await;
            assert_eq!(reply.status, StatusCode::NOT_FOUND, "{method} {at:.100}: {}", reply.body);
            assert!(reply.is_error_shaped(), "{method} {at:.100}: {}", reply.body);
            assert_eq!(reply.errors(), [("notexist", "")]);
        }
    }
}

#[tokio::test]
async fn every_body_is_refused_when_it_is_malformed_of_the_wrong_type_or_too_long() {
    let door = door();
    let long = format!("{{\"x\":\"{}\"}}", "a".repeat(capstan_api_http::BODY_LIMIT_BYTES));
    let deep = "[".repeat(100_000);
    let all = operations(door.document.value()).into_iter().filter(|(_, _, one)| one["requestBody"].is_object());
    for (method, path, operation) in all {
        let at = filled(&path, &operation, NOBODY);
        for (body, status) in [
            ("{\"name\":", StatusCode::BAD_REQUEST),
            ("\u{0}", StatusCode::BAD_REQUEST),
            ("7", StatusCode::BAD_REQUEST),
            ("\"x\"", StatusCode::BAD_REQUEST),
            ("[7]", StatusCode::BAD_REQUEST),
            (deep.as_str(), StatusCode::BAD_REQUEST),
            (long.as_str(), StatusCode::PAYLOAD_TOO_LARGE),
        ] {
            let reply = door.call(method.clone(), &at, body).await;
            assert_eq!(reply.status, status, "{method} {path} with {body:.20}: {}", reply.body);
            assert!(reply.is_error_shaped(), "{method} {path} with {body:.20}: {}", reply.body);
            assert_eq!(reply.errors()[0].0, "validation");
        }
        assert_eq!(door.fake.last(), "", "{method} {path} reached the host");
    }
}

#[tokio::test]
async fn every_list_takes_every_parameter_that_is_documented_and_ignores_others() {
    let door = door();
    let all = operations(door.document.value());
    let lists = all.into_iter().filter(|(_, _, one)| {
        one["parameters"].as_array().is_some_and(|parameters| parameters.iter().any(|parameter| parameter["name"] == "limit"))
    });
    let tag = door.post("/tags/", serde_json::json!({ "name": "t" })).await.expect(201);
    let tag = tag.object()["uuid"].as_str().unwrap();
    let mut count = 0;
    for (method, path, operation) in lists {
        for parameter in operation["parameters"].as_array().unwrap().iter().filter(|one| one["in"] == "query") {
            let at = filled(&path, &operation, tag);
            let name = parameter["name"].as_str().unwrap();
            let reply = door.call(method.clone(), &format!("{at}&{name}=1&colour=red"), "").await;
            assert_eq!(reply.status, StatusCode::OK, "{method} {path} with {name}: {}", reply.body);
            assert!(reply.body["meta"]["total_count"].is_u64() && reply.body["objects"].is_array(), "{method} {path}");
            count += 1;
        }
    }
    assert!(count > 60, "only {count} parameters");
}

#[tokio::test]
async fn answers_say_that_they_are_json_in_the_words_of_the_published_api() {
    let door = door();
    for authorization in [ADMIN, ""] {
        let reply = door.call_as(authorization, Method::GET, "/drives/", "").await;
        assert_eq!(reply.headers["content-type"], "application/json; charset=utf-8");
    }
}
