//! Who comes in at the Hub, as a client of it goes about it: tokens for a password, users, groups, and keys for programs.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use capstan_e2e::{Answer, Client, Host, PASSWORD, USER};
use serde_json::{Value, json};

const OF_ADA: &str = "one more password";

fn pair(client: &Client, user: &str, password: &str) -> Answer {
    let nobody = client.with_authorization(None);
    nobody.send("POST", "/api/auth/token/", &json!({ "username": user, "password": password })).unwrap()
}

/// With an access token of this user.
pub(crate) fn comes_in(client: &Client, user: &str, password: &str) -> Client {
    let tokens = pair(client, user, password);
    assert_eq!(tokens.status, 200, "{}", tokens.text);
    client.with_authorization(Some(&format!("Bearer {}", tokens.json()["access"].as_str().unwrap())))
}

fn status(client: &Client, method: &str, path: &str, body: &Value) -> u16 {
    client.send(method, path, body).unwrap().status
}

fn users_status(client: &Client) -> u16 {
    client.raw("GET", "/api/users/", None, b"").unwrap().status
}

fn ada() -> Value {
    json!({ "username": "ada", "password": OF_ADA, "email": "ada@example.org", "first_name": "Ada" })
}

#[test]
fn a_password_is_exchanged_for_tokens_which_are_refreshed_verified_and_ended() {
    let (host, _room) = Host::bare().unwrap();
    let client = host.client();
    let nobody = client.with_authorization(None);
    for (user, password) in [(USER, "wrong"), ("nobody", PASSWORD)] {
        let refused = pair(&client, user, password);
        assert_eq!((refused.status, refused.json()["detail"].is_string()), (401, true), "{}", refused.text);
    }
    let missing = nobody.send("POST", "/api/auth/token/", &json!({ "username": USER })).unwrap();
    assert_eq!((missing.status, missing.json()), (400, json!({ "password": ["This field is required."] })));

    let tokens = pair(&client, USER, PASSWORD).json();
    let (access, refresh) = (tokens["access"].as_str().unwrap(), tokens["refresh"].as_str().unwrap());
    assert_eq!(users_status(&client.with_authorization(Some(&format!("Bearer {access}")))), 200);
    let by_refresh = client.with_authorization(Some(&format!("Bearer {refresh}")));
    let refused = by_refresh.raw("GET", "/api/users/", None, b"").unwrap();
    assert_eq!((refused.status, &refused.json()["code"]), (401, &json!("token_not_valid")), "a refresh token lets nobody in");

    let again = nobody.post("/api/auth/token/refresh/", &json!({ "refresh": refresh })).unwrap();
    let renewed = again["access"].as_str().unwrap();
    assert_eq!(users_status(&client.with_authorization(Some(&format!("Bearer {renewed}")))), 200);
    for (token, kind, good) in
        [(access, "access", 200), (refresh, "refresh", 200), (access, "refresh", 401), ("x.y.z", "access", 401)]
    {
        let asked = json!({ "token": token, "type": kind });
        assert_eq!(status(&nobody, "POST", "/api/auth/token/verify/", &asked), good, "{kind}");
    }
    let key = nobody.get("/api/auth/token/publickey/").unwrap();
    assert_eq!(key["algorithm"], "EdDSA");
    assert!(key["public_key"].as_str().unwrap().starts_with("-----BEGIN PUBLIC KEY-----"), "{key}");

    // Tokens outlive the process that gave them, and end with the password they were given for.
    let host = host.restart().unwrap();
    let client = host.client().with_authorization(Some(&format!("Bearer {access}")));
    let wrong = json!({ "old_password": "wrong", "new_password": OF_ADA });
    let refused = client.send("POST", "/api/users/change_password/", &wrong).unwrap();
    assert_eq!((refused.status, refused.json()["old_password"].is_array()), (400, true), "{}", refused.text);
    let weak = json!({ "old_password": PASSWORD, "new_password": "12345678" });
    let refused = client.send("POST", "/api/users/change_password/", &weak).unwrap();
    assert_eq!((refused.status, refused.json()["new_password"].is_array()), (400, true), "{}", refused.text);
    client.post("/api/users/change_password/", &json!({ "old_password": PASSWORD, "new_password": OF_ADA })).unwrap();
    assert_eq!(users_status(&client), 401);
    let nobody = client.with_authorization(None);
    assert_eq!(status(&nobody, "POST", "/api/auth/token/refresh/", &json!({ "refresh": refresh })), 401);
    assert_eq!(users_status(&comes_in(&client, USER, OF_ADA)), 200);
    host.stop().unwrap();
}

