//! Puts whole objects and deletes many.
//!
//! | the process dies, or the answer is lost | then |
//! |---|---|
//! | before the service has all of it | nothing is visible; a session that was begun ends by itself after a week |
//! | after that, before the answer | the object is whole; the same put again makes it once more, or, where a condition forbids it, finds its own mark |
//! | between deletions | the rest is still there; deleting what is gone is a success |

use capstan_sdk::Outcome;
use capstan_sdk::content::Content;
use capstan_sdk::failure::{Failure, already_exists, cancelled, invalid, unclear};
use capstan_sdk::http::{Headers, header};
use capstan_sdk::job;
use capstan_sdk::types::{Checksum, Object, Outcome as KeyOutcome, PutOptions};
use futures::stream::{FuturesUnordered, StreamExt};

use crate::attributes::{self, ATTEMPT};
use crate::client::{Call, Client, Place, Sent, object_subject, removed, services};
use crate::condition::Condition;
use crate::error::Refusal;
use crate::reader::{self, any};
use crate::{checksum, session};

/// Keys of one call.
pub(crate) const MAX_DELETE_KEYS: usize = 1_000;
/// Deletions on their way at a time; the service has no limit of its own for them, the host one for connections.
const DELETES_IN_FLIGHT: usize = 16;
/// From this size on an object goes through a session, which goes on where a broken connection left it.
const SESSION_FROM: u64 = 8 << 20;
const MAX_KEY_BYTES: usize = 1024;

/// "Object name requirements" of the service's documentation.
pub(crate) fn check_key(key: &str) -> Outcome<()> {
    let fits = !key.is_empty()
        && key.len() <= MAX_KEY_BYTES
        && !key.contains(['\r', '\n'])
        && !matches!(key, "." | "..")
        && !key.starts_with(".well-known/acme-challenge/");
    if fits {
        Ok(())
    } else {
        Err(invalid("the service has no object of such a name: 1 to 1,024 bytes without line breaks, not . or .."))
    }
}

pub(crate) async fn put(
    client: &Client,
    place: Place<'_>,
    content: &Content,
    attempt: &str,
    options: PutOptions,
) -> Outcome<Object> {
    check_key(place.1)?;
    let subject = object_subject(place);
    let condition = Condition::of(&options, &subject)?;
    let size = content.size();
    let sum = checksum::of(content, 0, size, Some(&options)).await?;
    let mark = Some((ATTEMPT, attempt)).filter(|_| condition.holds() && !attempt.is_empty());
    let mut headers = Headers::new();
    attributes::put(client, &options, mark, &mut headers);
    condition.add_header(&mut headers);
    checksum::add_header(&sum, &mut headers);
    let answer = if size < SESSION_FROM {
        let call = Call::object("PUT", place).with(headers);
        client.ask(&call, Sent::Content { content, offset: 0, length: size }).await.map_err(unclear)?
    } else {
        session::put(client, place, headers, content).await?
    };
    let reply = match answer {
        Ok(reply) => reply,
        Err(refusal) if condition.holds() && refusal.is_precondition() => {
            return refused(client, place, mark, &options, &refusal).await;
        }
        Err(refusal) => return Err(unclear(refusal.failure(&subject))),
    };
    let reply = services(reply).map_err(unclear)?;
    checksum::check(&sum, &reply.headers, &subject)?;
    match header(&reply.headers, "x-goog-generation").map(str::to_owned) {
        Some(generation) => Ok(stored(place.1, size, options, sum, generation, &reply.headers)),
        None => reader::head(client, place, &any()).await.map_err(unclear),
    }
}

/// What the answer of a put says.
fn stored(key: &str, size: u64, options: PutOptions, sum: Checksum, generation: String, headers: &[(String, String)]) -> Object {
    let generation = Some(generation);
    let told = checksum::from_headers(headers);
    Object {
        key: key.to_owned(),
        size,
        modified: None,
        etag: generation.clone(),
        version: generation,
        checksums: if told.is_empty() { vec![sum] } else { told },
        metadata: options.metadata,
        extras: Vec::new(),
    }
}

/// A condition did not hold: it may be this very attempt that made the object, its answer lost.
pub(crate) async fn refused(
    client: &Client,
    place: Place<'_>,
    mark: Option<(&str, &str)>,
    options: &PutOptions,
    refusal: &Refusal,
) -> Outcome<Object> {
    let (there, subject) = (reader::there(client, place).await?, object_subject(place));
    match (there, mark) {
        (Some((object, reply)), Some((name, value))) if attributes::mark_of(&reply.headers, name).as_deref() == Some(value) => {
            Ok(object)
        }
        (Some(_), _) if options.if_absent => Err(already_exists(format!("there is an {subject} already")).code(&refusal.code)),
        _ => Err(refusal.failure(&subject)),
    }
}

pub(crate) async fn delete_many(client: &Client, location: &str, keys: Vec<String>) -> Outcome<Vec<KeyOutcome>> {
    client.ready().await?;
    let mut outcomes = Vec::with_capacity(keys.len());
    let mut waiting = keys.into_iter();
    let mut going = FuturesUnordered::new();
    loop {
        while going.len() < DELETES_IN_FLIGHT
            && let Some(key) = waiting.next()
        {
            going.push(delete_one(client, location, key));
        }
        match going.next().await {
            Some(outcome) => outcomes.push(outcome),
            None => return Ok(outcomes),
        }
    }
}

async fn delete_one(client: &Client, location: &str, key: String) -> KeyOutcome {
    if job::cancelled() {
        return KeyOutcome { key, failed: Some(cancelled("the deletion was cancelled")) };
    }
    let failed = match check_key(&key) {
        // What cannot be there is gone already.
        Err(_) => None,
        Ok(()) => delete(client, (location, &key)).await.err(),
    };
    KeyOutcome { key, failed }
}

/// One that is absent is a success; an absent bucket is not.
pub(crate) async fn delete(client: &Client, place: Place<'_>) -> Outcome<()> {
    match client.exchange(&Call::object("DELETE", place), Sent::Nothing).await {
        Ok(reply) => removed(&reply).map_err(unclear),
        Err(Failure::NotFound(fault)) if fault.code.as_deref() != Some("NoSuchBucket") => Ok(()),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_the_service_cannot_hold_is_refused_before_anything_is_sent() {
        for key in ["", ".", "..", "a\nb", "a\r", ".well-known/acme-challenge/x", &"k".repeat(1025)] {
            assert!(matches!(check_key(key), Err(Failure::Invalid(_))), "{key:?}");
        }
        for key in ["a/../b", "...", "a\tb", "control\u{1}", &"k".repeat(1024), "folder/"] {
            assert!(check_key(key).is_ok(), "{key:?}");
        }
    }
}
