//! The OpenAPI document: what it says, and that every operation in it holds the rules that all operations have.

use std::path::Path;

use crate::support::door;
use axum::http::{Method, StatusCode};
use capstan_test_dialect::basic;
use serde_json::Value;

fn operations(document: &Value) -> Vec<(Method, String, Value)> {
    capstan_test_dialect::operations(document, "/api/v2")
}

/// With `1` for everything that has a name, and a query that all operations accept which need one.
fn filled(path: &str, operation: &Value) -> String {
    capstan_test_dialect::filled(path, operation, "1", |name, _| match name {
        "job_id" => "completed".to_owned(),
        "tx" => "1".to_owned(),
        other => panic!("a required parameter {other} that this test does not know"),
    })
}

#[test]
fn the_document_is_the_golden_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/nodeum-openapi.json");
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
fn every_operation_has_a_scope_a_summary_and_an_id_of_its_own() {
    let door = door();
    let all = operations(door.document.value());
    assert!(all.len() >= 69, "only {} operations", all.len());
    let mut ids = std::collections::BTreeSet::new();
    for (method, path, operation) in &all {
        let scope = operation["x-scope"].as_str().unwrap_or_else(|| panic!("{method} {path} has no scope"));
        assert!(
            scope.split_once('/').is_some_and(|(noun, verb)| !noun.is_empty() && !verb.is_empty()),
            "{method} {path}: {scope}"
        );
        assert!(operation["summary"].is_string(), "{method} {path} has no summary");
        assert!(ids.insert(operation["operationId"].to_string()), "{method} {path}: its id is used twice");
    }
}

#[tokio::test]
async fn every_operation_refuses_callers_without_credentials_with_wrong_ones_and_without_the_scope() {
    let door = door();
    for (method, path, operation) in operations(door.document.value()) {
        let path_and_query = filled(&path, &operation);
        let wrong = basic("admin", "wrong");
        let guest = basic("guest", "pw");
        for (authorization, status) in [
            ("", StatusCode::UNAUTHORIZED),
            (wrong.as_str(), StatusCode::UNAUTHORIZED),
            ("Bearer nonsense", StatusCode::UNAUTHORIZED),
            ("Digest a=b", StatusCode::UNAUTHORIZED),
            (guest.as_str(), StatusCode::FORBIDDEN),
            ("key:other/index", StatusCode::FORBIDDEN),
        ] {
            let reply = door.call_as(authorization, method.clone(), &path_and_query, "{}").await;
            assert_eq!(reply.status, status, "{method} {path} with {authorization:?}");
            assert!(reply.is_error_shaped(), "{method} {path} with {authorization:?}: {}", reply.body);
            assert_eq!(reply.headers.contains_key("www-authenticate"), status == StatusCode::UNAUTHORIZED, "{method} {path}");
        }
        assert_eq!(door.fake.last(), "", "{method} {path} reached the host");
    }
}

#[tokio::test]
async fn every_operation_is_opened_by_exactly_its_scope() {
    let door = door();
    for (method, path, operation) in operations(door.document.value()) {
        let scope = operation["x-scope"].as_str().unwrap();
        for form in ["", "Bearer "] {
            let reply = door.call_as(&format!("{form}key:{scope}"), method.clone(), &filled(&path, &operation), "").await;
            assert!(
                !matches!(reply.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED),
                "{method} {path}: {} {}",
                reply.status,
                reply.body
            );
            assert!(reply.status.as_u16() < 500, "{method} {path}: {} {}", reply.status, reply.body);
        }
    }
}

#[tokio::test]
async fn every_operation_on_one_thing_answers_404_when_there_is_none() {
    let door = door();
    for (method, path, operation) in operations(door.document.value()).into_iter().filter(|(_, path, _)| path.contains('{')) {
        for value in ["999", "nobody", "%7Btask_id%7D", "99999999999999999999", "%FF"] {
            let path_and_query = filled(&path, &operation).replacen("/1", &format!("/{value}"), 1);
            let body = match path.as_str() {
                path if path.ends_with("primary_scan") => r#"{"operand":1,"unit":"days"}"#,
                path if path.ends_with("/nas_shares") || path.ends_with("/nas_shares/-/test") => r#"{"name":"a","path":"/e"}"#,
                path if path.ends_with("/tape_drives") => r#"{"serial":"D1"}"#,
                path if path.ends_with("/task_options") => r#"{"type":"overwrite","value":"true"}"#,
                path if path.ends_with("destinations") || path.ends_with("sources") => r#"{"pool_id":1}"#,
                _ => "",
            };
            let reply = door.call(method.clone(), &path_and_query, body).await;
            assert_eq!(reply.status, StatusCode::NOT_FOUND, "{method} {path_and_query}: {}", reply.body);
            assert!(reply.is_error_shaped(), "{method} {path_and_query}: {}", reply.body);
        }
    }
}

#[tokio::test]
async fn every_body_is_refused_when_it_is_malformed_of_the_wrong_type_or_too_long() {
    let door = door();
    let long = format!("{{\"x\":\"{}\"}}", "a".repeat(capstan_api_http::BODY_LIMIT_BYTES));
    for (method, path, operation) in
        operations(door.document.value()).into_iter().filter(|(_, _, one)| one["requestBody"].is_object())
    {
        let at = filled(&path, &operation);
        for (body, status) in [
            ("{\"name\":", StatusCode::BAD_REQUEST),
            ("\u{0}", StatusCode::BAD_REQUEST),
            ("[1]", StatusCode::UNPROCESSABLE_ENTITY),
            ("7", StatusCode::UNPROCESSABLE_ENTITY),
            (long.as_str(), StatusCode::PAYLOAD_TOO_LARGE),
        ] {
            let reply = door.call(method.clone(), &at, body).await;
            assert_eq!(reply.status, status, "{method} {path} with {:.20}: {}", body, reply.body);
            assert!(reply.is_error_shaped(), "{method} {path} with {:.20}: {}", body, reply.body);
        }
    }
}

#[tokio::test]
async fn every_list_refuses_a_filter_it_does_not_know() {
    let door = door();
    let all = operations(door.document.value());
    let lists = all.into_iter().filter(|(_, _, one)| {
        one["parameters"].as_array().is_some_and(|parameters| parameters.iter().any(|parameter| parameter["name"] == "limit"))
    });
    for (method, path, operation) in lists {
        let at = filled(&path, &operation);
        let reply = door.call(method.clone(), &format!("{at}&colour=red"), "").await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{method} {path}");
        assert_eq!(reply.codes("colour"), ["invalid"], "{method} {path}");
        for parameter in operation["parameters"].as_array().unwrap().iter().filter(|one| one["in"] == "query") {
            let name = parameter["name"].as_str().unwrap();
            let value = match name {
                "sort_by" => "",
                "complete_list" | "activate" => "true",
                name if name.contains("date") || name.starts_with("last_") || name == "job_started" || name == "job_finished" => {
                    "2020-01-01"
                }
                "log_time" => "2020-01-01",
                _ => "1",
            };
            let reply = door.call(method.clone(), &format!("{at}&{name}={value}"), "").await;
            assert_eq!(reply.status, StatusCode::OK, "{method} {path} with {name}={value}: {}", reply.body);
        }
    }
}
