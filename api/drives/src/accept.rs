//! Answers are JSON. A client that asks for nothing but another form is told so; `?format=` says it louder than the header.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use capstan_api_http::pairs;
use http::header::ACCEPT;
use http::{HeaderMap, Method, Uri};

use crate::errors::{Error, Reason};

/// Middleware.
pub(crate) async fn only_json(request: Request, next: Next) -> Response {
    if accepted(request.method(), request.uri(), request.headers()) {
        next.run(request).await
    } else {
        Error::new(Reason::NotAcceptable, "Answers are application/json only").into_response()
    }
}

fn accepted(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let format = if method == Method::GET { pairs(uri).into_iter().rfind(|(name, _)| name == "format") } else { None };
    if let Some((_, format)) = format {
        return format.eq_ignore_ascii_case("json");
    }
    let mut ranges = headers.get_all(ACCEPT).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).peekable();
    ranges.peek().is_none() || ranges.any(fits)
}

/// Preferences between forms make no difference when there is only one.
fn fits(range: &[u8]) -> bool {
    let range = range.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    matches!(range.as_slice(), b"" | b"*/*" | b"application/*" | b"application/json")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn asked(query: &str, accept: Option<&'static str>) -> bool {
        let headers = accept.map(|value| (ACCEPT, HeaderValue::from_static(value)));
        accepted(&Method::GET, &format!("/x{query}").parse().unwrap(), &headers.into_iter().collect())
    }

    #[test]
    fn json_is_accepted_by_all_its_names_and_nothing_else_is() {
        for yes in [
            None,
            Some("*/*"),
            Some("application/json"),
            Some("application/xml, application/json;q=0.1"),
            Some("text/html,application/xhtml+xml,*/*;q=0.8"),
        ] {
            assert!(asked("", yes), "{yes:?}");
        }
        for no in [Some("application/xml"), Some("text/html"), Some("text/html, image/png")] {
            assert!(!asked("", no), "{no:?}");
        }
    }

    #[test]
    fn the_query_says_it_louder_and_the_last_word_counts() {
        assert!(asked("?format=json", Some("application/xml")));
        assert!(!asked("?format=xml", Some("application/json")));
        assert!(asked("?format=xml&format=json", None));
    }
}
