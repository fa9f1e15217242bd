//! The shape of every error that the dialect has.

use axum::body::Body;
use axum::http::{Method, Request};
use capstan_test_dialect::basic;
use serde_json::json;

use crate::support::{ADMIN, door};

#[tokio::test]
async fn who_does_not_prove_themselves_is_told_what_is_wrong_by_the_form_of_the_proof() {
    let door = door();
    let wrong = basic("admin", "wrong");
    for (authorization, detail) in [
        ("", "Authentication credentials were not provided."),
        ("Digest a=b", "Authentication credentials were not provided."),
        (wrong.as_str(), "Invalid username/password."),
        ("Api-Key nonsense", "Invalid client key."),
        ("Bearer nonsense", "Given token not valid for any token type"),
    ] {
        let reply = door.call_as(authorization, Method::GET, "/jobs/", "").await.expect(401);
        assert_eq!(reply.detail(), detail, "{authorization}");
        assert_eq!(reply.headers["www-authenticate"], "Bearer realm=\"api\"");
        let token = authorization.starts_with("Bearer");
        assert_eq!(
            (reply.body["code"] == "token_not_valid", reply.body["messages"].is_array()),
            (token, token),
            "{authorization}"
        );
    }
}

#[tokio::test]
async fn everything_else_that_is_no_field_is_a_detail() {
    let door = door();
    for (method, path, authorization, status, detail) in [
        (Method::GET, "/jobs/", "Api-Key key:other/index", 403, "You do not have permission to perform this action."),
        (Method::GET, "/jobs/2/", ADMIN, 404, "No job matches the given query."),
        (Method::GET, "/jobs/x/", ADMIN, 404, "Not found."),
        (Method::GET, "/nothing/", ADMIN, 404, "Not found."),
        (Method::GET, "/", ADMIN, 404, "Not found."),
        (Method::PUT, "/jobs/", ADMIN, 405, "Method not allowed."),
        (Method::GET, "/users/sync/", ADMIN, 405, "Method not allowed."),
    ] {
        let reply = door.call_as(authorization, method.clone(), path, "").await.expect(status);
        assert_eq!(reply.body, json!({ "detail": detail }), "{method} {path}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_by_its_type_or_by_its_form() {
    let door = door();
    let reply = door.call(Method::POST, "/workflows/", "{\"name\":").await.expect(400);
    assert!(reply.detail().starts_with("JSON parse error"), "{}", reply.body);
    let request = Request::post("/api/workflows/").header("authorization", ADMIN).header("content-type", "text/xml");
    let reply = door.send(request.body(Body::from("<a/>")).unwrap()).await.expect(415);
    assert_eq!(reply.detail(), "Unsupported media type \"text/xml\" in request.");
}

#[tokio::test]
async fn a_host_that_is_busy_says_when_to_come_back() {
    let door = door();
    let busy = door.call_as("Api-Key busy", Method::GET, "/jobs/", "").await.expect(503);
    assert_eq!(busy.headers["retry-after"], "1");
    assert_eq!(
        door.call_as("Api-Key down", Method::GET, "/jobs/", "").await.expect(503).detail(),
        "The catalogue cannot be read"
    );
}

#[tokio::test]
async fn all_fields_that_are_wrong_are_named_at_once_and_nested_as_the_body_is() {
    let door = door();
    let required = json!(["This field is required."]);
    for (path, body, wrong) in [
        ("/buckets/", json!({}), json!({ "name": required, "storage_type": required })),
        ("/buckets/", json!({ "name": "b", "storage_type": "S3" }), json!({ "endpoint": required })),
        ("/buckets/", json!({ "name": "b", "storage_type": "FS" }), json!({ "migration_target_folder": required })),
        ("/buckets/", json!({ "name": "b", "storage_type": "Azure" }), json!({ "storage_account": required })),
        ("/buckets/", json!({ "name": "taken", "storage_type": "AmazonS3" }), json!({ "name": ["This name is taken."] })),
        (
            "/external_targets/",
            json!({ "name": "t", "space": {} }),
            json!({ "local_file_regex": required, "space": { "name": required }, "bucket_instance": required }),
        ),
        ("/sites/", json!({}), json!({ "name": required, "shortcode": required })),
        ("/spaces/", json!({}), json!({ "name": required, "mountpoint": required })),
        ("/workflows/", json!({}), json!({ "name": required, "label": required })),
        ("/file/workflow/", json!({}), json!({ "site": required, "workflow": required })),
        ("/groups/", json!({}), json!({ "name": required })),
        (
            "/users/",
            json!({ "nas_user": {} }),
            json!({ "username": required, "password": required, "nas_user": { "primary_group": required } }),
        ),
        ("/users/change_password/", json!({}), json!({ "old_password": required, "new_password": required })),
        ("/auth/token/", json!({}), json!({ "username": required, "password": required })),
        ("/auth/token/refresh/", json!({}), json!({ "refresh": required })),
        ("/auth/token/verify/", json!({}), json!({ "token": required, "type": required })),
        ("/auth/clientkeys/", json!({}), json!({ "name": required })),
        ("/auth/clientkeys/", json!({ "name": "" }), json!({ "name": ["This field may not be blank."] })),
        (
            "/workflows/",
            json!({ "name": "w", "label": "W", "filter_rules": [{}] }),
            json!({ "filter_rules": { "0": { "action": required } } }),
        ),
    ] {
        let reply = door.post(path, body.clone()).await.expect(400);
        assert_eq!(reply.body, wrong, "{path} with {body}");
    }
}

#[tokio::test]
async fn a_member_of_the_wrong_type_is_named_by_its_path() {
    let door = door();
    let body = json!({ "site": 1, "workflow": "migrate", "paths": ["/a", { "size": 1 }], "fields": [] });
    let reply = door.post("/file/workflow/", body).await.expect(400);
    let fields: Vec<_> = reply.body.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["fields", "paths", "site"], "{}", reply.body);
    assert!(reply.body["paths"]["1"].is_array(), "{}", reply.body);
}
