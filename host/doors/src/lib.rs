//! The doors: each dialect's traits answered by the use cases. Translation and nothing else; what a dialect means is in `api/`, what the
//! host does is in `app`.

mod admin;
mod authenticator;
mod health;
mod nodeum;
mod request_log;

use std::sync::Arc;

use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::{Extension, Router};
use capstan_api_http::{Authenticator, BodyLimit, request_id};
use capstan_app::App;

use crate::authenticator::Proof;

/// Every dialect under its own path, with a request id, a log line and a count for each request. JSON bodies of more than
/// `body_bytes_max` are refused.
pub fn router(app: Arc<App>, body_bytes_max: usize) -> Router {
    let authenticator: Arc<dyn Authenticator> = Arc::new(Proof { app: Arc::clone(&app) });
    let (nodeum, _) = nodeum::router(Arc::clone(&app), Arc::clone(&authenticator));
    let (admin, _) = admin::router(Arc::clone(&app), authenticator);
    Router::new()
        .merge(nodeum)
        .merge(admin)
        .merge(health::router(Arc::clone(&app)))
        .fallback(|| async { (StatusCode::NOT_FOUND, "there is nothing under this path\n") })
        .layer(from_fn_with_state(app, request_log::request_log))
        .layer(Extension(BodyLimit(body_bytes_max)))
        .layer(from_fn(request_id))
}
