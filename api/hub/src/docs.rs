//! The page at `/api/docs/` that shows the document and calls its operations. It is one file of our own: nothing is loaded from
//! elsewhere, and the browser is told to load nothing else.

use axum::Router;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::HeaderValue;
use http::header::CONTENT_SECURITY_POLICY;

const PAGE: &str = include_str!("docs.html");

/// The page has its style and script inside.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

pub(crate) fn router() -> Router {
    Router::new().route("/api/docs", get(page)).route("/api/docs/", get(page))
}

async fn page() -> Response {
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE)).into_response()
}
