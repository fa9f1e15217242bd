//! Every request has an id: the client's own if it is fit to be logged, else a new one. It goes back in the answer.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Characters of a client's id; a longer one is replaced.
const LENGTH_LIMIT: usize = 64;

/// In the form it has in the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id of the request with these headers.
    pub fn of(headers: &HeaderMap) -> Self {
        headers.get(&REQUEST_ID_HEADER).filter(|value| fit(value)).cloned().map_or_else(Self::new, Self)
    }

    fn new() -> Self {
        let mut digits = [0; Hyphenated::LENGTH];
        let text = Uuid::now_v7().as_hyphenated().encode_lower(&mut digits);
        // Hexadecimal digits and hyphens always stand in a header.
        Self(HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("none")))
    }

    pub fn text(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// Says it in an answer's headers.
    pub fn put(self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID_HEADER, self.0);
    }
}

fn fit(value: &HeaderValue) -> bool {
    let text = value.as_bytes();
    (1..=LENGTH_LIMIT).contains(&text.len()) && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_that_are_safe_to_log_are_kept() {
        let id = |given: &str| RequestId::of(&HeaderMap::from_iter([(REQUEST_ID_HEADER, HeaderValue::from_str(given).unwrap())]));
        assert_eq!(id("req-1.a:b").text(), "req-1.a:b");
        for bad in ["", "a b", "a\"b", &"x".repeat(65)] {
            assert_eq!(id(bad).text().len(), Hyphenated::LENGTH, "{bad}");
        }
    }

    #[test]
    fn the_answer_says_the_id() {
        let mut headers = HeaderMap::new();
        let id = RequestId::of(&headers);
        id.clone().put(&mut headers);
        assert_eq!(headers.get(REQUEST_ID_HEADER).unwrap(), id.text());
    }
}
