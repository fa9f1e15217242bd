//! One authorised request and its answer.
//!
//! A head is made here and the body handed on, so the bytes of objects never enter the plugin. Paths are those of the XML API
//! (`/bucket/object`) or of the JSON API (`/storage/v1/b/…`); tokens hold for both, signatures for the first.

use std::cell::Cell;

use capstan_sdk::content::Content;
use capstan_sdk::endpoint::Endpoint;
use capstan_sdk::failure::{malformed, unauthenticated};
use capstan_sdk::http::{self, Body, Headers, Reply, Request, Response, header};
use capstan_sdk::retry::{self, Policy};
use capstan_sdk::signature::{self, EMPTY_SHA256, GOOGLE, Key, UNSIGNED};
use capstan_sdk::text::{hex, percent};
use capstan_sdk::time::now;
use capstan_sdk::{NamedValue, Outcome, crypto};

use crate::config::{Config, SECRET_KEY};
use crate::error::Refusal;
use crate::token::{self, Tokens};

/// Bytes of a collected answer; a listing of 1,000 keys of 1,024 encoded bytes needs about 4 MB.
pub(crate) const MAX_ANSWER: u32 = 8 << 20;
/// Bytes of a refusal that are read.
const MAX_REFUSAL: usize = 64 << 10;
/// How often a control call is made, and how long it waits between: short, because the host asks again as well.
const CONTROL: Policy = Policy { attempts: 3, first_wait_ms: 100, longest_wait_ms: 1_000, patience_ms: 10_000 };
/// Times a request is sent when the token was refused or the clock learned.
const TURNS: usize = 3;
/// A clock that is further off than this is news, seconds.
const SKEW: u64 = 60;
/// Where a resource stands in a signature; Google takes any word.
const REGION: &str = "auto";

pub(crate) type Place<'a> = (&'a str, &'a str);

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'static str,
    /// Encoded, behind the endpoint.
    path: String,
    pub(crate) query: Vec<(&'a str, &'a str)>,
    pub(crate) headers: Headers,
    /// What a failure is said of.
    pub(crate) subject: String,
}

impl<'a> Call<'a> {
    pub(crate) fn service(method: &'static str) -> Self {
        Self { method, path: "/".to_owned(), subject: "service".to_owned(), ..Self::default() }
    }

    pub(crate) fn bucket(method: &'static str, bucket: &str) -> Self {
        let mut path = String::from("/");
        percent(bucket, false, &mut path);
        Self { method, path, subject: bucket_subject(bucket), ..Self::default() }
    }

    pub(crate) fn object(method: &'static str, (bucket, key): Place<'_>) -> Self {
        let mut path = String::from("/");
        percent(bucket, false, &mut path);
        path.push('/');
        // A dot on its own between slashes would be taken for a step in the path by whatever stands between.
        let steps = key.split('/').any(|part| matches!(part, "." | ".."));
        percent(key, !steps, &mut path);
        Self { method, path, subject: object_subject((bucket, key)), ..Self::default() }
    }

    /// Of the JSON API: the words of the path in turn, each encoded whole.
    pub(crate) fn json(method: &'static str, words: &[&str], subject: String) -> Self {
        let mut path = String::from("/storage/v1");
        for word in words {
            path.push('/');
            percent(word, false, &mut path);
        }
        Self { method, path, subject, ..Self::default() }
    }

    pub(crate) fn query(mut self, name: &'a str, value: &'a str) -> Self {
        self.query.push((name, value));
        self
    }

    pub(crate) fn with(mut self, headers: Headers) -> Self {
        self.headers.extend(headers);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

pub(crate) fn bucket_subject(bucket: &str) -> String {
    format!("bucket {bucket:?}")
}

pub(crate) fn object_subject((bucket, key): Place<'_>) -> String {
    format!("object {key:?} in bucket {bucket:?}")
}

/// What goes with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sent<'a> {
    Nothing,
    Bytes(&'a [u8]),
    /// A range of the host's content.
    Content {
        content: &'a Content,
        offset: u64,
        length: u64,
    },
}

impl Sent<'_> {
    fn body(self) -> Body {
        match self {
            Self::Nothing => Body::Empty,
            Self::Bytes(bytes) => Body::Bytes(bytes.to_vec()),
            Self::Content { content, offset, length } => http::content_body(content, offset, length),
        }
    }

    /// What a signature says of it.
    fn hash(self) -> Outcome<String> {
        Ok(match self {
            Self::Nothing => EMPTY_SHA256.to_owned(),
            Self::Bytes(bytes) => hex(&crypto::digest("sha256", bytes)?),
            // The service holds it against the CRC32C that goes with it, so that the data need not be read once more for this.
            Self::Content { .. } => UNSIGNED.to_owned(),
        })
    }
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) config: Config,
    endpoint: Endpoint,
    pub(crate) extras: Vec<NamedValue>,
    pub(crate) tokens: Tokens,
    /// Seconds the service's clock is ahead, once it refused something for it.
    pub(crate) ahead: Cell<i64>,
}

