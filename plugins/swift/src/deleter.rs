//! Deletes objects: many in one request where the service has bulk operations, large ones with their segments.
//!
//! A bulk delete takes manifests away and leaves their segments, and the delete that takes both refuses whatever is no manifest. So each
//! key is looked at first, several at a time.
//!
//! | dies after | what is there then | what the next delete of the key does |
//! |---|---|---|
//! | some segments of a large object are gone | the manifest: a read of it fails, it is still listed | the rest of the segments, then the manifest |
//! | the manifest is gone | segments of replaced ones, if any | nothing: the next write of the key sweeps them |
//! | some keys of a bulk are gone | the others | those: an absent key is a success |

use std::collections::HashMap;

use capstan_sdk::Outcome;
use capstan_sdk::failure::{Failure, malformed};
use capstan_sdk::text::percent;
use capstan_sdk::types::Outcome as KeyOutcome;
use futures::stream::StreamExt;
use serde::Deserialize;

use crate::attributes::{self, Make};
use crate::call::Call;
use crate::client::Client;
use crate::error::Refusal;
use crate::{reader, segments};

/// Keys of one `delete-many`.
pub(crate) const MAX_DELETE_KEYS: usize = 1_000;
/// Requests under way at a time, where each key takes one.
const IN_FLIGHT: usize = 16;
/// Bytes of a line of a bulk request. Services refuse the whole request for one that is much longer, and none says where that begins.
const LONGEST_LINE: usize = 1024;
/// How long the service may work at a bulk before its first word; most of them begin their answer at once.
const PATIENCE_MS: u64 = 300_000;

/// The answer to a bulk operation. The status of the request says nothing: it is 200 before anything was done.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(rename = "Response Status")]
    status: String,
    #[serde(rename = "Response Body", default)]
    body: String,
    #[serde(rename = "Errors", default)]
    errors: Vec<(String, String)>,
}

impl Answer {
    /// None: it is no answer to a bulk operation. A service without them takes the request for something else.
    fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// Paths that failed, as the service spells them. Absence is no failure; a failure of no path fails all.
    fn failures(self, subject: &str) -> Outcome<Vec<(String, Refusal)>> {
        if self.errors.is_empty() && !self.status.starts_with('2') {
            let mut refusal = Refusal::of_line(&self.status);
            refusal.words = self.body;
            return Err(refusal.unnamed(subject));
        }
        let refusals = self.errors.into_iter().map(|(path, line)| (path, Refusal::of_line(&line)));
        Ok(refusals.filter(|(_, refusal)| refusal.status != 404).collect())
    }
}

/// Container and name as they stand in a line of a bulk request.
fn line(container: &str, name: &str) -> String {
    let mut line = String::new();
    percent(container, false, &mut line);
    line.push('/');
    percent(name, true, &mut line);
    line
}

/// Which of the names failed. Swift spells them as they were asked for, Ceph as they are; one that is none of them may be any.
fn by_name<'a>(container: &str, names: &'a [String], failed: Vec<(String, Refusal)>) -> Outcome<HashMap<&'a str, Refusal>> {
    let mut found = HashMap::new();
    for (path, refusal) in failed {
        let path = path.trim_start_matches('/');
        let is = |name: &&String| {
            path == line(container, name) || path.strip_prefix(container).and_then(|rest| rest.strip_prefix('/')) == Some(name)
        };
        match names.iter().find(is) {
            Some(name) => drop(found.insert(name.as_str(), refusal)),
            None => return Err(refusal.unnamed("objects to delete")),
        }
    }
    Ok(found)
}

