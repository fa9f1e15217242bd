//! Calls a router without a socket between.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use base64::Engine;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

/// The administrator's credentials, as a header.
pub const ADMIN: &str = "Basic YWRtaW46cHc=";

pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

/// What is not JSON comes as a string, no body as null.
pub async fn send(router: &Router, request: Request<Body>) -> (StatusCode, HeaderMap, Value) {
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()))
    };
    (parts.status, parts.headers, body)
}

/// A call with a body of this text; empty is none. No authorization: without the header.
pub async fn call(router: &Router, authorization: &str, method: Method, uri: &str, body: &str) -> (StatusCode, HeaderMap, Value) {
    let mut request = Request::builder().method(method).uri(uri).header("content-type", "application/json");
    if !authorization.is_empty() {
        request = request.header("authorization", authorization);
    }
    send(router, request.body(Body::from(body.to_owned())).unwrap()).await
}
