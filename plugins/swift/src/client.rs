//! One request with a token, and its answer.
//!
//! A head is built here and the body handed on, so the bytes of objects never enter the plugin. A token the service does not take any
//! more is replaced once.
//!
//! The service names each of its answers ("X-Trans-Id"), and ends that name with a word of ours ("X-Trans-Id-Extra"; Ceph's gateway
//! leaves it out). A success without a name is somebody else's who stands in the way; one with another word is the answer to another
//! request. Neither is believed.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::rc::Rc;

use capstan_sdk::failure::{Failure, malformed};
use capstan_sdk::http::{self, Body, Headers, Reply, Request, Response, header};
use capstan_sdk::retry::{self, Policy};
use capstan_sdk::{NamedValue, Outcome, Retry};

use crate::call::{Call, Payload, check_key};
use crate::capabilities::Capabilities;
use crate::conditions::Conditions;
use crate::config::Config;
use crate::error::Refusal;
use crate::session::{Session, Sessions};

/// Bytes of a collected answer. A page of 1,000 names of 1,024 bytes needs up to 7 MB where JSON escapes all of them.
pub(crate) const MAX_ANSWER: u32 = 8 << 20;
/// Bytes of an answer to an authentication; a service catalogue has some 100 KB.
const MAX_ADMISSION: usize = 1 << 20;
/// Bytes of what a service says of itself.
const MAX_INFO: u32 = 1 << 20;
/// Bytes of a refusal that are read.
const MAX_REFUSAL: usize = 64 << 10;
/// How often a control call is made, and how long it waits between: short, because the host asks again as well.
pub(crate) const CONTROL: Policy = Policy { attempts: 3, first_wait_ms: 100, longest_wait_ms: 1_000, patience_ms: 10_000 };
/// How often a login is tried in one go; one that hung is not.
pub(crate) const LOGIN: Policy = Policy { attempts: 2, first_wait_ms: 100, longest_wait_ms: 1_000, patience_ms: 10_000 };
/// The header that names an answer, and the one with what the name ends in.
const ANSWER_NAME: &str = "x-trans-id";
const ANSWER_MARK: &str = "x-trans-id-extra";
/// What a mark begins with.
const MARK: &str = "capstan-";

/// Both kinds of answers have a head.
trait Answer {
    fn status(&self) -> u16;
    fn headers(&self) -> &[(String, String)];
}

impl Answer for Reply {
    fn status(&self) -> u16 {
        self.status
    }

    fn headers(&self) -> &[(String, String)] {
        &self.headers
    }
}

impl Answer for Response {
    fn status(&self) -> u16 {
        self.status
    }

    fn headers(&self) -> &[(String, String)] {
        &self.headers
    }
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) config: Config,
    sessions: Sessions,
    /// Requests made so far.
    requests: Cell<u64>,
    pub(crate) capabilities: RefCell<Option<Rc<Capabilities>>>,
    pub(crate) conditions: RefCell<Option<Conditions>>,
    /// When it was last seen whether a container has segments of ours.
    pub(crate) segmented: RefCell<HashMap<String, crate::segments::Seen>>,
}

impl Client {
    pub(crate) fn new(config: Config) -> Outcome<Self> {
        Ok(Self {
            config,
            sessions: Sessions::default(),
            requests: Cell::new(0),
            capabilities: RefCell::default(),
            conditions: RefCell::default(),
            segmented: RefCell::default(),
        })
    }

    fn extras(&self, patience_ms: Option<u64>) -> Vec<NamedValue> {
        let config = &self.config;
        // Who set a time wants it kept.
        let timeout_ms = config.timeout_ms.or(patience_ms);
        http::extras(config.proxy.as_deref(), config.tls_ca.as_deref(), config.tls_insecure, timeout_ms)
    }

    pub(crate) async fn session(&self) -> Outcome<Rc<Session>> {
        self.sessions.get(self).await
    }

