//! A request as a plugin states it, read once: where it goes, what its head says, which bytes go out unchanged.

use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use capstan_domain::content::Body;
use capstan_domain::ports::NamedValues;
use capstan_domain::{Failure, Outcome};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::uri::Scheme;
use http::{Method, Uri};

use crate::dial::{Proxy, Route, Source};
use crate::limits;

/// What to ask. `host`, `content-length`, `transfer-encoding` and `connection` are set by the client.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// Absolute and percent-encoded. Authority, path and query are sent byte for byte, so that a signature over them holds.
    pub url: String,
    pub headers: Vec<(String, String)>,
    /// "timeout-ms", "proxy", "tls-ca", "tls-insecure".
    pub extras: NamedValues,
}

/// What to send with it.
#[derive(Default)]
pub enum Payload {
    #[default]
    Empty,
    Bytes(Bytes),
    Stream {
        body: Body,
        length: u64,
    },
}

impl Payload {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Stream { length, .. } => *length,
        }
    }
}

/// A request that passed the checks that need no network.
#[derive(Debug)]
pub(super) struct Prepared {
    pub route: Route,
    pub method: Method,
    /// As it goes into the request line.
    pub uri: Uri,
    pub headers: HeaderMap,
    /// Overrides the wait for the first byte.
    pub timeout: Option<Duration>,
}

/// Headers the client sets itself: a plugin that could would smuggle requests into a shared connection.
const RESERVED: [&str; 10] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "proxy-connection",
];