impl Client {
    pub(crate) fn new(config: Config) -> Outcome<Self> {
        let endpoint = Endpoint::parse(&config.endpoint)?;
        let extras = http::extras(config.proxy.as_deref(), config.tls_ca.as_deref(), config.tls_insecure, config.timeout_ms);
        Ok(Self { config, endpoint, extras, tokens: Tokens::default(), ahead: Cell::new(0) })
    }

    /// Before many requests are made at once: a login that fails is one failure then, and none of the requests'.
    pub(crate) async fn ready(&self) -> Outcome<()> {
        if self.config.has_account() { token::token(self).await.map(drop) } else { Ok(()) }
    }

    /// The service's time as far as it is known, seconds since 1970.
    pub(crate) fn moment(&self) -> i64 {
        now().saturating_add(self.ahead.get())
    }

    /// The request, authorised, and the token it goes with.
    async fn request(&self, call: &Call<'_>, sent: Sent<'_>) -> Outcome<(Request, Option<std::rc::Rc<str>>)> {
        let path = format!("{}{}", self.endpoint.base, call.path);
        let query = signature::query(&call.query);
        let mut headers = call.headers.clone();
        let mut used = None;
        if self.config.has_account() {
            let token = token::token(self).await?;
            headers.push(("authorization".to_owned(), format!("Bearer {token}")));
            used = Some(token);
        } else {
            let (moment, payload) = (capstan_sdk::time::basic(self.moment()), sent.hash()?);
            headers.push(("x-goog-date".to_owned(), moment.clone()));
            headers.push(("x-goog-content-sha256".to_owned(), payload.clone()));
            headers.push(("host".to_owned(), self.endpoint.authority.clone()));
            let covered = covered(&headers);
            let signed =
                signature::Request { method: call.method, path: &path, query: &query, headers: &covered, payload: &payload };
            let key = Key { access_key: &self.config.access_key, secret: SECRET_KEY, region: REGION };
            let authorization = GOOGLE.authorization(&signed, key, &moment)?;
            // The host sets this one itself, to the same value.
            headers.pop();
            headers.push(("authorization".to_owned(), authorization));
        }
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{}://{}{path}{mark}{query}", self.endpoint.scheme, self.endpoint.authority);
        Ok((Request { method: call.method.to_owned(), url, headers, extras: self.extras.clone() }, used))
    }

    /// Whether a refused request is worth sending again at once: the token had ended, or the clock was learned. `signed`: how far ahead
    /// the clock was that the refused request was signed by, since another call may have learned meanwhile.
    fn again(&self, turn: usize, refusal: &Refusal, headers: &[(String, String)], used: Option<&str>, signed: i64) -> bool {
        if refusal.status == 401
            && let Some(token) = used
        {
            self.tokens.forget(token);
            return turn == 0;
        }
        match header(headers, "date").and_then(capstan_sdk::time::http) {
            Some(there) if used.is_none() && refusal.may_be_clock() => {
                let ahead = there.saturating_sub(now());
                self.ahead.set(ahead);
                ahead.abs_diff(signed) > SKEW
            }
            _ => false,
        }
    }

    /// A call whose refusal the caller wants to look at. Not asked again.
    pub(crate) async fn ask(&self, call: &Call<'_>, sent: Sent<'_>) -> Outcome<Result<Reply, Refusal>> {
        for turn in 0..TURNS {
            let signed = self.ahead.get();
            let (request, used) = self.request(call, sent).await?;
            let reply = self.exchange_once(request, sent).await?;
            if (200..300).contains(&reply.status) {
                return Ok(Ok(reply));
            }
            let refusal = Refusal::new(reply.status, &reply.headers, &reply.body);
            if !self.again(turn, &refusal, &reply.headers, used.as_deref(), signed) {
                return Ok(Err(refusal));
            }
        }
        Err(unauthenticated("the service accepts no token and no time").next_step("Check the clocks of host and service."))
    }

    async fn exchange_once(&self, request: Request, sent: Sent<'_>) -> Outcome<Reply> {
        http::exchange(request, sent.body(), MAX_ANSWER).await.map_err(|failure| match sent {
            // The content itself may be why the request broke off; that says more.
            Sent::Content { content, .. } => content.broken().unwrap_or(failure),
            _ => failure,
        })
    }

    /// A control call that may be made twice.
    pub(crate) async fn exchange(&self, call: &Call<'_>, sent: Sent<'_>) -> Outcome<Reply> {
        retry::with(CONTROL, || async { self.ask(call, sent).await?.map_err(|refusal| refusal.failure(&call.subject)) }).await
    }

