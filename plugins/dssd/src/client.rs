//! One request to the dashboard, and its answer.
//!
//! A call that takes the cluster more than some seconds is answered 202, and goes on as a task, which has no number: it is known by
//! its name and by what it was asked ("metadata").

use std::time::{Duration, Instant};

use capstan_sdk::endpoint::Endpoint;
use capstan_sdk::failure::{Failure, busy, malformed, unavailable};
use capstan_sdk::http::{self, Body, Reply, Request};
use capstan_sdk::retry::{self, Policy};
use capstan_sdk::text::percent;
use capstan_sdk::turn::Turns;
use capstan_sdk::{NamedValue, Outcome, Retry, clock, job};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::Config;
use crate::error::Refusal;
use crate::token::{self, Tokens};

/// The dashboard wants to hear the version of each of its calls.
pub(crate) const ACCEPT: &str = "application/vnd.ceph.api.v1.0+json";
/// Bytes of a collected answer: an image with thousands of snapshots, the tasks of an hour.
const MAX_ANSWER: u32 = 8 << 20;
/// How often a call that changes nothing is made: seldom, because the host asks again as well.
const CONTROL: Policy = Policy { attempts: 3, first_wait_ms: 100, longest_wait_ms: 1_000, patience_ms: 10_000 };
/// How long a call waits for its task; then the host asks again.
const TASK_PATIENCE: Duration = Duration::from_secs(25);
const TASK_LOOKS_MS: [u64; 5] = [100, 250, 500, 1_000, 2_000];
/// When a task that goes on is worth looking at again, milliseconds.
const TASK_LATER_MS: u64 = 5_000;

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) config: Config,
    endpoint: Endpoint,
    pub(crate) tokens: Tokens,
    /// Who speaks to the storage daemon, which listens to one at a time.
    pub(crate) orders: Turns,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    method: &'static str,
    path: String,
    body: Option<Value>,
    /// What a failure is said of.
    pub(crate) subject: String,
}

impl Call {
    pub(crate) fn new(method: &'static str, path: String, subject: &str) -> Self {
        Self { method, path, body: None, subject: subject.to_owned() }
    }

