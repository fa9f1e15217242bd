//! One authorized request and its answer.
//!
//! A head is signed here and the body handed on, so the bytes of blobs never enter the plugin.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use capstan_sdk::failure::{Failure, malformed};
use capstan_sdk::http::{self, Body, Reply, Request, Response, header};
use capstan_sdk::retry::{self, Policy};
use capstan_sdk::time::{http_text, now};
use capstan_sdk::{NamedValue, Outcome};

use crate::call::{Call, Payload};
use crate::config::Config;
use crate::credentials::{Credentials, Proof};
use crate::endpoint::Endpoint;
use crate::error::Refusal;
use crate::{names, sign};

/// Cold tiers, names of blobs that no document can hold, and blocks of 4,000 MiB are in it.
pub(crate) const VERSION: &str = "2021-12-02";
/// Bytes of a collected answer: 5,000 listed blobs with the longest names, or the list of 100,000 blocks.
const MAX_ANSWER: u32 = 24 << 20;
/// Bytes of a refusal that are read.
const MAX_REFUSAL: usize = 64 << 10;
/// How often a control call is made, and how long it waits between: short, because the host asks again as well.
const CONTROL: Policy = Policy { attempts: 3, first_wait_ms: 100, longest_wait_ms: 1_000, patience_ms: 10_000 };
/// Seconds of skew that are news; the service takes requests of the last fifteen minutes.
const SKEW: u64 = 60;

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) config: Config,
    pub(crate) endpoint: Endpoint,
    pub(crate) credentials: Credentials,
    extras: Vec<NamedValue>,
    /// Seconds the target's clock is ahead, once it refused a request for it.
    ahead: Cell<i64>,
    /// Begins every request id of this instance.
    instance: u64,
    requests: Cell<u64>,
    /// The service was seen to know no batches.
    pub(crate) no_batches: Cell<bool>,
}

/// A signed head, and what it was signed with.
struct Signed {
    request: Request,
    proof: Proof,
}

impl Client {
    pub(crate) fn load(config: Config) -> Outcome<Self> {
        let credentials = Credentials::load(&config, extras(&config, false))?;
        Self::new(config, credentials)
    }

