//! The HTTP client of one target: sends what a grant covers, over connections it keeps.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::{Bytes, BytesMut};
use capstan_domain::content::Body;
use capstan_domain::failure::Blame;
use capstan_domain::{Failure, Outcome};
use capstan_grants::Grants;
use futures::StreamExt;
use http::Method;
use hyper::body::Incoming;

use super::answer::Answer;
use super::link::{Link, Unanswered};
use super::payload::OutgoingBody;
use super::pool::{Counters, Lease, Pool};
use super::request::{Payload, Prepared, Request};
use crate::dial::{self, Basis, ConnectionCounters, Meter, Tls, Wire, revoked};
use crate::limits::{self, Limits};

/// An answer whose body is read as it comes.
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Body,
}

/// An answer that was collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

/// The head of an answer, and the connection its body comes over.
type Answered = (Lease, http::Response<Incoming>);

/// One target's client. Usable without any plugin; its only power is the grants it holds.
pub struct Client {
    grants: RwLock<Arc<Grants>>,
    pool: Arc<Pool>,
    tls: Tls,
    limits: Limits,
}

impl Client {
    pub fn new(grants: Arc<Grants>, limits: Limits) -> Self {
        Self::counted(grants, limits, Arc::default())
    }

    /// Its connections are counted together with others'.
    pub fn counted(grants: Arc<Grants>, limits: Limits, connections: Arc<ConnectionCounters>) -> Self {
        let (pool, tls) = (Pool::new(limits.clone(), connections), Tls::offering(&["http/1.1"]));
        Self { grants: RwLock::new(grants), pool, tls, limits }
    }

    /// Replaces the grants. Connections they no longer cover are cut, also in the middle of a transfer.
    pub fn set_grants(&self, grants: Arc<Grants>) {
        *self.grants.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&grants);
        self.pool.enforce(&grants);
    }

    pub fn counters(&self) -> &Counters {
        &self.pool.counters
    }

    /// Connections that exist now, in use or kept.
    pub fn live_connections(&self) -> usize {
        self.pool.live()
    }

    /// Sends, and answers as soon as the head of the answer is there.
    pub async fn send(&self, request: &Request, payload: Payload) -> Outcome<Response> {
        let prepared = Prepared::read(request, payload.length())?;
        let (lease, response) = self.perform(&prepared, payload).await?;
        let (head, incoming) = response.into_parts();
        let body = Answer::new(lease, incoming, Arc::clone(&self.pool), self.limits.idle_body);
        Ok(Response { status: head.status.as_u16(), headers: read_headers(&head.headers), body: Box::pin(body) })
    }

    /// Sends, and collects an answer of up to `limit` bytes.
    pub async fn exchange(&self, request: &Request, payload: Payload, limit: u32) -> Outcome<Reply> {
        let limit = limit.min(limits::COLLECTED_BYTES) as usize;
        let safe = is_safe(&request.method);
        let mut response = self.send(request, payload).await?;
        // The request was carried out, whatever becomes of its answer.
        let lost = |failure: Failure| if safe { failure } else { failure.with_maybe_done() };
        let mut first = Bytes::new();
        let mut collected = BytesMut::new();
        while let Some(chunk) = response.body.next().await {
            let chunk = chunk.map_err(lost)?;
            if first.len() + collected.len() + chunk.len() > limit {
                let failure = Failure::invalid(format!("the answer has more than the {limit} bytes that were asked for"));
                return Err(lost(failure.with_code("answer-too-long").with_blame(Blame::Plugin)));
            }
            if first.is_empty() && collected.is_empty() {
                first = chunk;
            } else {
                if collected.is_empty() {
                    collected.extend_from_slice(&std::mem::take(&mut first));
                }
                collected.extend_from_slice(&chunk);
            }
        }
        let body = if collected.is_empty() { first } else { collected.freeze() };
        Ok(Reply { status: response.status, headers: response.headers, body })
    }

    async fn perform(&self, prepared: &Prepared, payload: Payload) -> Outcome<Answered> {
        // A kept connection may have been closed by the server just now. What can be sent again is, once, over a new one.
        let spare = match &payload {
            Payload::Empty => Some(Payload::Empty),
            Payload::Bytes(bytes) => Some(Payload::Bytes(bytes.clone())),
            Payload::Stream { .. } => None,
        };
        let (used, unanswered) = match self.attempt(prepared, payload, true).await? {
            Ok(answered) => return Ok(answered),
            Err(refused) => refused,
        };
        let again = match unanswered.unsent {
            Some(payload) if used => Some(payload),
            _ if used && unanswered.silent_close && prepared.method.is_idempotent() => spare,
            _ => None,
        };
        let Some(payload) = again else { return Err(unanswered.failure) };
        self.pool.counters.retried.fetch_add(1, Ordering::Relaxed);
        self.attempt(prepared, payload, false).await?.map_err(|(_, unanswered)| unanswered.failure)
    }

    /// One try. The inner error says whether the connection had served before.
    /// The outer error: there was no connection.
    async fn attempt(&self, prepared: &Prepared, payload: Payload, kept: bool) -> Outcome<Result<Answered, (bool, Unanswered)>> {
        let mut lease = self.connection(prepared, kept).await?;
        let used = lease.link.is_used();
        let (body, sending) = OutgoingBody::new(payload);
        let mut request = http::Request::new(body);
        *request.method_mut() = prepared.method.clone();
        *request.uri_mut() = prepared.uri.clone();
        *request.headers_mut() = prepared.headers.clone();
        self.pool.counters.requests.fetch_add(1, Ordering::Relaxed);
        let silence = prepared.timeout.unwrap_or(self.limits.first_byte);
        Ok(match lease.link.request(request, &sending, silence).await {
            Ok(response) => Ok((lease, response)),
            Err(unanswered) => Err((used, unanswered)),
        })
    }

    async fn connection(&self, prepared: &Prepared, kept: bool) -> Outcome<Lease> {
        let grants = self.grants();
        dial::check(&prepared.route, &grants)?;
        let mut permit = self.pool.permit().await?;
        if kept {
            match self.pool.take(&prepared.route, permit) {
                Ok(lease) => return Ok(lease),
                Err(unused) => permit = unused,
            }
        }
        let limit = self.limits.connect;
        let connect = dial::dial(&prepared.route, &grants, &self.tls, limit);
        let late = |_| dial::slow(&prepared.route.host, prepared.route.port, limit);
        let (transport, address) = tokio::time::timeout(limit, connect).await.map_err(late)??;
        let meter = Arc::new(Meter::default());
        let link = Link::open(Wire::new(transport, Arc::clone(&meter)), meter).await?;
        let basis = Basis { route: Arc::new(prepared.route.clone()), address };
        let lease = self.pool.adopt(link, basis.clone(), permit);
        // The grants may have changed while the connection was made, before the pool knew of it.
        if basis.holds(&self.grants()) { Ok(lease) } else { Err(revoked()) }
    }

    fn grants(&self) -> Arc<Grants> {
        Arc::clone(&self.grants.read().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) fn is_safe(method: &str) -> bool {
    Method::from_bytes(method.as_bytes()).is_ok_and(|method| method.is_safe())
}

/// Header values are bytes; what is not UTF-8 is read as Latin-1, as the protocol says.
fn read_headers(headers: &http::HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let text = match std::str::from_utf8(value.as_bytes()) {
                Ok(text) => text.to_owned(),
                Err(_) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
            };
            (name.as_str().to_owned(), text)
        })
        .collect()
}
