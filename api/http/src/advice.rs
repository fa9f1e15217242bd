//! The headers of an error that tell a client what to do next, whatever the shape of the error is.

use http::HeaderMap;
use http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

/// `challenge`: the caller has to say who it is (RFC 9110, section 11.6.1; RFC 7617, section 2.1). `retry_after`: seconds until it may
/// try again (RFC 9110, section 10.2.3).
pub fn advise(headers: &mut HeaderMap, challenge: bool, retry_after: Option<u64>) {
    if challenge {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Capstan\", charset=\"UTF-8\""));
    }
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}