    /// A request for a token. Its headers and body hold a secret: nothing of them is said to anybody.
    pub(crate) async fn authenticate(&self, method: &str, url: String, mut headers: Headers, body: Body) -> Outcome<Reply> {
        let mark = self.mark();
        headers.push((ANSWER_MARK.to_owned(), mark.clone()));
        let request = Request { method: method.to_owned(), url, headers, extras: self.extras(None) };
        let reply = http::login("the authentication", request, body, MAX_ADMISSION).await?;
        // Not every service that hands out tokens names its answers.
        answers(&reply.headers, &mark)?;
        Ok(reply)
    }

    /// A word no other request of this instance has.
    fn mark(&self) -> String {
        let number = self.requests.get().wrapping_add(1);
        self.requests.set(number);
        format!("{MARK}{number:x}")
    }

    /// What lies beside the account at the storage's server. The token is for what a service lets nobody see without one.
    pub(crate) async fn beside(&self, path: &str) -> Outcome<Reply> {
        let session = self.session().await?;
        let mark = self.mark();
        let headers =
            vec![("x-auth-token".to_owned(), session.token.reveal().to_owned()), (ANSWER_MARK.to_owned(), mark.clone())];
        let url = session.storage.with_path(path).to_string();
        let request = Request { method: "GET".to_owned(), url, headers, extras: self.extras(None) };
        let reply = http::exchange(request, Body::Empty, MAX_INFO).await?;
        check(reply, &mark)
    }

    fn request(&self, call: &Call<'_>, session: &Session, mark: &str) -> Request {
        let mut headers = call.headers.clone();
        headers.push(("x-auth-token".to_owned(), session.token.reveal().to_owned()));
        headers.push((ANSWER_MARK.to_owned(), mark.to_owned()));
        let url = format!("{}{}", session.storage, call.target());
        Request { method: call.method.to_owned(), url, headers, extras: self.extras(call.patience_ms) }
    }

    /// The answer to the call, whatever it is, but for a token that is not taken any more.
    async fn send<A: Answer, F: Future<Output = Outcome<A>>>(
        &self,
        call: &Call<'_>,
        sending: impl Fn(Request) -> F,
    ) -> Outcome<A> {
        check_key(call.object)?;
        let session = self.session().await?;
        let answer = self.send_once(call, &session, &sending).await?;
        if answer.status() != 401 {
            return Ok(answer);
        }
        drop(answer);
        self.sessions.discard(&session);
        let session = self.session().await?;
        let answer = self.send_once(call, &session, &sending).await?;
        // A second new token is not asked for: it would be refused as this one was.
        let untimely = if answer.status() == 401 { session.untimely(answer.headers()) } else { None };
        untimely.map_or(Ok(answer), Err)
    }

    async fn send_once<A: Answer, F: Future<Output = Outcome<A>>>(
        &self,
        call: &Call<'_>,
        session: &Session,
        sending: &impl Fn(Request) -> F,
    ) -> Outcome<A> {
        let mark = self.mark();
        let answer = sending(self.request(call, session, &mark)).await.map_err(|failure| elsewhere(failure, session))?;
        check(answer, &mark)
    }

    /// A control call whose refusal the caller wants to look at. Not asked again.
    pub(crate) async fn ask(&self, call: &Call<'_>, body: Option<&[u8]>) -> Outcome<Result<Reply, Refusal>> {
        let reply = self
            .send(call, |request| {
                let body = body.map_or(Body::Empty, |bytes| Body::Bytes(bytes.to_vec()));
                http::exchange(request, body, MAX_ANSWER)
            })
            .await?;
        Ok(accepted(reply))
    }

    /// A control call that may be made twice.
    pub(crate) async fn exchange(&self, call: &Call<'_>, body: Option<&[u8]>) -> Outcome<Reply> {
        retry::with(CONTROL, || async { self.ask(call, body).await?.map_err(|refusal| refusal.failure(call)) }).await
    }