    pub(crate) fn with(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

/// A task as a 202 names it.
#[derive(Debug, Deserialize)]
struct Task {
    name: String,
    metadata: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tasks {
    executing_tasks: Vec<Executing>,
    finished_tasks: Vec<Finished>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Executing {
    metadata: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Finished {
    metadata: Value,
    /// ISO 8601 in one form, so that texts compare as the moments do.
    begin_time: String,
    success: bool,
    exception: Option<Value>,
}

/// How a task stands.
#[derive(Debug, PartialEq)]
enum Standing {
    GoesOn,
    Done,
    Failed(Refusal),
    /// The dashboard forgets tasks after a while, and all of them when the manager changes.
    Unknown,
}

impl Tasks {
    fn standing(&self, metadata: &Value) -> Standing {
        if self.executing_tasks.iter().any(|task| task.metadata == *metadata) {
            return Standing::GoesOn;
        }
        let last =
            self.finished_tasks.iter().filter(|task| task.metadata == *metadata).max_by(|a, b| a.begin_time.cmp(&b.begin_time));
        match last {
            None => Standing::Unknown,
            Some(task) if task.success => Standing::Done,
            Some(task) => Standing::Failed(Refusal::of_exception(task.exception.as_ref().unwrap_or(&Value::Null))),
        }
    }
}

impl Client {
    pub(crate) fn new(config: Config) -> Outcome<Self> {
        // A target may be older than what validates it now.
        let endpoint = Endpoint::of_secrets(&config.dashboard)
            .map_err(|failure| failure.next_step("Correct \"dashboard\" of the target."))?;
        Ok(Self { config, endpoint, tokens: Tokens::default(), orders: Turns::default() })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{}{path}", self.endpoint.scheme, self.endpoint.authority, self.endpoint.base)
    }

    pub(crate) fn extras(&self) -> Vec<NamedValue> {
        let config = &self.config;
        http::extras(None, config.tls_ca.as_deref(), config.tls_insecure, config.timeout_ms)
    }

    async fn send(&self, call: &Call) -> Outcome<Reply> {
        for turn in 0.. {
            let token = token::token(self).await?;
            let mut headers =
                vec![("accept".to_owned(), ACCEPT.to_owned()), ("authorization".to_owned(), format!("Bearer {token}"))];
            let body = match &call.body {
                Some(body) => {
                    headers.push(("content-type".to_owned(), "application/json".to_owned()));
                    Body::Bytes(body.to_string().into_bytes())
                }
                None => Body::Empty,
            };
            let request = Request { method: call.method.to_owned(), url: self.url(&call.path), headers, extras: self.extras() };
            let reply = http::exchange(request, body, MAX_ANSWER).await?;
            if reply.status != 401 || turn > 0 {
                return Ok(reply);
            }
            self.tokens.forget(&token);
        }
        Err(unavailable("the dashboard cannot be asked"))
    }

    /// A call whose refusal the caller wants to look at. Not asked again; a task that came of it is waited for.
    pub(crate) async fn ask(&self, call: &Call) -> Outcome<Result<Reply, Refusal>> {
        match self.send(call).await? {
            reply if reply.status == 202 => self.wait_for(call, &reply.body).await.map(|ended| ended.map(|()| reply)),
            reply => Ok(accepted(reply)),
        }
    }

    /// A call that changes something.
    pub(crate) async fn change(&self, call: &Call) -> Outcome<Result<(), Refusal>> {
        Ok(self.ask(call).await?.map(drop))
    }

    /// A document that is looked at; none: there is no such thing.
    pub(crate) async fn look<T: DeserializeOwned>(&self, call: &Call) -> Outcome<Option<T>> {
        retry::with(CONTROL, || async {
            match accepted(self.send(call).await?) {
                Ok(reply) => document(&reply.body).map(Some),
                Err(refusal) if refusal.is_absent() => Ok(None),
                Err(refusal) => Err(refusal.failure(&call.subject)),
            }
        })
        .await
    }

    async fn tasks(&self, name: &str) -> Outcome<Tasks> {
        let mut path = "/api/task?name=".to_owned();
        percent(name, false, &mut path);
        self.look(&Call::new("GET", path, "the dashboard's tasks")).await.map(Option::unwrap_or_default)
    }

    /// Whether a task of this name is at this, begun by whatever call.
    pub(crate) async fn goes_on(&self, name: &str, metadata: &Value) -> Outcome<bool> {
        Ok(self.tasks(name).await?.standing(metadata) == Standing::GoesOn)
    }

    async fn wait_for(&self, call: &Call, body: &[u8]) -> Outcome<Result<(), Refusal>> {
        let task: Task = document(body).map_err(Failure::maybe_done)?;
        let begun = Instant::now();
        for look in 0.. {
            clock::wait(TASK_LOOKS_MS.get(look).or(TASK_LOOKS_MS.last()).copied().unwrap_or(1_000)).await;
            match self.tasks(&task.name).await.map_err(Failure::maybe_done)?.standing(&task.metadata) {
                Standing::Done => return Ok(Ok(())),
                Standing::Failed(refusal) => return Ok(Err(refusal)),
                Standing::Unknown => break,
                Standing::GoesOn if begun.elapsed() > TASK_PATIENCE || job::cancelled() => return Err(still(&call.subject)),
                Standing::GoesOn => {}
            }
        }
        Err(unavailable(format!("the dashboard does not know what became of {}", call.subject)).retry(Retry::AtOnce).maybe_done())
    }
}

fn accepted(reply: Reply) -> Result<Reply, Refusal> {
    if (200..300).contains(&reply.status) { Ok(reply) } else { Err(Refusal::new(reply.status, &reply.headers, &reply.body)) }
}

/// The cluster goes on by itself; the same attempt asks again.
pub(crate) fn still(subject: &str) -> Failure {
    busy(format!("the cluster is still at work on {subject}")).code("task").after_ms(TASK_LATER_MS).maybe_done()
}

fn document<T: DeserializeOwned>(body: &[u8]) -> Outcome<T> {
    serde_json::from_slice(body).map_err(|error| {
        malformed("the dashboard answered a document that cannot be read", error.to_string())
            .next_step("Check that \"dashboard\" is the URL of a Ceph dashboard.")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_task_is_known_by_what_it_was_asked_and_the_last_one_counts() {
        let tasks: Tasks = document(
            br#"{"executing_tasks": [{"name": "rbd/delete", "metadata": {"image_spec": "p/a"}}], "finished_tasks": [
                {"metadata": {"image_spec": "p/b"}, "begin_time": "2026-11-22T11:46:30.7Z", "success": false,
                 "exception": {"code": "16", "status": 400, "detail": "busy"}},
                {"metadata": {"image_spec": "p/b"}, "begin_time": "2026-11-22T11:45:30.7Z", "success": true, "exception": null},
                {"metadata": {"image_spec": "p/c"}, "begin_time": "2026-11-22T11:45:30.7Z", "success": true}]}"#,
        )
        .unwrap();
        assert_eq!(tasks.standing(&json!({ "image_spec": "p/a" })), Standing::GoesOn);
        assert!(matches!(tasks.standing(&json!({ "image_spec": "p/b" })), Standing::Failed(refusal) if refusal.is("16")));
        assert_eq!(tasks.standing(&json!({ "image_spec": "p/c" })), Standing::Done);
        assert_eq!(tasks.standing(&json!({ "image_spec": "p/d" })), Standing::Unknown);
        let nothing: Tasks = document(b"{}").unwrap();
        assert_eq!(nothing.standing(&Value::Null), Standing::Unknown);
    }

    #[test]
    fn what_goes_on_is_asked_for_again_with_the_same_attempt() {
        let failure = still("drive \"a\"");
        assert!(matches!(failure, Failure::Busy(_)) && failure.fault().retry == Retry::Later && failure.fault().maybe_done);
    }
}