    /// A call whose answer is handed on as a stream.
    pub(crate) async fn download(&self, call: &Call<'_>) -> Outcome<Result<Response, Refusal>> {
        for turn in 0..TURNS {
            let signed = self.ahead.get();
            let (request, used) = self.request(call, Sent::Nothing).await?;
            let response = http::send(request, Body::Empty).await?;
            if (200..300).contains(&response.status) {
                return Ok(Ok(response));
            }
            let reply = http::collect(response, MAX_REFUSAL).await;
            let refusal = Refusal::new(reply.status, &reply.headers, &reply.body);
            if !self.again(turn, &refusal, &reply.headers, used.as_deref(), signed) {
                return Ok(Err(refusal));
            }
        }
        Err(unauthenticated("the service accepts no token and no time").next_step("Check the clocks of host and service."))
    }

    /// A request to an upload session: its URL is all the authority it needs, so neither token nor signature goes along.
    pub(crate) async fn in_session(&self, method: &str, url: &str, headers: Headers, sent: Sent<'_>) -> Outcome<Reply> {
        let request = Request { method: method.to_owned(), url: url.to_owned(), headers, extras: self.extras.clone() };
        self.exchange_once(request, sent).await
    }
}

/// The headers a signature covers: those that speak of the object. Others may arrive changed: Google's own front adds to
/// `accept-encoding`.
fn covered(headers: &[(String, String)]) -> Headers {
    headers.iter().filter(|(name, _)| name == "host" || name == "content-type" || name.starts_with("x-goog-")).cloned().collect()
}

/// Whether the service itself answered: somebody in the way who says 200 to everything has neither of these.
fn is_services(headers: &[(String, String)]) -> bool {
    ["x-goog-generation", "x-guploader-uploadid"].iter().any(|name| header(headers, name).is_some())
}

/// An answer that has no body to know the service by.
pub(crate) fn services(reply: Reply) -> Outcome<Reply> {
    if is_services(&reply.headers) {
        Ok(reply)
    } else {
        Err(malformed("somebody else answered in the service's place", format!("status {}", reply.status)))
    }
}

/// What was asked for is gone: the service says that with 204 and in no other way.
pub(crate) fn removed(reply: &Reply) -> Outcome<()> {
    match reply.status {
        204 => Ok(()),
        status => Err(malformed("the service's answer to a removal is none", format!("status {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use capstan_sdk::Failure;

    use super::*;

    fn client() -> Client {
        Client::new(capstan_sdk::config::parse(r#"{"endpoint": "http://h:9/gate", "access-key": "GOOG1E"}"#).unwrap()).unwrap()
    }

    #[test]
    fn both_apis_have_their_own_paths() {
        assert_eq!(Call::object("GET", ("b", "a//b c")).path, "/b/a//b%20c");
        assert_eq!(Call::object("GET", ("b", "a/../b")).path, "/b/a%2F..%2Fb");
        assert_eq!(Call::bucket("GET", "b").path, "/b");
        assert_eq!(Call::json("GET", &["b", "b", "o", "a/b"], String::new()).path, "/storage/v1/b/b/o/a%2Fb");
    }

    #[test]
    fn a_signature_covers_what_nobody_changes_on_the_way() {
        let headers =
            ["accept-encoding", "range", "x-goog-date", "content-type", "host"].map(|name| (name.to_owned(), String::new()));
        let names: Vec<String> = covered(&headers).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["x-goog-date", "content-type", "host"]);
    }

    #[test]
    fn a_skewed_clock_is_learned_once() {
        let client = client();
        let headers = vec![("date".to_owned(), "Sat, 21 Nov 2037 09:12:17 GMT".to_owned())];
        let refusal = Refusal::new(403, &headers, b"<Error><Code>RequestTimeTooSkewed</Code></Error>");
        assert!(client.again(0, &refusal, &headers, None, 0));
        assert!(client.again(0, &refusal, &headers, None, 0), "signed before another call learned");
        assert!(!client.again(1, &refusal, &headers, None, client.ahead.get()));
        assert!(client.again(0, &Refusal::new(403, &headers, b""), &headers, None, 0), "HEAD is refused without a document");
        let denied = Refusal::new(403, &headers, b"<Error><Code>AccessDenied</Code></Error>");
        assert!(!client.again(0, &denied, &headers, None, 0));
    }

    #[test]
    fn a_success_that_is_not_the_services_is_a_malformed_answer() {
        let reply = |status, headers: &[&str]| Reply {
            status,
            headers: headers.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect(),
            body: Vec::new(),
        };
        let malformed = |failure: Failure| failure.fault().code.as_deref() == Some("malformed-answer");
        assert!(services(reply(200, &["Content-Type", "Server"])).is_err_and(malformed));
        assert!(services(reply(200, &["X-GUploader-UploadID"])).is_ok() && services(reply(200, &["x-goog-generation"])).is_ok());
        assert!(removed(&reply(200, &[])).is_err_and(malformed) && removed(&reply(204, &[])).is_ok());
    }

    #[test]
    fn a_refused_token_is_tried_once_with_a_new_one() {
        let refusal = Refusal::new(401, &[], b"");
        assert!(client().again(0, &refusal, &[], Some("ended"), 0) && !client().again(1, &refusal, &[], Some("new"), 0));
        assert!(!client().again(0, &refusal, &[], None, 0), "a signature is not renewed");
    }
}
