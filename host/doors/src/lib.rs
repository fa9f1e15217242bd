//! The doors: each dialect's traits answered by the use cases. Translation and nothing else; what a dialect means is in `api/`, what the
//! host does is in `app`.

mod admin;
mod attributes;
mod authenticator;
mod drives;
mod health;
mod hub;
mod nodeum;
mod request_log;
mod telling;
mod windows;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use capstan_api_http::{Authenticator, BodyLimit};
use capstan_app::App;
use tower::ServiceExt;

use crate::authenticator::Proof;
use crate::request_log::Asked;

/// Every dialect under its own path.
pub struct Doors {
    app: Arc<App>,
    router: Router,
    body_limit: BodyLimit,
    secure: bool,
}

impl Doors {
    /// JSON bodies of more than `body_bytes_max` are refused. `secure`: requests come over TLS.
    pub fn new(app: Arc<App>, body_bytes_max: usize, secure: bool) -> Self {
        let proof = |asked_of_each| -> Arc<dyn Authenticator> { Arc::new(Proof { app: Arc::clone(&app), asked_of_each }) };
        let (nodeum, _) = nodeum::router(Arc::clone(&app), proof(nodeum::ASKED_OF_EACH));
        // A drive is its owner's and administrators', whatever is given on single objects.
        let (drives, _) = drives::router(Arc::clone(&app), proof(&[]));
        let (admin, _) = admin::router(Arc::clone(&app), proof(admin::ASKED_OF_EACH));
        let (hub, _) = hub::router(Arc::clone(&app), proof(hub::ASKED_OF_EACH));
        let router = Router::new()
            .merge(nodeum)
            .merge(drives)
            .merge(admin)
            .merge(hub)
            .merge(health::router(Arc::clone(&app)))
            .fallback(|| async { (StatusCode::NOT_FOUND, "there is nothing under this path\n") });
        Self { app, router, body_limit: BodyLimit(body_bytes_max), secure }
    }

    /// Answers one request, which gets an id, a log line and a count. That is done here and not in layers of the router: each layer
    /// clones everything below it for every request.
    pub async fn answer(&self, mut request: Request, peer: SocketAddr) -> Response {
        let asked = Asked::of(&request, peer);
        request.extensions_mut().insert(self.body_limit);
        if self.secure {
            request.extensions_mut().insert(capstan_api_hub::Secure);
        }
        let mut response = self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        asked.answered(&self.app, &mut response).await;
        response
    }
}