#[test]
fn users_are_made_changed_deactivated_and_deleted() {
    let (host, _room) = Host::bare().unwrap();
    let client = comes_in(&host.client(), USER, PASSWORD);
    let mut new = ada();
    new["profile"] = json!({ "country": "UK", "phone": "1" });
    let made = client.send("POST", "/api/users/", &new).unwrap();
    assert_eq!((made.status, &made.json()["password"]), (201, &Value::Null), "{}", made.text);
    let again = client.send("POST", "/api/users", &ada()).unwrap();
    assert_eq!((again.status, again.json()["username"].is_array()), (400, true), "{}", again.text);
    for (member, value, wrong) in [
        ("password", json!("short"), "/password/0"),
        ("groups", json!(["Nobody"]), "/groups/0"),
        ("nas_user", json!({ "primary_group": "Users" }), "/nas_user/primary_group/0"),
        ("profile", json!({ "home_site": 999 }), "/profile/home_site/0"),
        ("profile", json!({ "country": "x".repeat(200) }), "/profile/country/0"),
        ("username", json!("a b"), "/username/0"),
    ] {
        let mut new = json!({ "username": "eve", "password": OF_ADA });
        new[member] = value;
        let refused = client.send("POST", "/api/users/", &new).unwrap();
        assert!(
            refused.status == 400 && refused.json().pointer(wrong).is_some(),
            "{member}: {} {}",
            refused.status,
            refused.text
        );
    }

    let changed = json!({ "last_name": "Lovelace", "groups": ["Users"], "profile": { "department": "Engines", "phone": null } });
    let written = client.patch("/api/users/ada/", &changed).unwrap();
    assert_eq!((&written["groups"], &written["first_name"]), (&json!(["Users"]), &json!("Ada")));
    let shown = client.get("/api/users/ada/").unwrap();
    assert_eq!(shown["url"], format!("{}/api/users/ada/", host.base()));
    let profile = &shown["profile"];
    assert_eq!((&profile["country"], &profile["department"], &profile["phone"]), (&json!("UK"), &json!("Engines"), &Value::Null));
    assert_eq!((&shown["is_active"], &shown["last_login"]), (&json!(true), &Value::Null));

    let hers = comes_in(&client, "ada", OF_ADA);
    assert_eq!((users_status(&hers), status(&hers, "PATCH", "/api/users/ada/", &json!({}))), (403, 403));
    assert_eq!(client.post("/api/users/ada/deactivate/", &json!({})).unwrap()["is_active"], false);
    assert_eq!((users_status(&hers), pair(&client, "ada", OF_ADA).status), (401, 401));
    assert_eq!(client.post("/api/users/ada/activate/", &json!({})).unwrap()["is_active"], true);
    assert_eq!(pair(&client, "ada", OF_ADA).status, 200);
    assert_eq!(status(&client, "POST", "/api/users/admin/deactivate/", &json!({})), 409, "somebody has to be left");

    let listed = client.get("/api/users/?page_size=0").unwrap();
    assert_eq!((&listed["count"], &listed["next"], listed["results"].as_array().unwrap().len()), (&json!(2), &Value::Null, 2));
    client.delete("/api/users/ada/").unwrap();
    assert_eq!(status(&client, "DELETE", "/api/users/ada/", &json!({})), 404);
    host.stop().unwrap();
}