pub(crate) async fn delete_many(client: &Client, location: &str, keys: Vec<String>) -> Outcome<Vec<KeyOutcome>> {
    // A login that fails is one failure, and none of each key's.
    client.session().await?;
    let mut looks = futures::stream::iter(keys)
        .map(|key| async move {
            let make =
                reader::look(client, location, &key).await.map(|there| there.map(|there| attributes::make_of(&there.headers)));
            (key, make)
        })
        .buffer_unordered(IN_FLIGHT);
    let (mut outcomes, mut whole, mut large) = (Vec::new(), Vec::new(), Vec::new());
    while let Some((key, make)) = looks.next().await {
        match make {
            Ok(None) => outcomes.push(KeyOutcome { key, failed: None }),
            Ok(Some(Make::Static)) => large.push(key),
            // A dynamic one's segments may belong to others: only what names them goes.
            Ok(Some(Make::Plain | Make::Dynamic)) => whole.push(key),
            Err(failure) => outcomes.push(KeyOutcome { key, failed: Some(failure) }),
        }
    }
    if whole.is_empty() && large.is_empty() && outcomes.iter().all(|outcome| outcome.failed.is_none()) {
        // Where nothing is found there may be no container: that is no success. Who may not look at it learns nothing else either.
        if let Err(failure @ Failure::NotFound(_)) = client.exchange(&Call::container("HEAD", location), None).await {
            return Err(failure);
        }
    }
    outcomes.extend(delete_whole(client, location, whole).await?);
    let mut going = futures::stream::iter(large)
        .map(|key| async move {
            let failed = delete_large(client, location, &key).await.err();
            KeyOutcome { key, failed }
        })
        .buffer_unordered(IN_FLIGHT);
    while let Some(outcome) = going.next().await {
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// Segments of ours, all of them or a failure.
pub(crate) async fn remove(client: &Client, container: &str, names: &[String]) -> Outcome<()> {
    for outcome in delete_whole(client, container, names.to_vec()).await? {
        if let Some(failure) = outcome.failed {
            return Err(failure);
        }
    }
    Ok(())
}

/// Objects that are no manifests.
async fn delete_whole(client: &Client, container: &str, names: Vec<String>) -> Outcome<Vec<KeyOutcome>> {
    let mut outcomes = Vec::with_capacity(names.len());
    let bulk = client.capabilities().await?.bulk_deletes.map(|limit| limit.min(MAX_DELETE_KEYS));
    let (short, long): (Vec<String>, Vec<String>) =
        names.into_iter().partition(|name| line(container, name).len() <= LONGEST_LINE);
    outcomes.extend(delete_each(client, container, &long).await);
    for chunk in short.chunks(bulk.unwrap_or(MAX_DELETE_KEYS)) {
        // One alone takes one request either way.
        let done = if chunk.len() > 1 && bulk.is_some() { delete_bulk(client, container, chunk).await? } else { None };
        match done {
            Some(done) => outcomes.extend(done),
            None => outcomes.extend(delete_each(client, container, chunk).await),
        }
    }
    Ok(outcomes)
}

async fn delete_each(client: &Client, container: &str, names: &[String]) -> Vec<KeyOutcome> {
    let deletes = names.iter().map(|name| async move {
        let failed = match client.exchange(&Call::object("DELETE", container, name), None).await {
            Ok(_) | Err(Failure::NotFound(_)) => None,
            Err(failure) => Some(failure),
        };
        KeyOutcome { key: name.clone(), failed }
    });
    futures::stream::iter(deletes).buffer_unordered(IN_FLIGHT).collect().await
}

/// None: the service has no bulk operations after all.
async fn delete_bulk(client: &Client, container: &str, names: &[String]) -> Outcome<Option<Vec<KeyOutcome>>> {
    let mut body = String::new();
    for name in names {
        body.push_str(&line(container, name));
        body.push('\n');
    }
    let call =
        Call::account("POST").query("bulk-delete", "").header("content-type", "text/plain").json().patience_ms(PATIENCE_MS);
    let reply = match client.exchange(&call, Some(body.as_bytes())).await {
        Ok(reply) => reply,
        // A user who may write to the container only, or a service that knows no such request.
        Err(Failure::Denied(_) | Failure::Unsupported(_) | Failure::Invalid(_) | Failure::NotFound(_)) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let Some(answer) = Answer::read(&reply.body) else { return Ok(None) };
    let failures = by_name(container, names, answer.failures("objects to delete")?)?;
    let outcome = |name: &String| {
        let failed =
            failures.get(name.as_str()).map(|refusal| refusal.unnamed(&Call::object("DELETE", container, name).subject()));
        KeyOutcome { key: name.clone(), failed }
    };
    Ok(Some(names.iter().map(outcome).collect()))
}

/// A manifest with its segments, and what replaced ones left under its key.
async fn delete_large(client: &Client, location: &str, key: &str) -> Outcome<()> {
    let call = Call::object("DELETE", location, key).query("multipart-manifest", "delete").json().patience_ms(PATIENCE_MS);
    match client.exchange(&call, None).await {
        Ok(reply) => {
            let answer =
                Answer::read(&reply.body).ok_or_else(|| malformed("the target did not say what became of a large object", ""))?;
            if let Some(refusal) = answer.failures(&call.subject())?.into_iter().map(|(_, refusal)| refusal).next() {
                return Err(refusal.failure(&call));
            }
        }
        Err(Failure::NotFound(_)) => {}
        Err(failure) => return Err(failure),
    }
    segments::sweep(client, location, key, None).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(body: &str) -> Outcome<Vec<(String, u16)>> {
        let names = ["a/b++", "percent%41", "gone", "x"].map(str::to_owned);
        let failed = by_name("c 1", &names, Answer::read(body.as_bytes()).unwrap().failures("objects")?)?;
        Ok(failed.into_iter().map(|(name, refusal)| (name.to_owned(), refusal.status)).collect())
    }

    #[test]
    fn a_bulk_answer_names_what_failed_and_absence_is_success() {
        let swift = r#"{"Number Not Found": 1, "Response Status": "400 Bad Request", "Errors": [["/c%201/a/b%2B%2B", "409 Conflict"], ["/c%201/gone", "404 Not Found"]],
            "Number Deleted": 1, "Response Body": ""}"#;
        assert_eq!(failures(swift).unwrap(), [("a/b++".to_owned(), 409)]);
        // Ceph spells a name as it is, also where that looks encoded.
        let ceph = r#"{"Number Deleted":0,"Response Status":"409 Conflict","Errors":[["c 1/percent%41","403 Forbidden"]]}"#;
        assert_eq!(failures(ceph).unwrap(), [("percent%41".to_owned(), 403)]);
        assert!(failures(r#"{"Response Status": "200 OK"}"#).unwrap().is_empty());
    }

    #[test]
    fn a_failure_of_no_known_name_fails_all() {
        let broken = failures(r#"{"Response Status": "502 Bad Gateway", "Response Body": "", "Errors": []}"#).unwrap_err();
        assert!(broken.may_retry());
        assert!(failures(r#"{"Response Status": "400 Bad Request", "Errors": [["other/x", "401 Unauthorized"]]}"#).is_err());
        assert!(failures(r#"{"Response Status": "400 Bad Request", "Errors": [["c 1/percentA", "409 Conflict"]]}"#).is_err());
    }

    #[test]
    fn what_is_no_bulk_answer_is_known() {
        for body in ["", "<html>", "{}", "[]"] {
            assert!(Answer::read(body.as_bytes()).is_none(), "{body}");
        }
    }
}
