//! The query string, decoded once, repeated names and all.

use http::Uri;

/// Names and values in the order they were sent. Bytes that are not UTF-8 become U+FFFD, which no name or value can equal.
pub fn pairs(uri: &Uri) -> Vec<(String, String)> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}
