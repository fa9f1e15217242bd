//! A door with a fake host behind it, so that the rules of the dialect can be tested without one.

mod fake;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use capstan_api_http::Document;
use capstan_api_hub::{DataPath, Hub, Identity, router};
use serde_json::Value;

pub(crate) use capstan_test_dialect::ADMIN;
pub(crate) use fake::Fake;

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
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    /// The sentence of an error that is not about fields.
    pub(crate) fn detail(&self) -> &str {
        self.body["detail"].as_str().unwrap_or_default()
    }

    /// Whether it is an error in a shape of this dialect.
    pub(crate) fn is_error_shaped(&self) -> bool {
        !self.detail().is_empty()
            || self.body.as_object().is_some_and(|fields| !fields.is_empty() && fields.values().all(is_wrong))
    }
}

/// Sentences, or fields that have some.
fn is_wrong(value: &Value) -> bool {
    match value {
        Value::Array(said) => !said.is_empty() && said.iter().all(|one| one.as_str().is_some_and(|text| !text.is_empty())),
        Value::Object(fields) => !fields.is_empty() && fields.values().all(is_wrong),
        _ => false,
    }
}

pub(crate) fn door() -> Door {
    let fake = Arc::new(Fake::default());
    let identity = Identity {
        client_keys: fake.clone(),
        groups: fake.clone(),
        permissions: fake.clone(),
        tokens: fake.clone(),
        users: fake.clone(),
    };
    let data_path = DataPath {
        buckets: fake.clone(),
        external_targets: fake.clone(),
        files: fake.clone(),
        job_stats: fake.clone(),
        jobs: fake.clone(),
        sites: fake.clone(),
        spaces: fake.clone(),
        tasks: fake.clone(),
        workflows: fake.clone(),
    };
    let hub = Hub { health: fake.clone(), identity, data_path: Some(data_path) };
    let (router, document) = router(hub, Arc::new(capstan_test_dialect::Doorman));
    Door { router, document, fake }
}

impl Door {
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let (status, headers, body) = capstan_test_dialect::send(&self.router, request).await;
        Reply { status, headers, body }
    }

    pub(crate) async fn call_as(&self, authorization: &str, method: Method, path: &str, body: &str) -> Reply {
        let uri = format!("/api{path}");
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

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PATCH, path, &body.to_string()).await
    }
}
