//! Deletes many blobs: in batches, and one by one where a service knows none.

use std::collections::HashMap;

use capstan_sdk::failure::Failure;
use capstan_sdk::types::Outcome as KeyOutcome;
use capstan_sdk::{Outcome, Retry};
use futures::stream::{self, StreamExt};

use crate::batch::{self, MAX_REQUESTS};
use crate::call::Call;
use crate::client::Client;

/// Single deletes that are under way together.
const IN_FLIGHT: usize = 16;

fn delete<'a>(client: &Client, container: &'a str, key: &'a str) -> Call<'a> {
    let call = Call::blob("DELETE", (container, key));
    if client.config.delete_snapshots { call.header("x-ms-delete-snapshots", "include") } else { call }
}

pub(crate) async fn delete_many(client: &Client, container: &str, keys: Vec<String>) -> Outcome<Vec<KeyOutcome>> {
    client.credentials.ready().await?;
    let mut outcomes = Vec::with_capacity(keys.len());
    for chunk in keys.chunks(MAX_REQUESTS) {
        let mut done = HashMap::new();
        if chunk.len() > 1 && !client.no_batches.get() {
            match in_batch(client, container, chunk).await {
                Ok(known) => done = known,
                // Who asks singly learns of each what is wrong.
                Err(failure) if failure.fault().retry == Retry::Never || stumbles(&failure) => {
                    if matches!(failure, Failure::Unsupported(_)) || stumbles(&failure) {
                        client.no_batches.set(true);
                    }
                    capstan_sdk::log!(debug, "a batch was refused", "why" => failure.fault().message);
                }
                Err(failure) if outcomes.is_empty() => return Err(failure),
                // Something was tried already, so the call does not fail as a whole.
                Err(failure) => {
                    done = chunk.iter().map(|key| (key.as_str(), Some(failure.clone()))).collect();
                }
            }
        }
        let (known, single): (Vec<_>, Vec<_>) = chunk.iter().partition(|key| done.contains_key(key.as_str()));
        outcomes
            .extend(known.into_iter().map(|key| KeyOutcome { key: key.clone(), failed: done.remove(key.as_str()).flatten() }));
        let singly = single.into_iter().map(|key| one(client, container, key));
        outcomes.extend(stream::iter(singly).buffer_unordered(IN_FLIGHT).collect::<Vec<_>>().await);
    }
    Ok(outcomes)
}

/// An internal error without a word of the service's: Azurite's, when a batch comes with the signature of an account.
fn stumbles(failure: &Failure) -> bool {
    failure.fault().code.as_deref() == Some("HTTP 500")
}

async fn one(client: &Client, container: &str, key: &str) -> KeyOutcome {
    let call = delete(client, container, key);
    let failed = match client.exchange(&call, None).await {
        Ok(_) => None,
        Err(Failure::NotFound(fault)) if fault.code.as_deref() != Some("ContainerNotFound") => None,
        Err(failure) => Some(failure),
    };
    KeyOutcome { key: key.to_owned(), failed }
}

/// The outcomes the answer tells; a key that is not among them is to be asked for again.
async fn in_batch<'k>(client: &Client, container: &str, keys: &'k [String]) -> Outcome<HashMap<&'k str, Option<Failure>>> {
    let mut heads = Vec::with_capacity(keys.len());
    for key in keys {
        heads.push(client.inner_head(&delete(client, container, key)).await?);
    }
    let boundary = format!("batch_{:x}_{:x}", client.now(), client.ordinal());
    let call = Call::container("POST", container)
        .query("comp", "batch")
        .header("content-type", format!("multipart/mixed; boundary={boundary}"));
    let reply = client.exchange(&call, Some(&batch::body(&boundary, &heads))).await?;
    let mut outcomes = HashMap::with_capacity(keys.len());
    for answer in batch::answers(&reply.headers, &reply.body)? {
        let refused = (!(200..300).contains(&answer.status) && !answer.refusal.is_absent_blob())
            .then(|| client.failed_for(&answer.refusal, &subject(container, keys, answer.index)));
        match (answer.index.and_then(|index| keys.get(index)), refused) {
            (Some(key), refused) => drop(outcomes.insert(key.as_str(), refused)),
            // A refusal of none of them is one of all.
            (None, Some(refused)) => return Err(refused),
            (None, None) => {}
        }
    }
    Ok(outcomes)
}

fn subject(container: &str, keys: &[String], index: Option<usize>) -> String {
    match index.and_then(|index| keys.get(index)) {
        Some(key) => Call::blob("DELETE", (container, key)).subject(),
        None => Call::container("POST", container).subject(),
    }
}
