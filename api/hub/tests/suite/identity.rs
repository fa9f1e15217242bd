//! Tokens, client keys, users, groups and permissions: what comes in, and what goes out.

use axum::http::Method;
use serde_json::json;

use crate::support::door;

#[tokio::test]
async fn tokens_are_for_everybody_who_has_what_they_cost() {
    let door = door();
    let post =
        async |path: &str, body: serde_json::Value| door.call_as("Bearer expired", Method::POST, path, &body.to_string()).await;
    let pair = post("/auth/token/", json!({ "username": "ada", "password": "pw" })).await.expect(200);
    assert_eq!(pair.body, json!({ "access": "a1", "refresh": "r1" }));
    let refused = post("/auth/token/", json!({ "username": "ada", "password": "no" })).await.expect(401);
    assert_eq!(refused.body, json!({ "detail": "No active account found with the given credentials" }));
    let pair = post("/auth/token/refresh/", json!({ "refresh": "r1" })).await.expect(200);
    assert_eq!(pair.body, json!({ "access": "a2", "refresh": "r1" }));
    let refused = post("/auth/token/refresh/", json!({ "refresh": "a1" })).await.expect(401);
    assert_eq!(refused.body, json!({ "detail": "Token is invalid or expired", "code": "token_not_valid" }));
    let verified = post("/auth/token/verify/", json!({ "token": "a1", "type": "access" })).await.expect(200);
    assert_eq!(verified.body, json!({ "token": "a1", "type": "access" }));
    post("/auth/token/verify/", json!({ "token": "a1", "type": "refresh" })).await.expect(401);
    post("/auth/token/verify/", json!({ "token": "a1", "type": "cookie" })).await.expect(400);
    let key = door.call_as("", Method::GET, "/auth/token/publickey/", "").await.expect(200);
    assert_eq!(key.body["algorithm"], "EdDSA");
}

#[tokio::test]
async fn a_client_key_is_shown_in_the_answer_that_makes_it_and_never_again() {
    let door = door();
    let made = door.post("/auth/clientkeys/", json!({ "name": "one" })).await.expect(201).body;
    assert_eq!(made["api_key"], "hush");
    let shown = door.get("/auth/clientkeys/1/").await.expect(200).body;
    assert_eq!(shown, json!({ "id": 1, "url": "http://localhost/api/auth/clientkeys/1/", "name": "one", "user": "ada" }));
    door.call(Method::DELETE, "/auth/clientkeys/1/", "").await.expect(204);
}

#[tokio::test]
async fn users_go_by_name_and_their_password_never_comes_out() {
    let door = door();
    let body = json!({ "username": "ada", "password": "hush", "groups": ["one"], "nas_user": { "primary_group": "one" } });
    let made = door.post("/users/", body).await.expect(201).body;
    assert_eq!((&made["password"], &made["groups"]), (&json!(null), &json!(["one"])));
    assert!(!door.fake.last().contains("hush"), "{}", door.fake.last());
    let shown = door.get("/users/ada/").await.expect(200).body;
    assert_eq!(shown["url"], "http://localhost/api/users/ada/");
    assert_eq!(shown["groups"][0], json!({ "id": 1, "url": "http://localhost/api/groups/1/", "name": "one" }));
    assert!(shown.get("password").is_none());
    for name in ["a b", "a/b", "sync", ""] {
        let reply = door.post("/users/", json!({ "username": name, "password": "x" })).await.expect(400);
        assert!(reply.body["username"].is_array(), "{name}: {}", reply.body);
    }
    door.get("/users/%20/").await.expect(404);
}

#[tokio::test]
async fn a_user_is_let_in_and_out_and_changes_their_own_password() {
    let door = door();
    assert_eq!(door.post("/users/ada/deactivate/", json!({})).await.expect(200).body["is_active"], false);
    assert_eq!(door.post("/users/ada/activate/", json!({})).await.expect(200).body["is_active"], true);
    door.post("/users/change_password/", json!({ "old_password": "pw", "new_password": "x" })).await.expect(200);
    let refused = door.post("/users/change_password/", json!({ "old_password": "no", "new_password": "x" })).await.expect(400);
    assert!(refused.body["old_password"].is_array());
}

#[tokio::test]
async fn a_group_is_written_in_another_form_than_it_is_read() {
    let door = door();
    let body = json!({ "name": "one", "users": ["ada"], "nas_group": true, "permissions": [1] });
    let made = door.post("/groups/", body).await.expect(201).body;
    assert_eq!((&made["nas_group"], &made["users"]), (&json!(true), &json!(["ada"])));
    let shown = door.get("/groups/1/").await.expect(200).body;
    assert_eq!((&shown["nas_group"], &shown["users"][0]["username"]), (&json!({ "gid": 100_000 }), &json!("ada")));
    door.post("/groups/", json!({ "name": "two words" })).await.expect(400);
    for noun in ["groups", "users"] {
        assert_eq!(door.post(&format!("/{noun}/sync/"), json!({})).await.expect(202).body, json!({ "task_id": "t1" }));
    }
}

#[tokio::test]
async fn each_of_ones_own_permissions_stands_where_it_comes_from() {
    let door = door();
    let mine = door.call_as("Api-Key key:", Method::GET, "/my-permissions/", "").await.expect(200).body;
    assert_eq!(mine.as_array().unwrap().len(), 2);
    assert_eq!((&mine[0]["group_permissions"]["codename"], &mine[0]["user_permissions"]), (&json!("view_space"), &json!(null)));
    assert_eq!(mine[1]["group_object_permissions"]["object_pk"], "1");
}
