//! One line and one count for every answered request: its id, who asked for what, what came of it and how long it took.
//! Query strings and bodies are left out, because clients put secrets into both.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use capstan_api_http::RequestId;
use capstan_app::App;
use capstan_app::metrics::RequestLabels;

pub(crate) async fn request_log(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.to_string()).unwrap_or_default();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let (took, status) = (started.elapsed(), response.status().as_u16());
    app.metrics.answered(&RequestLabels { door: door(&path), method: known(&method), status }, took);
    let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if status == 403 {
        app.audit.request_refused(method.as_str(), &path, &peer).await;
    }
    if status >= 500 {
        tracing::warn!(request = id, %peer, %method, path, status, took_us, "answered");
    } else {
        tracing::debug!(request = id, %peer, %method, path, status, took_us, "answered");
    }
    response
}

fn door(path: &str) -> &'static str {
    if path.starts_with("/api/v2/") {
        "nodeum"
    } else if path.starts_with("/capstan/v1/") {
        "admin"
    } else {
        "other"
    }
}

/// Clients invent methods; labels must not.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        _ => "other",
    }
}
