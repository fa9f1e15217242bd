//! The one error shape of this API, and the only place where it knows status codes.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use capstan_api_http::{Problem, advise};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What went wrong, whether asking again helps, who has to act, and what to do next.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct AdminError {
    /// `not-found`, `already-exists`, `invalid`, `unauthenticated`, `denied`, `conflict`, `busy`, `unavailable`, `timed-out`, `no-space`,
    /// `corrupt`, `offline`, `unsupported`, `cancelled`, `plugin-fault` or `other`.
    pub kind: String,
    pub message: String,
    /// `never`, `at-once` or `later`.
    pub retry: String,
    /// `caller`, `target`, `plugin` or `host`.
    pub blame: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

impl AdminError {
    /// A fault of the request, found before anybody was asked.
    pub fn caller(kind: &str, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), message: message.into(), retry: "never".into(), blame: "caller".into(), ..Self::default() }
    }

    /// Answered with 400.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::caller("invalid", message).coded("malformed")
    }

    fn coded(mut self, code: &str) -> Self {
        self.code = Some(code.into());
        self
    }

    pub fn status(&self) -> StatusCode {
        match self.code.as_deref() {
            Some("malformed") => return StatusCode::BAD_REQUEST,
            Some("too-large") => return StatusCode::PAYLOAD_TOO_LARGE,
            Some("method-not-allowed") => return StatusCode::METHOD_NOT_ALLOWED,
            Some("unsupported-media-type") => return StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Some("range") => return StatusCode::RANGE_NOT_SATISFIABLE,
            Some("body-too-slow") => return StatusCode::REQUEST_TIMEOUT,
            _ => {}
        }
        match self.kind.as_str() {
            "not-found" => StatusCode::NOT_FOUND,
            "already-exists" | "conflict" => StatusCode::CONFLICT,
            "invalid" | "unsupported" => StatusCode::UNPROCESSABLE_ENTITY,
            "unauthenticated" => StatusCode::UNAUTHORIZED,
            "denied" => StatusCode::FORBIDDEN,
            "busy" | "unavailable" | "offline" => StatusCode::SERVICE_UNAVAILABLE,
            "timed-out" => StatusCode::GATEWAY_TIMEOUT,
            "plugin-fault" | "corrupt" => StatusCode::BAD_GATEWAY,
            "no-space" => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<Problem> for AdminError {
    fn from(problem: Problem) -> Self {
        let message = match &problem {
            Problem::WrongTypes(wrong) => {
                wrong.iter().map(|one| format!("{}: {}", one.attribute, one.message)).collect::<Vec<_>>().join("; ")
            }
            other => other.to_string(),
        };
        match problem {
            Problem::Malformed(_) => Self::caller("invalid", message).coded("malformed"),
            Problem::WrongTypes(_) => Self::caller("invalid", message),
            Problem::Unauthenticated(_) => Self::caller("unauthenticated", message),
            Problem::Forbidden { .. } => Self::caller("denied", message),
            Problem::NotFound => Self::caller("not-found", message),
            Problem::MethodNotAllowed => Self::caller("unsupported", message).coded("method-not-allowed"),
            Problem::TooLarge { .. } => Self::caller("invalid", message).coded("too-large"),
            Problem::TooSlow => Self::caller("timed-out", message).coded("body-too-slow"),
            Problem::UnsupportedMedia(_) => Self::caller("unsupported", message).coded("unsupported-media-type"),
            Problem::Busy => Self { retry: "later".into(), blame: "host".into(), ..Self::caller("busy", message) },
            Problem::Unavailable(_) => {
                Self { retry: "later".into(), blame: "host".into(), ..Self::caller("unavailable", message) }
            }
        }
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let status = self.status();
        let retry_after = self.retry_after_ms.map(|ms| ms.div_ceil(1000));
        let mut response = (status, Json(self)).into_response();
        advise(response.headers_mut(), status == StatusCode::UNAUTHORIZED, retry_after);
        response
    }
}
