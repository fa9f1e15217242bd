//! What a group of the Hub is given on one thing counts on the other doors too, in lists as well.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use capstan_e2e::{Host, PASSWORD, USER};
use serde_json::json;

use crate::hub_identity::comes_in;

const OF_ADA: &str = "one more password";

#[test]
fn a_permission_on_one_space_shows_that_one_on_every_door_and_no_other() {
    let (host, _room) = Host::bare().unwrap();
    let client = comes_in(&host.client(), USER, PASSWORD);
    let space = |name: &str| client.post("/api/v2/containers", &json!({ "name": name })).unwrap()["id"].as_i64().unwrap();
    let (first, second) = (space("first"), space("second"));
    client.post("/api/users/", &json!({ "username": "ada", "password": OF_ADA })).unwrap();
    let permissions = client.get("/api/permissions/?page_size=0").unwrap()["results"].as_array().unwrap().clone();
    let on_first = |codename: &str| {
        let permission = permissions.iter().find(|one| one["codename"] == codename).unwrap();
        json!({ "model": "space", "object_pk": first.to_string(), "permission": permission["id"] })
    };
    let film = json!({ "name": "Film", "users": ["ada"], "object_permissions": [on_first("view_space")] });
    let film = client.post("/api/groups/", &film).unwrap();

    let hers = comes_in(&client, "ada", OF_ADA);
    let status = |method: &str, path: &str, body| hers.send(method, path, &body).unwrap().status;
    let at = |space: i64| format!("/api/v2/containers/{space}");
    let listed = hers.get("/api/v2/containers").unwrap();
    assert_eq!((&listed["count"], &listed["containers"][0]["id"]), (&json!(1), &json!(first)), "{listed}");
    assert_eq!((status("GET", &at(first), json!({})), status("GET", &at(second), json!({}))), (200, 404));
    let renamed = || json!({ "comment": "hers" });
    assert_eq!(status("PUT", &at(first), renamed()), 403);
    let mine = hers.get("/api/my-permissions/").unwrap();
    assert_eq!(mine[0]["group_object_permissions"]["object_pk"], first.to_string(), "{mine}");

    // It counts from the next request on, and so does its end.
    let path = format!("/api/groups/{}/", film["id"]);
    client.patch(&path, &json!({ "object_permissions": [on_first("view_space"), on_first("change_space")] })).unwrap();
    assert_eq!((status("PUT", &at(first), renamed()), status("PUT", &at(second), renamed())), (200, 404));
    client.patch(&path, &json!({ "users": [] })).unwrap();
    assert_eq!((status("GET", "/api/v2/containers", json!({})), status("GET", &at(first), json!({}))), (403, 403));
    host.stop().unwrap();
}
