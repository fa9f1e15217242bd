//! Every request has an id: the client's own if it is fit to be logged, else a new one. It goes back in the answer.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use uuid::Uuid;

pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Characters of a client's id; a longer one is replaced.
const LENGTH_LIMIT: usize = 64;

/// Stands among the request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub String);

/// Middleware: `axum::middleware::from_fn(request_id)`.
pub async fn request_id(mut request: Request, next: Next) -> Response {
    let id = request.headers().get(&REQUEST_ID_HEADER).and_then(accepted).unwrap_or_else(|| Uuid::now_v7().to_string());
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
    response
}

fn accepted(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let fit = (1..=LENGTH_LIMIT).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    fit.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_that_are_safe_to_log_are_kept() {
        assert_eq!(accepted(&HeaderValue::from_static("req-1.a:b")), Some("req-1.a:b".into()));
        for bad in ["", "a b", "a\"b", &"x".repeat(65)] {
            assert_eq!(accepted(&HeaderValue::from_str(bad).unwrap()), None, "{bad}");
        }
    }
}
