//! The OpenAPI document of a dialect, built from its operations and served as bytes that were written once.

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use utoipa::openapi::OpenApi;

/// Cheap to clone.
#[derive(Clone)]
pub struct Document {
    value: std::sync::Arc<serde_json::Value>,
    bytes: Bytes,
}

impl Document {
    pub(crate) fn new(document: &OpenApi) -> Self {
        // A document of plain maps and strings; there is nothing in it that JSON cannot hold.
        let value = serde_json::to_value(document).unwrap_or_default();
        Self { bytes: Bytes::from(value.to_string()), value: std::sync::Arc::new(value) }
    }

    pub fn value(&self) -> &serde_json::Value {
        &self.value
    }
}

impl IntoResponse for Document {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "application/json")], self.bytes).into_response()
    }
}