impl Prepared {
    pub(super) fn read(request: &Request, length: u64) -> Outcome<Self> {
        let method = Method::from_bytes(request.method.as_bytes())
            .ok()
            .filter(|method| method != Method::CONNECT)
            .ok_or_else(|| wrong(format!("`{}` is no HTTP method a plugin may use", request.method)))?;
        let place = Place::read(&request.url)?;
        let extras = Extras::read(&request.extras)?;
        let mut headers = read_headers(&request.headers)?;
        headers.insert(
            http::header::HOST,
            HeaderValue::from_str(&place.authority).map_err(|_| wrong("the URL's host is malformed"))?,
        );
        // A body-less GET says nothing of its length; anything that could carry one says so, also when it is zero.
        if length > 0 || !matches!(method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::DELETE) {
            headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        let absolute = extras.proxy.is_some() && !place.tls;
        if absolute && let Some(authorization) = extras.proxy.as_ref().and_then(|proxy| proxy.authorization.as_deref()) {
            let value = HeaderValue::from_str(authorization).map_err(|_| wrong("the proxy's user is malformed"))?;
            headers.insert(http::header::PROXY_AUTHORIZATION, value);
        }
        let uri = if absolute { place.uri } else { origin_form(place.uri)? };
        let route = Route {
            tls: place.tls,
            host: place.host,
            port: place.port,
            proxy: extras.proxy,
            authority: extras.authority.filter(|_| place.tls),
            insecure: extras.insecure && place.tls,
            source: Source::Any,
        };
        Ok(Self { route, method, uri, headers, timeout: extras.timeout })
    }
}

struct Place {
    tls: bool,
    host: String,
    port: u16,
    /// As it stands in the URL.
    authority: String,
    uri: Uri,
}

impl Place {
    fn read(url: &str) -> Outcome<Self> {
        if url.len() > limits::URL_BYTES {
            return Err(wrong(format!("a URL may have {} bytes", limits::URL_BYTES)));
        }
        if url.contains('#') {
            return Err(wrong("a URL that is sent has no fragment"));
        }
        let uri: Uri =
            url.parse().map_err(|cause| wrong(format!("`{}` is no URL", visible(url))).with_detail(format!("{cause}")))?;
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(wrong("a URL begins with http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("a URL names a host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("a URL carries no user; use a header"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() {
            return Err(wrong("a URL names a host"));
        }
        let port = authority.port_u16();
        if port.is_none() && authority.as_str().len() > authority.host().len() {
            return Err(wrong("the URL's port is malformed"));
        }
        let port = port.unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { tls, host, port, authority: authority.as_str().to_owned(), uri })
    }
}

#[derive(Default)]
struct Extras {
    timeout: Option<Duration>,
    proxy: Option<Proxy>,
    authority: Option<String>,
    insecure: bool,
}

impl Extras {
    fn read(values: &NamedValues) -> Outcome<Self> {
        let mut extras = Self::default();
        for (name, value) in values {
            match name.as_str() {
                "timeout-ms" => {
                    let millis: u64 = value.parse().map_err(|_| wrong("timeout-ms is a number of milliseconds"))?;
                    extras.timeout = Some(Duration::from_millis(millis.max(1)).min(limits::LONGEST_TIMEOUT));
                }
                "proxy" if value.is_empty() => {}
                "proxy" => extras.proxy = Some(Proxy::read(value)?),
                "tls-ca" if value.trim().is_empty() => {}
                "tls-ca" => extras.authority = Some(value.clone()),
                "tls-insecure" => extras.insecure = value == "true",
                other => return Err(wrong(format!("`{other}` is no extra of a request that this host knows"))),
            }
        }
        Ok(extras)
    }
}

impl Proxy {
    fn read(url: &str) -> Outcome<Self> {
        let uri: Uri = url.parse().map_err(|_| wrong("the proxy is no URL"))?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(Failure::unsupported("a proxy's URL begins with http://"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("the proxy's URL names a host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let authorization = authority.as_str().rsplit_once('@').map(|(user, _)| {
            let user = percent_decoded(user);
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(user))
        });
        Ok(Self { host, port: authority.port_u16().unwrap_or(3128), authorization })
    }
}

/// A user of a proxy URL may be percent-encoded.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        match rest {
            [b'%', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or(0);
                out.push(digit(*high) << 4 | digit(*low));
                rest = after;
            }
            _ => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

fn read_headers(given: &[(String, String)]) -> Outcome<HeaderMap> {
    if given.len() > limits::REQUEST_HEADERS {
        return Err(wrong(format!("a request may have {} headers", limits::REQUEST_HEADERS)));
    }
    if given.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>() > limits::REQUEST_HEADER_BYTES {
        return Err(wrong(format!("the headers of a request may have {} bytes", limits::REQUEST_HEADER_BYTES)));
    }
    let mut headers = HeaderMap::with_capacity(given.len() + 2);
    for (name, value) in given {
        let parsed =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong(format!("`{}` is no header name", visible(name))))?;
        if RESERVED.contains(&parsed.as_str()) {
            return Err(wrong(format!("the header `{parsed}` is set by the host")));
        }
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| wrong(format!("the value of the header `{parsed}` is malformed")))?;
        headers.append(parsed, value);
    }
    Ok(headers)
}

fn origin_form(uri: Uri) -> Outcome<Uri> {
    let mut parts = http::uri::Parts::default();
    parts.path_and_query = uri.into_parts().path_and_query;
    Uri::from_parts(parts).map_err(|cause| wrong("the URL's path is malformed").with_detail(cause.to_string()))
}

fn visible(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The plugin made a request that is none.
fn wrong(message: impl Into<String>) -> Failure {
    Failure::invalid(message).with_blame(capstan_domain::failure::Blame::Plugin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(url: &str) -> Request {
        Request { method: "GET".into(), url: url.into(), ..Request::default() }
    }

    #[test]
    fn path_and_query_are_kept_byte_for_byte() {
        for path in ["/a%2Fb//c/./..?x=%20&y=a+b&z", "/%e4%BD%A0?list-type=2&prefix=a%2f", "/?", "/~!$&'()*+,;=:@"] {
            let prepared = Prepared::read(&get(&format!("http://s3.example:9000{path}")), 0).unwrap();
            assert_eq!(prepared.uri.to_string(), path);
        }
    }

    #[test]
    fn host_header_is_the_authority_as_it_stands() {
        for (url, host) in
            [("http://A.example:80/x", "A.example:80"), ("https://b.example/x", "b.example"), ("http://[::1]:9/x", "[::1]:9")]
        {
            let prepared = Prepared::read(&get(url), 0).unwrap();
            assert_eq!(prepared.headers.get("host").unwrap(), host);
        }
    }

    #[test]
    fn urls_that_could_mislead_are_refused() {
        for url in [
            "ftp://a/",
            "//a/",
            "/x",
            "http:///x",
            "http://user@a/",
            "http://a:99999/",
            "http://a:/x",
            "http://a/#f",
            "http://a b/",
            "http://a/\r\nX: y",
        ] {
            assert_eq!(Prepared::read(&get(url), 0).map(|p| p.uri).unwrap_err().kind, capstan_domain::Kind::Invalid, "{url}");
        }
    }

    #[test]
    fn reserved_and_malformed_headers_are_refused() {
        for (name, value) in [
            ("Host", "x"),
            ("content-length", "1"),
            ("Transfer-Encoding", "chunked"),
            ("connection", "close"),
            ("a b", "c"),
            ("a", "b\r\nc: d"),
        ] {
            let mut request = get("http://a/");
            request.headers = vec![(name.into(), value.into())];
            assert_eq!(Prepared::read(&request, 0).map(|_| ()).unwrap_err().kind, capstan_domain::Kind::Invalid, "{name}");
        }
    }

    #[test]
    fn http_through_a_proxy_is_asked_in_absolute_form() {
        let mut request = get("http://a.example/x?y");
        request.extras = vec![("proxy".into(), "http://me:p%40ss@proxy.example:8080".into())];
        let prepared = Prepared::read(&request, 0).unwrap();
        assert_eq!(prepared.uri.to_string(), "http://a.example/x?y");
        assert_eq!(prepared.headers.get("proxy-authorization").unwrap(), "Basic bWU6cEBzcw==");
        assert_eq!(prepared.route.proxy.as_ref().map(|proxy| proxy.port), Some(8080));
    }

    #[test]
    fn a_put_says_its_length_even_when_it_is_zero() {
        let mut request = get("http://a/");
        assert!(Prepared::read(&request, 0).unwrap().headers.get("content-length").is_none());
        request.method = "PUT".into();
        assert_eq!(Prepared::read(&request, 0).unwrap().headers.get("content-length").unwrap(), "0");
    }
}