    pub(crate) fn new(config: Config, credentials: Credentials) -> Outcome<Self> {
        let endpoint = Endpoint::parse(config.endpoint.as_deref(), &config.account)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_nanos());
        Ok(Self {
            extras: extras(&config, config.tls_insecure),
            config,
            endpoint,
            credentials,
            ahead: Cell::new(0),
            instance: u64::try_from(since & u128::from(u64::MAX)).unwrap_or(0),
            requests: Cell::new(0),
            no_batches: Cell::new(false),
        })
    }

    /// The target's clock, as far as it is known.
    pub(crate) fn now(&self) -> i64 {
        now().saturating_add(self.ahead.get())
    }

    /// A number that no other call of this instance gets.
    pub(crate) fn ordinal(&self) -> u64 {
        self.requests.replace(self.requests.get().wrapping_add(1))
    }

    /// The path of what may be asked for under this name.
    fn path(&self, call: &Call<'_>) -> Outcome<String> {
        call.container.map_or(Ok(()), names::check_container)?;
        call.blob.map_or(Ok(()), |key| names::check_key(&self.endpoint, key))?;
        Ok(self.endpoint.path(call))
    }

    async fn sign(&self, call: &Call<'_>, length: u64) -> Outcome<Signed> {
        let path = self.path(call)?;
        let mut headers = call.headers.clone();
        headers.push(("x-ms-version".to_owned(), VERSION.to_owned()));
        headers.push(("x-ms-date".to_owned(), http_text(self.now())));
        headers.push(("x-ms-client-request-id".to_owned(), format!("capstan-{:x}-{:x}", self.instance, self.ordinal())));
        let mut authorization = Vec::new();
        let covered = sign::Request {
            method: call.method,
            length,
            account: &self.config.account,
            path: &path,
            query: &call.query,
            headers: &headers,
        };
        let proof = self.credentials.authorize(&covered, &mut authorization).await?;
        headers.append(&mut authorization);
        let url = self.endpoint.url(&path) + &query(&call.query, proof.query.as_deref());
        Ok(Signed { request: Request { method: call.method.to_owned(), url, headers, extras: self.extras.clone() }, proof })
    }

    /// Learns from a refusal; says whether asking once more makes sense. `signed`: how far ahead the clock was that the refused request
    /// was signed by, since another call may have learned meanwhile.
    fn learn(&self, refusal: &Refusal, proof: &Proof, headers: &[(String, String)], signed: i64) -> bool {
        if let (401, Some(token), Credentials::Tokens(tokens)) = (refusal.status, &proof.token, &self.credentials) {
            return tokens.refused(token);
        }
        let there = header(headers, "date").and_then(capstan_sdk::time::http);
        match there {
            Some(there) if refusal.may_be_clock() => {
                let ahead = there.saturating_sub(now());
                self.ahead.set(ahead);
                ahead.abs_diff(signed) > SKEW
            }
            _ => false,
        }
    }

    /// One request, made again once if the refusal taught something. `open` makes the body anew.
    async fn made(&self, call: &Call<'_>, length: u64, open: impl Fn() -> Body) -> Outcome<Result<Reply, Refusal>> {
        let mut taught = false;
        loop {
            let signed = self.ahead.get();
            let Signed { request, proof } = self.sign(call, length).await?;
            let reply = http::exchange(request, open(), MAX_ANSWER).await?;
            if (200..300).contains(&reply.status) {
                from_service(&reply.headers)?;
                return Ok(Ok(reply));
            }
            let refusal = Refusal::new(reply.status, &reply.headers, &reply.body);
            if taught || !self.learn(&refusal, &proof, &reply.headers, signed) {
                return Ok(Err(refusal));
            }
            taught = true;
        }
    }

    /// A control call whose refusal the caller wants to look at. Not asked again.
    pub(crate) async fn ask(&self, call: &Call<'_>, body: Option<&[u8]>) -> Outcome<Result<Reply, Refusal>> {
        let length = body.map_or(0, <[u8]>::len) as u64;
        self.made(call, length, || body.map_or(Body::Empty, |bytes| Body::Bytes(bytes.to_vec()))).await
    }

    /// A control call that may be made twice.
    pub(crate) async fn exchange(&self, call: &Call<'_>, body: Option<&[u8]>) -> Outcome<Reply> {
        retry::with(CONTROL, || async { self.ask(call, body).await?.map_err(|refusal| self.failed(&refusal, call)) }).await
    }

    /// Sends a range of the host's content.
    pub(crate) async fn upload(&self, call: &Call<'_>, payload: Payload<'_>) -> Outcome<Result<Reply, Refusal>> {
        let Payload { content, offset, length } = payload;
        let made = self.made(call, length, || http::content_body(content, offset, length)).await;
        // The content itself may be why the request broke off; that says more.
        made.map_err(|failure| content.broken().unwrap_or(failure))
    }

    /// A call whose answer is handed on as a stream.
    pub(crate) async fn download(&self, call: &Call<'_>) -> Outcome<Result<Response, Refusal>> {
        let mut taught = false;
        loop {
            let signed = self.ahead.get();
            let Signed { request, proof } = self.sign(call, 0).await?;
            let response = http::send(request, Body::Empty).await?;
            if (200..300).contains(&response.status) {
                from_service(&response.headers)?;
                return Ok(Ok(response));
            }
            let reply = http::collect(response, MAX_REFUSAL).await;
            let refusal = Refusal::new(reply.status, &reply.headers, &reply.body);
            if taught || !self.learn(&refusal, &proof, &reply.headers, signed) {
                return Ok(Err(refusal));
            }
            taught = true;
        }
    }

    /// The refusal as a failure, said of what the call asked for.
    pub(crate) fn failed(&self, refusal: &Refusal, call: &Call<'_>) -> Failure {
        self.failed_for(refusal, &call.subject())
    }

    pub(crate) fn failed_for(&self, refusal: &Refusal, subject: &str) -> Failure {
        if let (401 | 403, Credentials::Sas(sas)) = (refusal.status, &self.credentials)
            && let Some(failure) = sas.untimely(self.now())
        {
            return failure.detail(refusal.detail());
        }
        let mut failure = refusal.failure(subject, &self.credentials);
        let ahead = self.ahead.get();
        if refusal.may_be_clock() && ahead.unsigned_abs() > SKEW {
            failure.fault_mut().message.push_str(&format!("; its clock is ahead of this host's by {ahead} s"));
        }
        failure
    }

    /// The head of a request that stands inside of another one's body.
    pub(crate) async fn inner_head(&self, call: &Call<'_>) -> Outcome<String> {
        let path = self.path(call)?;
        let mut headers = call.headers.clone();
        headers.push(("x-ms-date".to_owned(), http_text(self.now())));
        let mut authorization = Vec::new();
        let covered = sign::Request {
            method: call.method,
            length: 0,
            account: &self.config.account,
            path: &path,
            query: &call.query,
            headers: &headers,
        };
        let proof = self.credentials.authorize(&covered, &mut authorization).await?;
        headers.append(&mut authorization);
        headers.push(("content-length".to_owned(), "0".to_owned()));
        let mut head = format!("{} {path}{} HTTP/1.1\r\n", call.method, query(&call.query, proof.query.as_deref()));
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        Ok(head)
    }
}

