//! Swagger UI at `/api/docs/`: shows the document and calls its operations. Its files are in this program, and the browser is told to
//! load nothing from elsewhere.

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

struct File {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

macro_rules! published {
    ($path:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui/", $path))
    };
}

const PAGE: &str = include_str!("page.html");
const FILES: [File; 6] = [
    File { name: "LICENSE", media_type: "text/plain; charset=utf-8", bytes: published!("LICENSE") },
    File { name: "NOTICE", media_type: "text/plain; charset=utf-8", bytes: published!("NOTICE") },
    File { name: "favicon-32x32.png", media_type: "image/png", bytes: published!("dist/favicon-32x32.png") },
    File { name: "start.js", media_type: "text/javascript; charset=utf-8", bytes: include_bytes!("start.js") },
    File {
        name: "swagger-ui-bundle.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: published!("dist/swagger-ui-bundle.js"),
    },
    File { name: "swagger-ui.css", media_type: "text/css; charset=utf-8", bytes: published!("dist/swagger-ui.css") },
];

/// Its scripts and its style sheet are files; it writes styles into elements, and has pictures in its style sheet.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

pub(crate) fn router() -> Router {
    Router::new()
        // The page names its files by where it lies itself.
        .route("/api/docs", get(|| async { Redirect::permanent("/api/docs/") }))
        .route("/api/docs/", get(|| async { answer("text/html; charset=utf-8", PAGE.as_bytes()) }))
        .route("/api/docs/{file}", get(file))
}

async fn file(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|file| file.name == name) {
        Some(file) => answer(file.media_type, file.bytes),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn answer(media_type: &'static str, bytes: &'static [u8]) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(media_type)), (CONTENT_SECURITY_POLICY, POLICY)], bytes).into_response()
}
