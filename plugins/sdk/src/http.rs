//! Requests over the host's pooled client, and what is read off their answers.

use std::time::{Duration, Instant};

use wit_bindgen::{StreamReader, StreamResult};

use crate::bindings::capstan::host::http as host;
pub use crate::bindings::capstan::host::http::{Body, Reply, Request, Response, SizedStream, send};
use crate::content::Content;
use crate::failure::{Failure, Outcome, malformed, timed_out};
use crate::{NamedValue, find, named};

/// Bytes of an answer that are read at a time.
const CHUNK: usize = 8 << 10;
/// The host's code for an answer that is longer than it was to collect.
const TOO_LONG: &str = "answer-too-long";
/// How long a login may take, milliseconds: calls wait for it, and must have time left to tell that it failed.
const LOGIN_MS: u64 = 15_000;
/// The same where the configuration says how long a request may take.
const LONGEST_LOGIN_MS: u64 = 20_000;
const TIMEOUT: &str = "timeout-ms";
/// Bytes of an error code of a token endpoint.
const OAUTH_CODE_BYTES: usize = 40;

pub type Headers = Vec<(String, String)>;

/// The first header of that name, whatever its case.
pub fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// A header that a success must carry.
pub fn expected<'a>(headers: &'a [(String, String)], name: &str) -> Outcome<&'a str> {
    header(headers, name).ok_or_else(|| malformed(format!("the target's answer has no {name}"), ""))
}

/// The entity tag without its quotes, as the contract carries it.
pub fn etag(headers: &[(String, String)]) -> Option<String> {
    header(headers, "etag").map(unquoted)
}

/// An entity tag as services write it, in quotes or not, weak or not, without either.
pub fn unquoted(text: &str) -> String {
    text.trim().trim_start_matches("W/").trim_matches('"').to_owned()
}

/// What a request says to the host of its way, as configurations have it; what is empty is left out.
pub fn extras(proxy: Option<&str>, tls_ca: Option<&str>, tls_insecure: bool, timeout_ms: Option<u64>) -> Vec<NamedValue> {
    let mut extras = Vec::new();
    extras.extend(proxy.filter(|url| !url.is_empty()).map(|url| named("proxy", url)));
    extras.extend(tls_ca.filter(|pem| !pem.is_empty()).map(|pem| named("tls-ca", pem)));
    extras.extend(tls_insecure.then(|| named("tls-insecure", "true")));
    extras.extend(timeout_ms.map(|timeout| named(TIMEOUT, timeout.to_string())));
    extras
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
        let (result, chunk) = body.read(Vec::with_capacity(CHUNK)).await;
        bytes.extend_from_slice(&chunk);
        if result == StreamResult::Dropped {
            break;
        }
    }
    drop((body, end));
    Reply { status, headers, body: bytes }
}

/// The host's `exchange`. A plugin collects more than a service has to say: an answer beyond `limit` is the service's fault.
pub async fn exchange(request: Request, body: Body, limit: u32) -> Outcome<Reply> {
    host::exchange(request, body, limit).await.map_err(too_long)
}

fn too_long(failure: Failure) -> Failure {
    match failure {
        Failure::Invalid(fault) if fault.code.as_deref() == Some(TOO_LONG) => {
            let told = malformed("the target's answer is longer than any it has to give", fault.message);
            if fault.maybe_done { told.maybe_done() } else { told }
        }
        other => other,
    }
}

