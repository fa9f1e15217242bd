//! A door with a fake host behind it, so that the rules of the dialect can be tested without one.

mod fake;

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use base64::Engine;
use capstan_api_http::{Authenticator, Caller, Credentials, Document, NotAuthenticated, Scope};
use capstan_api_nodeum::{Nodeum, router};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

pub(crate) use fake::Fake;

pub(crate) const ADMIN: &str = "Basic YWRtaW46cHc=";

/// `admin:pw` may everything and `guest:pw` nothing; a key is its own list of scopes, such as `key:pools/index+pools/show`.
struct Doorman;

#[async_trait]
impl Authenticator for Doorman {
    async fn authenticate(&self, credentials: Credentials) -> Result<Caller, NotAuthenticated> {
        let caller = |everything: bool, scopes| {
            let rights = if everything { |_: &str, _: &str| true } else { |_: &str, _: &str| false };
            Caller { id: "1".into(), name: "ada".into(), role: "role".into(), rights, scopes }
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
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    /// Codes of an attribute in an error.
    pub(crate) fn codes(&self, attribute: &str) -> Vec<&str> {
        self.body["details"][attribute].as_array().into_iter().flatten().filter_map(|error| error["error"].as_str()).collect()
    }

    /// Whether it is an error in the shape of this dialect.
    pub(crate) fn is_error_shaped(&self) -> bool {
        let keys: Vec<_> = self.body.as_object().map(|body| body.keys().map(String::as_str).collect()).unwrap_or_default();
        keys == ["details", "messages"] && self.body["messages"].as_array().is_some_and(|messages| !messages.is_empty())
    }
}

pub(crate) fn door() -> Door {
    let fake = Arc::new(Fake::default());
    let nodeum = Nodeum {
        api_keys: fake.clone(),
        cloud_buckets: fake.clone(),
        cloud_connectors: fake.clone(),
        containers: fake.clone(),
        files: fake.clone(),
        mounts: fake.clone(),
        nas: fake.clone(),
        nas_shares: fake.clone(),
        pools: fake.clone(),
        primary_scans: fake.clone(),
        tapes: fake.clone(),
        task_actions: fake.clone(),
        task_destinations: fake.clone(),
        task_executions: fake.clone(),
        task_sources: fake.clone(),
        tasks: fake.clone(),
    };
    let (router, document) = router(nodeum, Arc::new(Doorman));
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

    /// As the administrator, with a body of this text; empty is none.
    pub(crate) async fn call(&self, method: Method, path: &str, body: &str) -> Reply {
        self.call_as(ADMIN, method, path, body).await
    }

    pub(crate) async fn call_as(&self, authorization: &str, method: Method, path: &str, body: &str) -> Reply {
        let mut request =
            Request::builder().method(method).uri(format!("/api/v2{path}")).header("content-type", "application/json");
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Reply {
        self.call(Method::POST, path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: &str) -> Reply {
        self.call(Method::PUT, path, body).await
    }
}