fn extras(config: &Config, insecure: bool) -> Vec<NamedValue> {
    http::extras(config.proxy.as_deref(), config.tls_ca.as_deref(), insecure, config.timeout_ms)
}

/// "?a=b&c=d", with a signature behind it; nothing when there is neither.
fn query(parameters: &[(&str, &str)], signature: Option<&str>) -> String {
    let mut text = String::new();
    for (name, value) in parameters {
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        capstan_sdk::text::percent(value, false, &mut text);
    }
    if let Some(signature) = signature {
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(signature);
    }
    text
}

/// The service gives every answer an id. A success without one comes from somebody else: a portal, a proxy's own page.
fn from_service(headers: &[(String, String)]) -> Outcome<()> {
    match header(headers, "x-ms-request-id") {
        Some(_) => Ok(()),
        None => Err(malformed("the answer does not come from the target's service", "no x-ms-request-id")
            .next_step("Check \"endpoint\" and \"proxy\" of the target, and what stands between.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sas::Sas;

    fn client(credentials: Credentials) -> Client {
        Client::new(capstan_sdk::config::parse(r#"{"account": "acc"}"#).unwrap(), credentials).unwrap()
    }

    #[test]
    fn a_query_is_encoded_and_a_signature_stands_behind_it_as_it_is() {
        assert_eq!(query(&[], None), "");
        assert_eq!(query(&[("comp", "list"), ("prefix", "a b/ü")], None), "?comp=list&prefix=a%20b%2F%C3%BC");
        assert_eq!(query(&[], Some("sv=1&sig=a%2B")), "?sv=1&sig=a%2B");
        assert_eq!(query(&[("comp", "list")], Some("sig=a")), "?comp=list&sig=a");
    }

    #[test]
    fn a_success_that_is_not_the_services_is_none() {
        assert!(from_service(&[("x-ms-request-id".to_owned(), "a".to_owned())]).is_ok());
        assert!(from_service(&[]).is_err_and(|failure| matches!(failure, Failure::Unavailable(_))));
    }

    #[test]
    fn a_skewed_clock_is_learned_once() {
        let client = client(Credentials::Key);
        let body = b"<Error><Code>AuthenticationFailed</Code></Error>";
        let headers = vec![("date".to_owned(), "Sat, 21 Nov 2037 09:12:17 GMT".to_owned())];
        let refusal = Refusal::new(403, &headers, body);
        let learn = |refusal: &Refusal, signed| client.learn(refusal, &Proof::default(), &headers, signed);
        assert!(learn(&refusal, 0));
        assert!(client.now() > 2_142_000_000);
        assert!(learn(&refusal, 0), "signed before another call learned");
        assert!(!learn(&refusal, client.ahead.get()));
        assert!(!learn(&Refusal::new(404, &headers, b""), 0));
    }

    #[test]
    fn a_refused_signature_that_has_expired_is_said_to_have() {
        let refusal = Refusal::new(403, &[], b"<Error><Code>AuthenticationFailed</Code></Error>");
        let expired = client(Credentials::Sas(Sas::parse("se=2020-01-01T00:00:00Z&sp=r&sig=x").unwrap()));
        assert_eq!(expired.failed_for(&refusal, "account").fault().code.as_deref(), Some("sas-expired"));
        let good = client(Credentials::Sas(Sas::parse("se=2999-01-01T00:00:00Z&sp=r&sig=x").unwrap()));
        assert_eq!(good.failed_for(&refusal, "account").fault().code.as_deref(), Some("AuthenticationFailed"));
    }
}
