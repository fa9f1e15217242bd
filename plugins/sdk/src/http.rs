//! Requests over the host's pooled client, and what is read off their answers.

pub use crate::bindings::capstan::host::http::{Body, Reply, Request, Response, SizedStream, exchange, send};
use wit_bindgen::StreamResult;

use crate::content::Content;

/// Bytes of a refusal that are read at a time.
const REFUSAL_CHUNK: usize = 8 << 10;

pub type Headers = Vec<(String, String)>;

/// The first header of that name, whatever its case.
pub fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// A range of the host's content as a request body; the bytes do not enter the plugin.
pub fn content_body(content: &Content, offset: u64, length: u64) -> Body {
    if length == 0 { Body::Empty } else { Body::Stream(SizedStream { data: content.open(offset, length), length }) }
}

/// What a refusal says of itself: the answer with its body up to about `limit` bytes; the rest is left unread.
pub async fn collect(response: Response, limit: usize) -> Reply {
    let Response { status, headers, mut body, end } = response;
    let mut bytes = Vec::new();
    while bytes.len() < limit {
        let (result, chunk) = body.read(Vec::with_capacity(REFUSAL_CHUNK)).await;
        bytes.extend_from_slice(&chunk);
        if result == StreamResult::Dropped {
            break;
        }
    }
    drop((body, end));
    Reply { status, headers, body: bytes }
}

/// `Retry-After` in milliseconds, when it is a number of seconds.
pub fn retry_after_ms(headers: &[(String, String)]) -> Option<u64> {
    header(headers, "retry-after")?.trim().parse::<u64>().ok()?.checked_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_names_have_no_case() {
        let headers = vec![("ETag".to_owned(), "\"a\"".to_owned()), ("Retry-After".to_owned(), "3".to_owned())];
        assert_eq!(header(&headers, "etag"), Some("\"a\""));
        assert_eq!(retry_after_ms(&headers), Some(3000));
    }
}
