//! A door with a fake host behind it, so that the rules of the dialect can be tested without one.

mod fake;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use capstan_api_http::Document;
use capstan_api_nodeum::{Nodeum, router};
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
        on_tapes_files: fake.clone(),
        pools: fake.clone(),
        primary_scans: fake.clone(),
        tape_drives: fake.clone(),
        tape_libraries: fake.clone(),
        tape_stats: fake.clone(),
        tapes: fake.clone(),
        task_actions: fake.clone(),
        task_destinations: fake.clone(),
        task_executions: fake.clone(),
        task_options: fake.clone(),
        task_sources: fake.clone(),
        tasks: fake.clone(),
    };
    let (router, document) = router(nodeum, Arc::new(capstan_test_dialect::Doorman));
    Door { router, document, fake }
}

impl Door {
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let (status, headers, body) = capstan_test_dialect::send(&self.router, request).await;
        Reply { status, headers, body }
    }

    /// As the administrator, with a body of this text; empty is none.
    pub(crate) async fn call(&self, method: Method, path: &str, body: &str) -> Reply {
        self.call_as(ADMIN, method, path, body).await
    }

    pub(crate) async fn call_as(&self, authorization: &str, method: Method, path: &str, body: &str) -> Reply {
        let uri = format!("/api/v2{path}");
        let (status, headers, body) = capstan_test_dialect::call(&self.router, authorization, method, &uri, body).await;
        Reply { status, headers, body }
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
