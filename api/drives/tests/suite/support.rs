//! A door with a small host behind it, so that the rules of the dialect can be tested without the real one.

mod fake;

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use base64::Engine;
use capstan_api_drives::{CloudSigma, router};
use capstan_api_http::{Authenticator, Caller, Credentials, Document, NotAuthenticated, Scope};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) use fake::Fake;

pub(crate) const ADMIN: &str = "Basic YWRtaW46cHc=";

/// A UUID that names nothing.
pub(crate) const NOBODY: &str = "ffffffff-ffff-4fff-8fff-ffffffffffff";

pub(crate) const GIB: u64 = 1 << 30;

/// `admin:pw` may everything and `guest:pw` nothing; a key is its own list of scopes, such as `key:drives/index+drives/show`.
struct Doorman;

#[async_trait]
impl Authenticator for Doorman {
    async fn authenticate(&self, credentials: Credentials) -> Result<Caller, NotAuthenticated> {
        let caller = |everything: bool, scopes| {
            let rights = if everything { |_: &str, _: &str| true } else { |_: &str, _: &str| false };
            Caller { id: "1".into(), name: "admin".into(), role: "role".into(), rights, scopes }
        };
        match credentials {
            Credentials::Basic { user, password } if user == "admin" && password.reveal() == "pw" => Ok(caller(true, None)),
            Credentials::Basic { user, password } if user == "guest" && password.reveal() == "pw" => Ok(caller(false, None)),
            Credentials::Basic { .. } => Err(NotAuthenticated::Wrong),
            Credentials::Bearer(key) | Credentials::Key(key) => match key.reveal() {
                "busy" => Err(NotAuthenticated::Busy),
                "down" => Err(NotAuthenticated::Unavailable("The catalogue cannot be read".into())),
                text => {
                    let scopes = text.strip_prefix("key:").ok_or(NotAuthenticated::Wrong)?;
                    let scopes = scopes.split('+').filter_map(|scope| scope.split_once('/'));
                    let scopes = scopes.map(|(noun, verb)| Scope { noun: noun.into(), verb: verb.into() }).collect();
                    Ok(caller(true, Some(scopes)))
                }
            },
        }
    }
}

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
    let (router, document) = router(behind, Arc::new(Doorman));
    Door { router, document, fake }
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

impl Door {
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()))
        };
        Reply { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn call_as(&self, authorization: &str, method: Method, path: &str, body: &str) -> Reply {
        let mut request =
            Request::builder().method(method).uri(format!("/api/2.0{path}")).header("content-type", "application/json");
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
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
