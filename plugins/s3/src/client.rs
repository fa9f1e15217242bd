//! One signed request and its answer.
//!
//! A head is signed here and the body handed on, so the bytes of objects never enter the plugin.

use std::cell::Cell;

use capstan_sdk::content::Content;
use capstan_sdk::endpoint::Endpoint;
use capstan_sdk::failure::{invalid, malformed, not_found, unauthenticated};
use capstan_sdk::http::{self, Body, Headers, Reply, Request, Response};
use capstan_sdk::retry::{self, Policy};
use capstan_sdk::signature::{self, AWS, EMPTY_SHA256, Key, UNSIGNED};
use capstan_sdk::text::{hex, percent};
use capstan_sdk::time::now;
use capstan_sdk::{NamedValue, Outcome, checksum, crypto, secrets, xml};

use crate::config::{Config, PayloadSigning, SECRET_KEY, SESSION_TOKEN, is_virtual};
use crate::error::Refusal;

/// The contract's name of the hash that is signed.
const SHA256: &str = "sha256";

/// Bytes of a collected answer; a listing of 1,000 keys of 1,024 encoded bytes needs about 4 MB.
pub(crate) const MAX_ANSWER: u32 = 8 << 20;
/// Bytes of a refusal that are read.
const MAX_REFUSAL: usize = 64 << 10;
/// How often a control call is made, and how long it waits between: short, because the host asks again as well.
const CONTROL: Policy = Policy { attempts: 3, first_wait_ms: 100, longest_wait_ms: 1_000, patience_ms: 10_000 };
/// Seconds of skew that are news; services take requests of the last fifteen minutes.
const SKEW: u64 = 60;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'static str,
    pub(crate) bucket: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    pub(crate) query: Vec<(&'a str, &'a str)>,
    pub(crate) headers: Headers,
}

impl<'a> Call<'a> {
    pub(crate) fn service(method: &'static str) -> Self {
        Self { method, ..Self::default() }
    }

    pub(crate) fn bucket(method: &'static str, bucket: &'a str) -> Self {
        Self { method, bucket: Some(bucket), ..Self::default() }
    }

    pub(crate) fn object(method: &'static str, bucket: &'a str, key: &'a str) -> Self {
        Self { method, bucket: Some(bucket), key: Some(key), ..Self::default() }
    }

    pub(crate) fn query(mut self, name: &'a str, value: &'a str) -> Self {
        self.query.push((name, value));
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// What a failure is said of.
    pub(crate) fn subject(&self) -> String {
        match (self.bucket, self.key) {
            (Some(bucket), Some(key)) => format!("object {key:?} in bucket {bucket:?}"),
            (Some(bucket), None) => format!("bucket {bucket:?}"),
            _ => "service".to_owned(),
        }
    }
}

/// A range of the host's content that is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload<'a> {
    pub(crate) content: &'a Content,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) config: Config,
    pub(crate) endpoint: Endpoint,
    extras: Vec<NamedValue>,
    token: Option<String>,
    /// Seconds the target's clock is ahead, once it refused a signature for it.
    ahead: Cell<i64>,
    /// The service compares a put's `If-Match` as it stands, quotes included, so it wants none (Ceph's gateway does).
    pub(crate) bare_tags: Cell<bool>,
}

impl Client {
    pub(crate) fn new(config: Config) -> Outcome<Self> {
        let endpoint = Endpoint::parse(&config.endpoint)?;
        let extras = http::extras(config.proxy.as_deref(), config.tls_ca.as_deref(), config.tls_insecure, config.timeout_ms);
        let token = match config.use_session_token {
            true => Some(
                String::from_utf8(secrets::reveal(SESSION_TOKEN)?)
                    .map_err(|_| unauthenticated("the session token is no text"))?,
            ),
            false => None,
        };
        Ok(Self { config, endpoint, extras, token, ahead: Cell::new(0), bare_tags: Cell::new(false) })
    }

    /// The target's time as far as it is known, seconds since 1970.
    pub(crate) fn moment(&self) -> i64 {
        now().saturating_add(self.ahead.get())
    }