    /// Sends a range of the host's content.
    pub(crate) async fn upload(&self, call: &Call<'_>, payload: Payload<'_>) -> Outcome<Result<Reply, Refusal>> {
        let reply = self
            .send(call, |request| {
                let body = http::content_body(payload.content, payload.offset, payload.length);
                http::exchange(request, body, MAX_ANSWER)
            })
            .await
            // The content itself may be why the request broke off; that says more.
            .map_err(|failure| payload.content.broken().unwrap_or(failure))?;
        Ok(accepted(reply))
    }

    /// A call whose answer is handed on as a stream.
    pub(crate) async fn download(&self, call: &Call<'_>) -> Outcome<Result<Response, Refusal>> {
        let response = self.send(call, |request| http::send(request, Body::Empty)).await?;
        if is_success(response.status) {
            return Ok(Ok(response));
        }
        let Reply { status, headers, body } = http::collect(response, MAX_REFUSAL).await;
        Ok(Err(Refusal::new(status, &headers, &body)))
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

fn accepted(reply: Reply) -> Result<Reply, Refusal> {
    if is_success(reply.status) { Ok(reply) } else { Err(Refusal::new(reply.status, &reply.headers, &reply.body)) }
}

/// The answer, if it is the service's and to the request with this mark.
fn check<A: Answer>(answer: A, mark: &str) -> Outcome<A> {
    answers(answer.headers(), mark)?;
    // Who stands in the way may well refuse; but only the service can have done something.
    if is_success(answer.status()) && header(answer.headers(), ANSWER_NAME).is_none() {
        let words = format!("status {}, no {ANSWER_NAME}", answer.status());
        return Err(malformed("something that is not the target answered in its place", words)
            .next_step("Check the URLs of the target, and what stands between."));
    }
    Ok(answer)
}

/// An answer that names a mark names this one.
fn answers(headers: &[(String, String)], mark: &str) -> Outcome<()> {
    let named = header(headers, ANSWER_NAME).and_then(|name| Some((name, name.rfind(MARK)?)));
    match named.and_then(|(name, at)| name.get(at..)) {
        Some(other) if other != mark => {
            let words = format!("{other} instead of {mark}");
            Err(malformed("the target answered another request than was asked", words).retry(Retry::AtOnce))
        }
        _ => Ok(()),
    }
}

/// The host refuses a connection that nobody granted; here it is the authentication that named the place, which nobody configured.
fn elsewhere(mut failure: Failure, session: &Session) -> Failure {
    if matches!(failure, Failure::Denied(_)) && failure.fault().code.as_deref() == Some("not-granted") {
        let place = session.storage.with_path("");
        let fault = failure.fault_mut();
        fault.message = format!("The authentication says that the objects are at {place}. {}", fault.message);
        if let Some(step) = fault.extras.iter_mut().find(|extra| extra.name == "next-step") {
            step.value.push_str(" Or set \"storage-url\" of the target.");
        }
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_services_own_answer_to_this_request_is_believed() {
        let reply = |status, name: Option<&str>| Reply {
            status,
            headers: name.map(|name| ("X-Trans-Id".to_owned(), name.to_owned())).into_iter().collect(),
            body: Vec::new(),
        };
        let taken = |status, name| check(reply(status, name), "capstan-1f").map(drop).map_err(|failure| failure.may_retry());
        // Swift's, and Ceph's.
        assert_eq!(taken(201, Some("tx72c6a8573f27-006b024847-capstan-1f")), Ok(()));
        assert_eq!(taken(200, Some("tx000006b024847-default")), Ok(()));
        // A login page; a gateway that has no server; the answer to the request before.
        assert_eq!(taken(200, None), Err(true));
        assert_eq!(taken(502, None), Ok(()));
        assert_eq!(taken(404, Some("tx72c6a8573f27-006b024847-capstan-1")), Err(true));
    }
}
