//! Requests to the VPSA's API, and their answers.
//!
//! Every answer is a document `{"response": {"status": …}}`; status 0 is a success. Lookups are asked again where that helps; a
//! change is sent once, and who sent it looks what became of it.

use std::rc::Rc;
use std::time::{Duration, Instant};

use capstan_sdk::endpoint::Endpoint;
use capstan_sdk::failure::{Failure, busy, malformed, unavailable, unclear};
use capstan_sdk::http::{self, Body, Reply, Request, retry_after_ms};
use capstan_sdk::{Kept, NamedValue, Outcome, Retry};
use serde_json::{Map, Value, json};

use crate::answers::{Progress, Volume, is_id, many, one};
use crate::config::{ACCESS_KEY, Config};
use crate::error::Refusal;
use crate::outside;

/// Bytes of a collected answer: a page of volumes is far below.
const MAX_ANSWER: u32 = 8 << 20;
/// Seconds that the VPSA may work before it answers that it goes on by itself.
const SERVER_SECONDS: u64 = 15;
/// How often a lookup is made, and milliseconds between.
const LOOKUPS: usize = 3;
const LOOKUP_PAUSE_MS: u64 = 200;
/// How long a call waits for one thing that the VPSA does by itself: a call may have four to wait for, and a minute in all.
/// Milliseconds between two looks, at first and at most.
const PATIENCE: Duration = Duration::from_secs(12);
const FIRST_LOOK_MS: u64 = 100;
const LONGEST_LOOK_MS: u64 = 1_000;
/// Rows of one page of a list, and pages of one list.
const PAGE: usize = 500;
const PAGES: usize = 200;

thread_local! {
    static CLIENT: Kept<Client> = const { Kept::new() };
}

/// The instance's one client.
pub(crate) fn client() -> Outcome<Rc<Client>> {
    CLIENT.with(|kept| kept.get(|| Client::new(outside::config()?)))
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) config: Config,
    endpoint: Endpoint,
    extras: Vec<NamedValue>,
}

/// What the VPSA says to a request: its answer, or that it does not.
pub(crate) type Said = Result<Value, Refusal>;

impl Client {
    fn new(config: Config) -> Outcome<Self> {
        let endpoint = Endpoint::parse(&config.endpoint)?;
        let extras = http::extras(config.proxy.as_deref(), config.tls_ca.as_deref(), config.tls_insecure, config.timeout_ms);
        Ok(Self { config, endpoint, extras })
    }

    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Outcome<Said> {
        let key = outside::secret(ACCESS_KEY)?;
        let mut headers = vec![("accept".to_owned(), "application/json".to_owned()), ("x-access-key".to_owned(), key.clone())];
        if body.is_some() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let url = format!("{}://{}{}{path}", self.endpoint.scheme, self.endpoint.authority, self.endpoint.base);
        let request = Request { method: method.to_owned(), url, headers, extras: self.extras.clone() };
        let body = body.map_or(Body::Empty, |body| Body::Bytes(body.to_string().into_bytes()));
        // The VPSA may repeat what it was sent.
        let said = outside::exchange(request, body, MAX_ANSWER).await.and_then(|reply| read(&reply));
        said.map(|said| said.map_err(|refusal| Refusal { words: refusal.words.replace(key.as_str(), "…"), ..refusal }))
            .map_err(|failure| failure.without(&key))
    }

    /// Looks something up; asked again where that may help.
    pub(crate) async fn look(&self, path: &str) -> Outcome<Said> {
        for turn in 1.. {
            let said = self.ask("GET", path, None).await;
            let again = match &said {
                Ok(Ok(_)) => false,
                Ok(Err(refusal)) => refusal.failure("").may_retry(),
                Err(failure) => failure.may_retry() && !matches!(failure, Failure::TimedOut(_)),
            };
            if !again || turn >= LOOKUPS || outside::cancelled() {
                return said;
            }
            outside::wait(LOOKUP_PAUSE_MS).await;
        }
        Err(unavailable("the VPSA was not asked"))
    }

    /// Looks up what must be there.
    pub(crate) async fn get(&self, path: &str, subject: &str) -> Outcome<Value> {
        self.look(path).await?.map_err(|refusal| refusal.failure(subject))
    }

    /// Changes something, once. What was submitted is on its way: the answer is empty then.
    pub(crate) async fn change(&self, method: &str, path: &str, fields: Value) -> Outcome<Said> {
        let mut body = json!({ "timeout": SERVER_SECONDS });
        if let (Some(all), Value::Object(fields)) = (body.as_object_mut(), fields) {
            all.extend(fields);
        }
        let said = self.ask(method, path, Some(&body)).await.map_err(unclear)?;
        Ok(match said {
            Err(refusal) if refusal.is_submitted() => Ok(Value::Object(Map::new())),
            said => said,
        })
    }

    /// Rows of a list, page by page, until `enough` says so.
    pub(crate) async fn rows(&self, path: &str, key: &str, subject: &str, mut enough: impl FnMut(&Value) -> bool) -> Outcome<()> {
        let mut start = 0;
        for _ in 0..PAGES {
            let mark = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{mark}start={start}&limit={PAGE}"), subject).await?;
            let rows: Vec<Value> = many(&page, key)?;
            // More than a page: whoever answers knows no pages.
            if rows.iter().any(&mut enough) || rows.len() != PAGE {
                return Ok(());
            }
            start += rows.len();
        }
        Err(malformed("a list of the VPSA does not end", path))
    }

    /// The volume of this id; none where there is none.
    pub(crate) async fn volume(&self, id: &str) -> Outcome<Option<Volume>> {
        match self.look(&format!("/api/volumes/{id}.json")).await? {
            Ok(answer) => one::<Volume>(&answer, "volume").map(Some),
            Err(refusal) if refusal.is_absent() => Ok(None),
            Err(refusal) => Err(refusal.failure(&format!("volume {id}"))),
        }
    }