    /// The request, signed. `payload`: hex SHA-256 of the body, or `UNSIGNED`.
    fn sign(&self, call: &Call<'_>, payload: &str) -> Outcome<Request> {
        check(call)?;
        let (authority, path) = self.place(call);
        let query = signature::query(&call.query);
        let mut headers = call.headers.clone();
        headers.push(("x-amz-content-sha256".to_owned(), payload.to_owned()));
        if !self.config.access_key.is_empty() {
            let moment = capstan_sdk::time::basic(self.moment());
            headers.push(("x-amz-date".to_owned(), moment.clone()));
            headers.extend(self.token.iter().map(|token| ("x-amz-security-token".to_owned(), token.clone())));
            headers.push(("host".to_owned(), authority.clone()));
            let key = Key { access_key: &self.config.access_key, secret: SECRET_KEY, region: &self.config.region };
            let signed = signature::Request { method: call.method, path: &path, query: &query, headers: &headers, payload };
            let authorization = AWS.authorization(&signed, key, &moment)?;
            // The host sets this one itself, to the same value.
            headers.pop();
            headers.push(("authorization".to_owned(), authorization));
        }
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{}://{authority}{path}{mark}{query}", self.endpoint.scheme);
        Ok(Request { method: call.method.to_owned(), url, headers, extras: self.extras.clone() })
    }

    /// Host and path of what is asked for.
    fn place(&self, call: &Call<'_>) -> (String, String) {
        let mut path = self.endpoint.base.clone();
        let mut authority = self.endpoint.authority.clone();
        if let Some(bucket) = call.bucket {
            if is_virtual(&self.endpoint, self.config.addressing, bucket) {
                authority = format!("{bucket}.{authority}");
            } else {
                path.push('/');
                percent(bucket, false, &mut path);
            }
        }
        if call.key.is_some() || path == self.endpoint.base {
            path.push('/');
        }
        if let Some(key) = call.key {
            percent(key, true, &mut path);
        }
        (authority, path)
    }

    /// What the signature says of a content that is sent.
    async fn payload_hash(&self, payload: Payload<'_>) -> Outcome<String> {
        let Payload { content, offset, length } = payload;
        let signed = match self.config.payload_signing {
            PayloadSigning::Unsigned => false,
            PayloadSigning::Signed => true,
            PayloadSigning::Auto => checksum::known(content, SHA256, offset, length).is_some(),
        };
        if !signed {
            return Ok(UNSIGNED.to_owned());
        }
        checksum::of(content, SHA256, offset, length).await.map(|digest| hex(&digest.value))
    }

    /// Learns the target's clock from a refusal; says whether asking again makes sense. What counts is the clock that this request
    /// was signed by: another call may have learned meanwhile.
    fn learn_clock(&self, refusal: &Refusal) -> bool {
        match refusal.ahead {
            Some(ahead) if refusal.may_be_clock() => {
                self.ahead.set(ahead);
                ahead.abs_diff(refusal.signed) > SKEW
            }
            _ => false,
        }
    }

    async fn once(&self, call: &Call<'_>, body: Option<&[u8]>) -> Outcome<Result<Reply, Refusal>> {
        let mut taught = false;
        loop {
            let signed = self.ahead.get();
            let hash = match body {
                Some(bytes) => hex(&crypto::digest("sha256", bytes)?),
                None => EMPTY_SHA256.to_owned(),
            };
            let request = self.sign(call, &hash)?;
            let body = body.map_or(Body::Empty, |bytes| Body::Bytes(bytes.to_vec()));
            let reply = http::exchange(request, body, MAX_ANSWER).await?;
            if (200..300).contains(&reply.status) {
                return Ok(Ok(reply));
            }
            let refusal = Refusal::new(reply.status, &reply.headers, &reply.body).signed_by(signed);
            if taught || !self.learn_clock(&refusal) {
                return Ok(Err(refusal));
            }
            taught = true;
        }
    }

    /// A control call whose refusal the caller wants to look at. Not asked again.
    pub(crate) async fn ask(&self, call: &Call<'_>, body: Option<&[u8]>) -> Outcome<Result<Reply, Refusal>> {
        self.once(call, body).await
    }

    /// A control call that may be made twice.
    pub(crate) async fn exchange(&self, call: &Call<'_>, body: Option<&[u8]>) -> Outcome<Reply> {
        retry::with(CONTROL, || async { self.once(call, body).await?.map_err(|refusal| refusal.failure(&call.subject())) }).await
    }

