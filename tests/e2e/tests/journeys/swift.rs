//! A tree goes into a container of OpenStack Swift and comes back verified, by either version of the authentication: a connector of
//! the Nodeum door with the user as its access key and the password as its secret.
//!
//! Where Keystone's users are not of the default domain, or its catalogue leads to another server, the door has no words for it:
//! that is laid over the connector's target by the host's own API.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here says where")]

use std::time::Duration;

use capstan_e2e::{Cargo, Host, Route, Shape, Tree};
use capstan_test_servers::{Cloud, Swift, SwiftAccount, server_or_skip};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(300);
/// Of the large file.
const LARGE: u64 = 40 << 20;
/// MiB of a segment.
const SEGMENT: u64 = 8;

/// An account as its owner sees it beside the plugin. Each call logs in anew: other tests make the service forget its tokens.
enum Account<'a> {
    Version1(&'a SwiftAccount),
    Keystone(&'a Cloud),
}

impl Account<'_> {
    /// Storage URL and token.
    fn admission(&self) -> (String, String) {
        match self {
            Self::Version1(account) => account.admission().unwrap(),
            Self::Keystone(cloud) => by_keystone(cloud),
        }
    }

    fn make_container(&self, name: &str) {
        let (storage, token) = self.admission();
        let url = format!("{storage}/{name}");
        ureq::put(&url).header("x-auth-token", token).send_empty().unwrap();
    }

    /// Names in a container, which the service tells one a line.
    fn names(&self, container: &str) -> Vec<String> {
        let (storage, token) = self.admission();
        let url = format!("{storage}/{container}");
        let mut answer = ureq::get(&url).header("x-auth-token", token).call().unwrap();
        answer.body_mut().read_to_string().unwrap().lines().map(str::to_owned).collect()
    }
}

fn by_keystone(cloud: &Cloud) -> (String, String) {
    let user = json!({ "name": cloud.user, "password": cloud.password, "domain": { "name": cloud.user_domain } });
    let identity = json!({ "methods": ["password"], "password": { "user": user } });
    let scope = json!({ "project": { "name": cloud.project, "domain": { "id": cloud.project_domain } } });
    let body = json!({ "auth": { "identity": identity, "scope": scope } }).to_string();
    let url = format!("{}/auth/tokens", cloud.auth_url);
    let mut answer = ureq::post(&url).header("content-type", "application/json").send(body).unwrap();
    let token = answer.headers().get("x-subject-token").unwrap().to_str().unwrap().to_owned();
    let told: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
    let project = told["token"]["project"]["id"].as_str().unwrap();
    (format!("{}/v1/AUTH_{project}", cloud.storage_url), token)
}

/// `more`: what is laid over the target's configuration, if anything is.
fn there_and_back(connector: &Value, more: &Value, account: &Account<'_>) {
    let container = format!("cargo-{}", std::process::id());
    account.make_container(&container);
    let (host, _room) = Host::fresh().unwrap();
    let cargo = Cargo::new(host.client());
    let made = cargo.client.post("/api/v2/cloud_connectors", connector).unwrap();
    let connector_path = format!("/api/v2/cloud_connectors/{}", made["id"]);
    if let Some(more) = more.as_object() {
        let path = format!("/capstan/v1/targets/{}", connector["name"].as_str().unwrap());
        let mut configuration = cargo.client.get(&path).unwrap()["configuration"].clone();
        for (name, value) in more {
            configuration[name.as_str()] = value.clone();
        }
        cargo.client.put(&path, &json!({ "configuration": configuration })).unwrap();
    }
    let shown = cargo.client.get(&connector_path).unwrap();
    for member in ["provider", "url", "access_key", "options"] {
        assert_eq!(shown[member], connector[member], "{member} in {shown}");
    }
    let bucket = cargo.sync_bucket(made["id"].as_i64().unwrap(), &container).unwrap();
    cargo.pool("swift", bucket).unwrap();
    for space in ["outbound", "inbound"] {
        cargo.container(space).unwrap();
    }
    let shape = Shape { files: 60, small: 8 << 10, large: vec![LARGE, (1 << 20) + 1], odd: true };
    shape.make(&host.container("outbound")).unwrap();
    let before = Tree::read(&host.container("outbound")).unwrap();
    let up = cargo.task("up", "copy", Route::IntoPool { path: "/outbound", pool: "swift" }).unwrap();
    let up = cargo.run(up, PATIENCE).unwrap();
    assert_eq!((up.files, up.bytes), (before.files.len() as u64, before.bytes()), "{}", up.whole);
    // The large file came in segments, which lie beside the container and are no bucket.
    let pieces = format!("{container}_segments");
    let segments = account.names(&pieces);
    assert_eq!(segments.len() as u64, LARGE.div_ceil(SEGMENT << 20), "{segments:?}");
    let hidden = cargo.sync_bucket(made["id"].as_i64().unwrap(), &pieces).unwrap_err().to_string();
    assert!(hidden.contains("did not find"), "{hidden}");
    let down = cargo.task("down", "copy", Route::OutOfPool { pool: "swift", path: "/inbound" }).unwrap();
    let down = cargo.run(down, PATIENCE).unwrap();
    assert_eq!(down.files, before.files.len() as u64, "{}", down.whole);
    before.same_as(&Tree::read(&host.container("inbound")).unwrap()).unwrap();
    host.stop().unwrap();
}

#[test]
fn a_tree_goes_to_swift_and_comes_back_verified_behind_version_1() {
    let swift = server_or_skip!(Swift::get());
    let tester = swift.tester();
    let connector = json!({
        "name": "tempauth", "provider": "openstack_swift", "url": tester.auth_url, "access_key": tester.user,
        "secret_key": tester.password, "options": format!("multipart_size={SEGMENT}"),
    });
    there_and_back(&connector, &Value::Null, &Account::Version1(&tester));
}

#[test]
fn a_tree_goes_to_swift_and_comes_back_verified_behind_keystone() {
    let swift = server_or_skip!(Swift::get());
    let cloud = &swift.cloud;
    let connector = json!({
        "name": "keystone", "provider": "openstack_swift", "url": cloud.auth_url, "region": cloud.region,
        "access_key": format!("{}:{}", cloud.project, cloud.user), "secret_key": cloud.password,
        "options": format!("multipart_size={SEGMENT}"),
    });
    let more = json!({
        "user-domain": cloud.user_domain, "project-domain": cloud.project_domain, "storage-url": cloud.storage_url,
    });
    there_and_back(&connector, &more, &Account::Keystone(cloud));
}
