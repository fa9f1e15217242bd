//! One line and one count for every answered request: its id, who asked for what, what came of it and how long it took.
//! Query strings and bodies are left out, because clients put secrets into both.

use std::net::SocketAddr;
use std::time::Instant;

use axum::extract::Request;
use axum::http::{Method, Uri};
use axum::response::Response;
use capstan_api_http::RequestId;
use capstan_app::App;
use capstan_app::metrics::RequestLabels;

/// What is kept of a request while it is answered.
pub(crate) struct Asked {
    started: Instant,
    id: RequestId,
    peer: SocketAddr,
    method: Method,
    uri: Uri,
}

impl Asked {
    pub(crate) fn of(request: &Request, peer: SocketAddr) -> Self {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        Self { started: Instant::now(), id: RequestId::of(request.headers()), peer, method, uri }
    }

    pub(crate) async fn answered(self, app: &App, response: &mut Response) {
        let Self { started, id, peer, method, uri } = self;
        let (took, status, path) = (started.elapsed(), response.status().as_u16(), uri.path());
        app.metrics.answered(&RequestLabels { door: door(path), method: known(&method), status }, took);
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if status == 403 {
            app.audit.request_refused(method.as_str(), path, &peer.to_string()).await;
        }
        if status >= 500 {
            tracing::warn!(request = id.text(), %peer, %method, path, status, took_us, "answered");
        } else {
            tracing::debug!(request = id.text(), %peer, %method, path, status, took_us, "answered");
        }
        id.put(response.headers_mut());
    }
}

fn door(path: &str) -> &'static str {
    if path.starts_with("/api/v2/") {
        "nodeum"
    } else if path.starts_with("/api/2.0/") {
        "cloudsigma"
    } else if path.starts_with("/api/") {
        "hub"
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
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        _ => "other",
    }
}