    /// Sends a range of the host's content.
    pub(crate) async fn upload(&self, call: &Call<'_>, payload: Payload<'_>) -> Outcome<Result<Reply, Refusal>> {
        let hash = self.payload_hash(payload).await?;
        let mut taught = false;
        loop {
            let signed = self.ahead.get();
            let request = self.sign(call, &hash)?;
            let body = http::content_body(payload.content, payload.offset, payload.length);
            let reply = match http::exchange(request, body, MAX_ANSWER).await {
                Ok(reply) => reply,
                // The content itself may be why the request broke off; that says more.
                Err(failure) => return Err(payload.content.broken().unwrap_or(failure)),
            };
            if (200..300).contains(&reply.status) {
                return Ok(Ok(reply));
            }
            let refusal = Refusal::new(reply.status, &reply.headers, &reply.body).signed_by(signed);
            if taught || !self.learn_clock(&refusal) {
                return Ok(Err(refusal));
            }
            taught = true;
        }
    }

    /// A call whose answer is handed on as a stream.
    pub(crate) async fn download(&self, call: &Call<'_>) -> Outcome<Result<Response, Refusal>> {
        let mut taught = false;
        loop {
            let signed = self.ahead.get();
            let response = http::send(self.sign(call, EMPTY_SHA256)?, Body::Empty).await?;
            if (200..300).contains(&response.status) {
                return Ok(Ok(response));
            }
            let reply = http::collect(response, MAX_REFUSAL).await;
            let refusal = Refusal::new(reply.status, &reply.headers, &reply.body).signed_by(signed);
            if taught || !self.learn_clock(&refusal) {
                return Ok(Err(refusal));
            }
            taught = true;
        }
    }
}

/// Without a key, or without a bucket, the request would be for another thing: for the bucket, for the list of all buckets.
fn check(call: &Call<'_>) -> Outcome<()> {
    if call.key.is_some_and(str::is_empty) {
        return Err(invalid("a key has at least one byte"));
    }
    match call.bucket {
        Some(name) if !crate::locations::is_name(name) => Err(not_found(format!("there is no bucket {name:?}"))),
        _ => Ok(()),
    }
}

/// A document of this kind: a page of somebody who stands in the way is none, and an empty list would be read out of it.
pub(crate) fn named_so(root: xml::Element, name: &str) -> Outcome<xml::Element> {
    if root.name == name { Ok(root) } else { Err(malformed(format!("the target answered no {name}"), root.name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(endpoint: &str, addressing: &str) -> Client {
        let document = format!(r#"{{"endpoint": "{endpoint}", "addressing": "{addressing}"}}"#);
        Client::new(capstan_sdk::config::parse(&document).unwrap()).unwrap()
    }

    #[test]
    fn the_bucket_stands_in_the_path_or_in_the_host() {
        let place = |endpoint, addressing, call: Call<'_>| client(endpoint, addressing).place(&call);
        let pair = |authority: &str, path: &str| (authority.to_owned(), path.to_owned());
        assert_eq!(place("http://h:9", "path", Call::object("GET", "b", "a//b c")), pair("h:9", "/b/a//b%20c"));
        assert_eq!(place("http://h/gate", "path", Call::bucket("GET", "b")), pair("h", "/gate/b"));
        assert_eq!(place("http://h/gate", "path", Call::service("GET")), pair("h", "/gate/"));
        assert_eq!(place("https://h", "virtual", Call::bucket("GET", "b")), pair("b.h", "/"));
        assert_eq!(place("https://h", "virtual", Call::object("GET", "b", "/k")), pair("b.h", "//k"));
    }

    #[test]
    fn a_skewed_clock_is_learned_once() {
        let client = client("http://h", "path");
        let date = |text: &str| vec![("date".to_owned(), text.to_owned())];
        let ahead = date("Sat, 21 Nov 2037 09:12:17 GMT");
        // HEAD is answered without a document.
        for body in [b"<Error><Code>RequestTimeTooSkewed</Code></Error>".as_slice(), b""] {
            let refusal = |signed| Refusal::new(403, &ahead, body).signed_by(signed);
            assert!(client.learn_clock(&refusal(0)));
            assert!(client.learn_clock(&refusal(0)), "signed before another call learned");
            assert!(!client.learn_clock(&refusal(client.ahead.get())));
        }
        let denied = b"<Error><Code>AccessDenied</Code></Error>";
        assert!(!client.learn_clock(&Refusal::new(403, &date("Sat, 21 Nov 2015 09:12:17 GMT"), denied)));
        assert!(!client.learn_clock(&Refusal::new(403, &[], b"")), "no time is told");
        assert!(client.ahead.get() > 0);
    }
}