#[test]
fn groups_have_members_accounts_and_permissions_and_two_of_them_stay() {
    let (host, _room) = Host::bare().unwrap();
    let client = comes_in(&host.client(), USER, PASSWORD);
    client.post("/api/users/", &ada()).unwrap();
    let names: Vec<Value> = client.get("/api/groups/").unwrap()["results"].as_array().unwrap().clone();
    assert_eq!(names.iter().map(|group| group["name"].as_str().unwrap()).collect::<Vec<_>>(), ["Administrators", "Users"]);
    for group in &names {
        let path = format!("/api/groups/{}/", group["id"]);
        assert_eq!(status(&client, "DELETE", &path, &json!({})), 409);
    }
    let view = client.get("/api/permissions/?page_size=0").unwrap()["results"].as_array().unwrap().clone();
    let view = view.iter().find(|one| one["codename"] == "view_space").unwrap().clone();
    assert_eq!(view, client.get(&format!("/api/permissions/{}/", view["id"])).unwrap());

    let film = json!({ "name": "Film", "description": "cuts", "nas_group": true, "users": ["ada"], "permissions": [view["id"]] });
    let made = client.post("/api/groups/", &film).unwrap();
    assert_eq!((&made["users"], &made["permissions"], &made["nas_group"]), (&json!(["ada"]), &json!([view["id"]]), &json!(true)));
    let path = format!("/api/groups/{}/", made["id"]);
    assert_eq!(client.get(&path).unwrap()["nas_group"]["gid"], 100_000);
    client.patch("/api/users/ada/", &json!({ "nas_user": { "primary_group": "Film" } })).unwrap();
    client.patch("/api/users/ada/", &json!({ "nas_user": { "allow_ssh": true } })).unwrap();
    let account = json!({ "uid": 100_000, "primary_group": "Film", "allow_ssh": true });
    assert_eq!(client.get("/api/users/ada/").unwrap()["nas_user"], account);
    assert_eq!(status(&client, "DELETE", &path, &json!({})), 409, "an account has it as its primary group");

    let mine = comes_in(&client, "ada", OF_ADA).get("/api/my-permissions/").unwrap();
    assert_eq!(mine.as_array().unwrap().len(), 1, "{mine}");
    assert_eq!((&mine[0]["group_permissions"], &mine[0]["user_permissions"]), (&view, &Value::Null));
    for (member, value, wrong) in [
        ("users", json!(["nobody"]), "/users/0"),
        ("permissions", json!([view["id"], 0]), "/permissions/1/0"),
        (
            "object_permissions",
            json!([{ "model": "space", "object_pk": "999", "permission": view["id"] }]),
            "/object_permissions/0",
        ),
        (
            "object_permissions",
            json!([{ "model": "site", "object_pk": "1", "permission": view["id"] }]),
            "/object_permissions/0/model/0",
        ),
        ("name", json!("two words"), "/name/0"),
        ("name", json!("Users"), "/name/0"),
    ] {
        let refused = client.send("PATCH", &path, &json!({ member: value })).unwrap();
        assert!(
            refused.status == 400 && refused.json().pointer(wrong).is_some(),
            "{member}: {} {}",
            refused.status,
            refused.text
        );
    }
    client.patch("/api/users/ada/", &json!({ "nas_user": null })).unwrap();
    client.delete(&path).unwrap();
    assert_eq!(client.get("/api/users/ada/").unwrap()["groups"], json!([]), "its members stay");
    host.stop().unwrap();
}

#[test]
fn a_client_key_is_readable_once_gives_what_its_user_may_and_ends_when_it_is_deleted() {
    let (host, _room) = Host::bare().unwrap();
    let client = comes_in(&host.client(), USER, PASSWORD);
    client.post("/api/users/", &ada()).unwrap();
    let hers = comes_in(&client, "ada", OF_ADA);
    let made = hers.send("POST", "/api/auth/clientkeys/", &json!({ "name": "laptop" })).unwrap();
    assert_eq!(made.status, 201, "{}", made.text);
    let (secret, path) =
        (made.json()["api_key"].as_str().unwrap().to_owned(), format!("/api/auth/clientkeys/{}/", made.json()["id"]));
    let key = hers.with_authorization(Some(&format!("Api-Key {secret}")));
    let renamed = key.patch(&path, &json!({ "name": "desk" })).unwrap();
    assert_eq!((&renamed["name"], &renamed["user"], renamed.get("api_key")), (&json!("desk"), &json!("ada"), None));
    assert!(!hers.raw("GET", "/api/auth/clientkeys/", None, b"").unwrap().text.contains(&secret));
    assert_eq!(users_status(&key), 403);
    let change = json!({ "old_password": OF_ADA, "new_password": "two more passwords" });
    assert_eq!(status(&key, "POST", "/api/users/change_password/", &change), 403, "a key does not lock its user out");
    client.patch("/api/users/ada/", &json!({ "groups": ["Administrators"] })).unwrap();
    assert_eq!(users_status(&key), 200, "what its user may now");
    client.patch("/api/users/ada/", &json!({ "groups": [] })).unwrap();

    client.post("/api/users/", &json!({ "username": "bob", "password": OF_ADA })).unwrap();
    let his = comes_in(&client, "bob", OF_ADA);
    assert_eq!(
        (status(&his, "DELETE", &path, &json!({})), his.get("/api/auth/clientkeys/").unwrap()["count"].clone()),
        (404, json!(0))
    );
    client.delete(&path).unwrap();
    assert_eq!(users_status(&key), 401);
    host.stop().unwrap();
}

#[test]
fn health_and_the_page_of_the_document_are_there_for_whoever_comes_with_a_browser() {
    let (host, _room) = Host::bare().unwrap();
    let client = host.client();
    let health = client.get("/api/health").unwrap();
    assert_eq!(health["hub_status"]["health"], "ok", "{health}");
    let nobody = client.with_authorization(None);
    assert_eq!(nobody.raw("GET", "/api/health", None, b"").unwrap().status, 401);
    for path in ["/api/docs/", "/api/docs/swagger-ui-bundle.js", "/api/docs/swagger-ui.css", "/api/openapi.json"] {
        assert_eq!(nobody.raw("GET", path, None, b"").unwrap().status, 200, "{path}");
    }
    let nothing = nobody.raw("GET", "/api/nothing/", None, b"").unwrap();
    assert!(nothing.status == 404 && nothing.json()["detail"].is_string(), "{}", nothing.text);
    host.stop().unwrap();
}