/// A request to what lets in: a token endpoint, an authentication; `what` says in a failure which. One that hangs, never ends its
/// answer, or answers more than `limit` bytes, is given up long before the call has to end. An answer that breaks off is handed on
/// as far as it came: it is no document then.
pub async fn login(what: &str, mut request: Request, body: Body, limit: usize) -> Outcome<Reply> {
    let wait_ms = login_ms(&request.extras);
    request.extras.retain(|extra| extra.name != TIMEOUT);
    request.extras.push(named(TIMEOUT, wait_ms.to_string()));
    let ends = Instant::now() + Duration::from_millis(wait_ms);
    let response = send(request, body).await.map_err(|mut failure| {
        let fault = failure.fault_mut();
        fault.message = format!("{what} cannot be asked: {}", fault.message);
        // Nothing but a token was asked for.
        fault.maybe_done = false;
        failure
    })?;
    let Response { status, headers, mut body, end } = response;
    let whole = whole(what, &mut body, limit, ends).await;
    drop((body, end));
    Ok(Reply { status, headers, body: whole? })
}

/// Whether this is an error code as token endpoints give them (RFC 6749, section 5.2). What else stands in its place is not shown.
pub fn is_oauth_code(text: &str) -> bool {
    (1..=OAUTH_CODE_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// What the configuration says, as far as a login may take it.
fn login_ms(extras: &[NamedValue]) -> u64 {
    let configured: Option<u64> = find(extras, TIMEOUT).and_then(|text| text.parse().ok());
    configured.unwrap_or(LOGIN_MS).min(LONGEST_LOGIN_MS)
}

async fn whole(what: &str, body: &mut StreamReader<u8>, limit: usize, ends: Instant) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let (result, chunk) = body.read(Vec::with_capacity(CHUNK)).await;
        bytes.extend_from_slice(&chunk);
        if bytes.len() > limit {
            return Err(malformed(format!("{what} answers more than belongs to a token"), format!("more than {limit} bytes")));
        }
        if Instant::now() >= ends {
            return Err(timed_out(format!("{what} did not end its answer in time")));
        }
        if result == StreamResult::Dropped {
            return Ok(bytes);
        }
    }
}

/// `Retry-After` in milliseconds, when it is a number of seconds.
pub fn retry_after_ms(headers: &[(String, String)]) -> Option<u64> {
    header(headers, "retry-after")?.trim().parse::<u64>().ok()?.checked_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_takes_as_long_as_was_configured_and_leaves_the_call_time() {
        assert_eq!(login_ms(&[]), LOGIN_MS);
        assert_eq!(login_ms(&[named("proxy", "http://p"), named(TIMEOUT, "400")]), 400);
        assert_eq!(login_ms(&[named(TIMEOUT, "3600000")]), LONGEST_LOGIN_MS);
    }

    #[test]
    fn an_answer_that_is_too_long_is_the_services_fault() {
        let told = too_long(crate::failure::invalid("more").code(TOO_LONG).blame(crate::Blame::Plugin).maybe_done());
        assert!(matches!(told, Failure::Unavailable(_)) && told.fault().blame == crate::Blame::Target);
        assert!(told.fault().maybe_done && told.may_retry());
        assert!(matches!(too_long(crate::failure::invalid("a name")), Failure::Invalid(_)));
    }

    #[test]
    fn the_two_quotings_of_a_tag_are_one() {
        assert_eq!((unquoted("\"ab\""), unquoted("ab"), unquoted("W/\"ab\"")), ("ab".into(), "ab".into(), "ab".into()));
    }

    #[test]
    fn what_a_configuration_leaves_empty_is_not_said() {
        assert!(extras(Some(""), None, false, None).is_empty());
        let all = extras(Some("http://p"), Some("pem"), true, Some(400));
        let names: Vec<&str> = all.iter().map(|extra| extra.name.as_str()).collect();
        assert_eq!(names, ["proxy", "tls-ca", "tls-insecure", "timeout-ms"]);
        assert_eq!(find(&all, "proxy").zip(find(&all, TIMEOUT)), Some(("http://p", "400")));
    }

    #[test]
    fn header_names_have_no_case() {
        let headers = vec![("ETag".to_owned(), "\"a\"".to_owned()), ("Retry-After".to_owned(), "3".to_owned())];
        assert_eq!(header(&headers, "etag"), Some("\"a\""));
        assert_eq!(retry_after_ms(&headers), Some(3000));
    }
}
