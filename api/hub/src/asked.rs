//! Where a request was sent to, kept while it is answered: this dialect names things, and the neighbours of a page, by absolute
//! addresses.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::HOST;
use http::{Extensions, HeaderMap, Uri};

tokio::task_local! {
    static ASKED: Asked;
}

/// An extension of requests that came over TLS.
#[derive(Clone, Copy, Debug)]
pub struct Secure;

#[derive(Clone, Debug)]
struct Asked {
    /// Such as `https://hub.example:8443`.
    origin: String,
    uri: Uri,
}

/// Bytes of a `Host` header that is believed: a name, a colon and a port.
const HOST_LIMIT: usize = 260;

/// Middleware over all routes.
pub(crate) async fn remember(request: Request, next: Next) -> Response {
    let asked = Asked { origin: origin_of(request.uri(), request.headers(), request.extensions()), uri: request.uri().clone() };
    ASKED.scope(asked, next.run(request)).await
}

/// The address of a path that begins with a slash; outside of a request the path itself.
pub(crate) fn address(path: &str) -> String {
    ASKED.try_with(|asked| format!("{}{path}", asked.origin)).unwrap_or_else(|_| path.to_owned())
}

/// The address that was asked, for another page of the same list.
pub(crate) fn address_of_page(page: u64) -> String {
    ASKED.try_with(|asked| of_page(&asked.uri, page)).map(|path| address(&path)).unwrap_or_default()
}

/// The first page is the one that is asked for without a number.
fn of_page(uri: &Uri, page: u64) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in capstan_api_http::pairs(uri).iter().filter(|(name, _)| name != "page") {
        query.append_pair(name, value);
    }
    if page > 1 {
        query.append_pair("page", &page.to_string());
    }
    match query.finish() {
        empty if empty.is_empty() => uri.path().to_owned(),
        query => format!("{}?{query}", uri.path()),
    }
}

/// A proxy in front says by `X-Forwarded-Proto` that its client speaks TLS; believing it changes nothing but addresses in the answer.
fn origin_of(uri: &Uri, headers: &HeaderMap, extensions: &Extensions) -> String {
    let forwarded = headers.get("x-forwarded-proto").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"https"));
    let scheme = if forwarded || extensions.get::<Secure>().is_some() { "https" } else { "http" };
    let named = headers.get(HOST).and_then(|value| value.to_str().ok()).or_else(|| Some(uri.authority()?.as_str()));
    let plain = |host: &&str| {
        (1..=HOST_LIMIT).contains(&host.len())
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte))
    };
    format!("{scheme}://{}", named.filter(plain).unwrap_or("localhost"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_page_keeps_the_rest_of_the_query_and_the_first_has_no_number() {
        let uri: Uri = "/api/jobs/?state=ERROR&page=2&state=A%26B&page_size=50".parse().unwrap();
        assert_eq!(of_page(&uri, 3), "/api/jobs/?state=ERROR&state=A%26B&page_size=50&page=3");
        assert_eq!(of_page(&uri, 1), "/api/jobs/?state=ERROR&state=A%26B&page_size=50");
        assert_eq!(of_page(&"/api/jobs/?page=2".parse().unwrap(), 1), "/api/jobs/");
    }

    #[test]
    fn the_origin_is_the_host_that_was_asked_over_the_scheme_that_was_used() {
        let origin = |host: &'static str, forwarded: Option<&'static str>, secure: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            if let Some(forwarded) = forwarded {
                headers.insert("x-forwarded-proto", HeaderValue::from_static(forwarded));
            }
            let mut extensions = Extensions::new();
            if secure {
                extensions.insert(Secure);
            }
            origin_of(&Uri::from_static("/api/jobs/"), &headers, &extensions)
        };
        assert_eq!(origin("hub:8000", None, false), "http://hub:8000");
        assert_eq!(origin("hub", Some("HTTPS"), false), "https://hub");
        assert_eq!(origin("[::1]:8443", None, true), "https://[::1]:8443");
        assert_eq!(origin("a/b\"<", Some("ftp"), false), "http://localhost");
    }
}
