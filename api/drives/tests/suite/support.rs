//! A door with a small host behind it, so that the rules of the dialect can be tested without the real one.

mod fake;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use capstan_api_drives::{CloudSigma, router};
use capstan_api_http::Document;
use serde_json::{Value, json};

pub(crate) use capstan_test_dialect::ADMIN;
pub(crate) use fake::{Fake, GRANULARITY, LIMITS};

/// A UUID that names nothing.
pub(crate) const NOBODY: &str = "ffffffff-ffff-4fff-8fff-ffffffffffff";

pub(crate) const GIB: u64 = 1 << 30;

pub(crate) struct Door {
    pub(crate) router: Router,
    pub(crate) document: Document,
    pub(crate) fake: Arc<Fake>,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    /// Whether it is an error in the shape of this dialect: a list whose items have exactly the three members.
    pub(crate) fn is_error_shaped(&self) -> bool {
        self.body.as_array().is_some_and(|items| {
            !items.is_empty()
                && items.iter().all(|item| {
                    item.as_object().is_some_and(|item| item.keys().eq(["error_message", "error_point", "error_type"]))
                        && item["error_message"].as_str().is_some_and(|message| !message.is_empty())
                })
        })
    }

    /// Types and points of an error; the point of the whole is empty.
    pub(crate) fn errors(&self) -> Vec<(&str, &str)> {
        let items = self.body.as_array().into_iter().flatten();
        items.map(|item| (item["error_type"].as_str().unwrap(), item["error_point"].as_str().unwrap_or_default())).collect()
    }

    /// The only one of the objects that it answers with.
    pub(crate) fn object(&self) -> &Value {
        assert_eq!(self.body["objects"].as_array().map(Vec::len), Some(1), "{}", self.body);
        &self.body["objects"][0]
    }

    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    /// The uuids of the objects that it lists.
    pub(crate) fn uuids(&self) -> Vec<&str> {
        self.body["objects"].as_array().unwrap().iter().filter_map(|object| object["uuid"].as_str()).collect()
    }
}

pub(crate) fn door() -> Door {
    let fake = Arc::new(Fake::default());
    let behind = CloudSigma {
        availability_groups: fake.clone(),
        capabilities: fake.clone(),
        drive_users: fake.clone(),
        drives: fake.clone(),
        jobs: fake.clone(),
        profiles: fake.clone(),
        servers: fake.clone(),
        snapshots: fake.clone(),
        tags: fake.clone(),
    };
    let (router, document) = router(behind, Arc::new(capstan_test_dialect::Doorman));
    Door { router, document, fake }
}

impl Door {
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let (status, headers, body) = capstan_test_dialect::send(&self.router, request).await;
        Reply { status, headers, body }
    }

    pub(crate) async fn call_as(&self, authorization: &str, method: Method, path: &str, body: &str) -> Reply {
        let uri = format!("/api/2.0{path}");
        let (status, headers, body) = capstan_test_dialect::call(&self.router, authorization, method, &uri, body).await;
        Reply { status, headers, body }
    }

    /// As the administrator, with a body of this text; empty is none.
    pub(crate) async fn call(&self, method: Method, path: &str, body: &str) -> Reply {
        self.call_as(ADMIN, method, path, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path, &body.to_string()).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PUT, path, &body.to_string()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path, "").await
    }

    /// A drive of 1 GiB, ready.
    pub(crate) async fn drive(&self, name: &str) -> Value {
        let made = self.post("/drives/", json!({ "name": name, "media": "disk", "size": GIB })).await.expect(201);
        let uri = made.object()["resource_uri"].as_str().unwrap().strip_prefix("/api/2.0").unwrap().to_owned();
        self.get(&uri).await;
        self.get(&uri).await.expect(200).body
    }

    /// A server that lists these drives.
    pub(crate) async fn server(&self, drives: &[&Value]) -> Value {
        let drives: Vec<_> = drives.iter().map(|drive| json!({ "drive": drive["uuid"], "device": "virtio" })).collect();
        let server = json!({ "name": "s", "cpu": 1000, "mem": GIB, "vnc_password": "x", "drives": drives });
        self.post("/servers/", server).await.expect(201).object().clone()
    }
}

/// Path of an object below the base.
pub(crate) fn path(object: &Value) -> &str {
    object["resource_uri"].as_str().unwrap().strip_prefix("/api/2.0").unwrap()
}