    /// The volume that is called so in a pool. Of several, which a repeated request could have made, the first.
    pub(crate) async fn called(&self, pool: &str, name: &str) -> Outcome<Option<Volume>> {
        Ok(self.all_called(pool, name).await?.into_iter().next())
    }

    pub(crate) async fn all_called(&self, pool: &str, name: &str) -> Outcome<Vec<Volume>> {
        let mut found: Vec<Volume> = Vec::new();
        let mut wrong = None;
        let path = format!("/api/volumes.json?display_name={name}");
        self.rows(&path, "volumes", "list of volumes", |row| {
            if row.get("display_name").and_then(Value::as_str) == Some(name) {
                match one::<Volume>(&json!({ "volume": row }), "volume") {
                    Ok(volume) if volume.pool_name == pool && is_id("volume", &volume.name) => found.push(volume),
                    Ok(_) => {}
                    Err(failure) => wrong = Some(failure),
                }
            }
            false
        })
        .await?;
        found.sort_by(|one, other| one.name.cmp(&other.name));
        wrong.map_or(Ok(found), Err)
    }

    /// Waits until the VPSA has done with the volume what it does; none: it went away meanwhile.
    pub(crate) async fn settled(&self, id: &str, subject: &str) -> Outcome<Option<Volume>> {
        let mut looks = Looks::new();
        loop {
            let Some(volume) = self.volume(id).await? else { return Ok(None) };
            match volume.progress() {
                Progress::Ready => return Ok(Some(volume)),
                Progress::Failed => {
                    return Err(unavailable(format!("the VPSA says that {subject} has failed"))
                        .code(FAILED)
                        .retry(Retry::Never)
                        .detail(volume.status)
                        .next_step("Look at the volume in the VPSA's own pages."));
                }
                Progress::Working => looks.next(subject).await?,
            }
        }
    }
}

/// The code of a volume that the VPSA itself calls failed.
pub(crate) const FAILED: &str = "volume-failed";

/// Looks at what takes its time, further and further apart, and not for ever.
pub(crate) struct Looks {
    since: Instant,
    pause_ms: u64,
}

impl Looks {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), pause_ms: FIRST_LOOK_MS }
    }

    /// Waits before the next one.
    pub(crate) async fn next(&mut self, subject: &str) -> Outcome<()> {
        if self.since.elapsed() >= PATIENCE || outside::cancelled() {
            return Err(busy(format!("the VPSA is still at work on {subject}")).code("still-working"));
        }
        outside::wait(self.pause_ms).await;
        self.pause_ms = (self.pause_ms * 2).min(LONGEST_LOOK_MS);
        Ok(())
    }
}

fn read(reply: &Reply) -> Outcome<Said> {
    let document: Option<Value> = serde_json::from_slice(&reply.body).ok();
    let said = document.as_ref().and_then(|document| document.get("response"));
    let words = said.map(words).unwrap_or_default();
    if !(200..300).contains(&reply.status) {
        let status = said.and_then(status).unwrap_or(0);
        let refusal = Refusal::new(Some(reply.status), status, words);
        return Ok(Err(Refusal { retry_after_ms: retry_after_ms(&reply.headers), ..refusal }));
    }
    let Some(said) = said else {
        let shown: String = String::from_utf8_lossy(&reply.body).chars().take(200).collect();
        return Err(malformed("what answers is no VPSA, or something stands between", shown)
            .next_step("Check \"endpoint\" of the target."));
    };
    match status(said) {
        Some(0) => Ok(Ok(said.clone())),
        Some(status) => Ok(Err(Refusal::new(None, status, words))),
        None => Err(malformed("the VPSA does not say whether it has done what it was asked", words)),
    }
}

fn status(said: &Value) -> Option<i64> {
    let status = said.get("status")?;
    status.as_i64().or_else(|| status.as_str()?.trim().parse().ok())
}

/// The sentence, wherever this version of the API has it.
fn words(said: &Value) -> &str {
    let of_list = || said.get("errors")?.get(0)?.get("message")?.as_str();
    let of = |key: &str| said.get(key).and_then(Value::as_str);
    of_list().or_else(|| of("message")).or_else(|| of("status_msg")).or_else(|| of("status-msg")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Outcome<Said> {
        read(&Reply { status, headers: Vec::new(), body: body.as_bytes().to_vec() })
    }

    #[test]
    fn only_status_nought_is_a_success() {
        assert!(matches!(reply(200, r#"{"response": {"status": 0, "x": 1}}"#), Ok(Ok(answer)) if answer["x"] == 1));
        for (body, words) in [
            (r#"{"response": {"status": 10081, "message": "Volume not found"}}"#, "Volume not found"),
            (r#"{"response": {"status": "10081", "status-msg": "gone"}}"#, "gone"),
            (r#"{"response": {"status": 10081, "message": "m", "errors": [{"message": "first"}]}}"#, "first"),
        ] {
            let refusal = reply(200, body).unwrap().unwrap_err();
            assert_eq!((refusal.status, refusal.words.as_str()), (10_081, words));
            assert!(refusal.is_absent());
        }
    }

    #[test]
    fn what_is_no_answer_is_never_taken_for_one() {
        for body in ["", "<html>login</html>", "{}", r#"{"response": {}}"#, r#"{"response": {"status": null}}"#, "[0]"] {
            assert!(matches!(reply(200, body), Err(Failure::Unavailable(_))), "{body}");
        }
        assert!(matches!(reply(502, ""), Ok(Err(refusal)) if refusal.http == Some(502)));
    }
}
