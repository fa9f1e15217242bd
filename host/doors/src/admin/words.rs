//! The domain's words in this dialect: failures, instants, windows and callers.

use capstan_api_admin::{AdminError, Window};
use capstan_domain::Failure;
use capstan_domain::listing::Listing;
use capstan_domain::time::Timestamp;
use jiff::Timestamp as Instant;
use serde::Serialize;

pub(super) fn error(failure: Failure) -> AdminError {
    if let Some(detail) = &failure.detail {
        tracing::info!(kind = %failure.kind, message = failure.message, detail, "a request failed");
    }
    let origin = *failure.origin;
    AdminError {
        kind: failure.kind.to_string(),
        message: failure.message,
        retry: word(&failure.retry),
        blame: word(&failure.blame),
        code: failure.code,
        next_step: failure.next_step,
        retry_after_ms: failure.retry_after_ms,
        plugin: origin.plugin,
        version: origin.version,
        target: origin.target,
    }
}

/// RFC 3339, UTC, milliseconds.
pub(super) fn instant(at: Timestamp) -> String {
    Instant::from_millisecond(at.millis()).map_or_else(|_| at.millis().to_string(), |instant| format!("{instant:.3}"))
}

pub(super) fn listing(window: Window) -> Listing {
    Listing { offset: window.offset, ..Listing::first(window.limit) }
}

/// The name serde gives a case.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
