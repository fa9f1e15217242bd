//! Copies inside the account: Copy Blob, which the service does by itself, at once or while we look on.
//!
//! A copy that takes long goes on at the service whoever asks. The same copy asked for again is looked on, not begun again.

use capstan_sdk::failure::{Failure, busy, cancelled, conflict, unavailable, unclear, unsupported};
use capstan_sdk::http::header;
use capstan_sdk::types::{GetOptions, Object, PutOptions};
use capstan_sdk::{Outcome, Retry, clock, job};

use crate::attributes;
use crate::call::{Call, Place};
use crate::client::Client;
use crate::credentials::Credentials;
use crate::reader;

/// Milliseconds between looks; doubles from the first to the last.
const FIRST_WAIT: u64 = 100;
const LONGEST_WAIT: u64 = 5_000;
/// Milliseconds a call looks on; the host asks again after that, and a call has a minute.
const PATIENCE: u64 = 40_000;

fn any() -> GetOptions {
    GetOptions { if_match: None, version: None, extras: Vec::new() }
}

/// How far the copy onto a blob is, as a look at it or the answer to its beginning says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Progress {
    Done,
    Pending { id: String, done: Option<(u64, u64)> },
    Failed(String),
}

fn progress(headers: &[(String, String)]) -> Progress {
    match header(headers, "x-ms-copy-status") {
        Some("pending") => {
            let bytes = header(headers, "x-ms-copy-progress").and_then(|text| text.split_once('/'));
            let done = bytes.and_then(|(done, all)| Some((done.trim().parse().ok()?, all.trim().parse().ok()?)));
            Progress::Pending { id: header(headers, "x-ms-copy-id").unwrap_or_default().to_owned(), done }
        }
        Some("failed" | "aborted") => {
            Progress::Failed(header(headers, "x-ms-copy-status-description").unwrap_or("no reason given").to_owned())
        }
        _ => Progress::Done,
    }
}

pub(crate) async fn copy(
    client: &Client,
    source: Place<'_>,
    place: Place<'_>,
    attempt: &str,
    options: PutOptions,
) -> Outcome<Object> {
    let from = reader::head(client, source, &any()).await?;
    if options.content_type.is_some() && options.content_type.as_deref() != capstan_sdk::find(&from.extras, "content-type") {
        return Err(unsupported("a copy keeps the type of its source"));
    }
    let source_call = Call::blob("GET", source);
    let bare = client.endpoint.url(&client.endpoint.path(&source_call));
    let url = match &client.credentials {
        // The source is read with what reads it here.
        Credentials::Sas(sas) => format!("{bare}?{}", sas.query()),
        Credentials::Key | Credentials::Tokens(_) => bare.clone(),
    };
    let mut call = Call::blob("PUT", place).header("x-ms-copy-source", url);
    call.headers.extend(from.etag.iter().map(|etag| ("x-ms-source-if-match".to_owned(), format!("\"{etag}\""))));
    call.headers.extend(client.storage_class(&options).map(|class| ("x-ms-access-tier".to_owned(), class)));
    // Metadata that is sent replaces the source's, so all of it is.
    let metadata = if options.metadata.is_empty() { &from.metadata } else { &options.metadata };
    attributes::metadata(metadata, &mut call.headers);
    let conditional = attributes::condition(attempt, &options, &mut call.headers);
    match client.ask(&call, None).await.map_err(unclear)? {
        Ok(reply) => {
            let begun = progress(&reply.headers);
            watch(client, place, &bare, begun).await?;
        }
        Err(refusal) if refusal.code == "PendingCopyOperation" => {
            watch(client, place, &bare, look(client, place, &bare).await?).await?
        }
        Err(refusal) if conditional && matches!(refusal.status, 409 | 412) => {
            if !made_before(client, place, attempt).await {
                return Err(match (options.if_absent, refusal.code.as_str()) {
                    (true, "ConditionNotMet" | "TargetConditionNotMet") => {
                        capstan_sdk::failure::already_exists(format!("there is a {} already", call.subject())).code(refusal.code)
                    }
                    _ => client.failed(&refusal, &call),
                });
            }
            watch(client, place, &bare, look(client, place, &bare).await?).await?;
        }
        Err(refusal) => return Err(unclear(client.failed(&refusal, &call))),
    }
    reader::head(client, place, &any()).await
}

async fn made_before(client: &Client, place: Place<'_>, attempt: &str) -> bool {
    let there = client.exchange(&Call::blob("HEAD", place), None).await;
    !attempt.is_empty() && there.is_ok_and(|reply| attributes::attempt_of(&reply.headers).as_deref() == Some(attempt))
}

/// How far the copy from this source is.
async fn look(client: &Client, place: Place<'_>, source: &str) -> Outcome<Progress> {
    let call = Call::blob("HEAD", place);
    let reply = client.exchange(&call, None).await?;
    let from = header(&reply.headers, "x-ms-copy-source").map(|url| url.split_once('?').map_or(url, |(bare, _)| bare));
    match progress(&reply.headers) {
        Progress::Pending { .. } if from.is_some_and(|from| from != source) => {
            Err(busy(format!("something else is being copied to {}", call.subject())))
        }
        progress => Ok(progress),
    }
}

async fn watch(client: &Client, place: Place<'_>, source: &str, mut progress: Progress) -> Outcome<()> {
    let subject = Call::blob("HEAD", place).subject();
    let (mut wait, mut waited) = (FIRST_WAIT, 0);
    loop {
        match progress {
            Progress::Done => return Ok(()),
            Progress::Failed(why) => {
                return Err(unavailable(format!("the target gave up copying to {subject}")).retry(Retry::AtOnce).detail(why));
            }
            Progress::Pending { id, done } => {
                if let Some((done, all)) = done {
                    job::progress(done, Some(all), None);
                }
                if job::cancelled() {
                    give_up(client, place, &id).await;
                    return Err(cancelled("the copy was cancelled"));
                }
                if waited >= PATIENCE {
                    return Err(busy(format!("the target is still copying to {subject}")).maybe_done());
                }
            }
        }
        clock::wait(wait).await;
        waited += wait;
        wait = (wait * 2).min(LONGEST_WAIT);
        progress = look(client, place, source).await.map_err(|failure| match failure {
            Failure::NotFound(_) => conflict(format!("{subject} was deleted while it was copied to")),
            other => other,
        })?;
    }
}

async fn give_up(client: &Client, place: Place<'_>, id: &str) {
    let call = Call::blob("PUT", place).query("comp", "copy").query("copyid", id).header("x-ms-copy-action", "abort");
    if let Err(failure) = client.exchange(&call, None).await {
        capstan_sdk::log!(warn, "a copy goes on at the target", "why" => failure.fault().message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_copy_is_done_pending_or_failed() {
        assert_eq!(progress(&headers(&[("x-ms-copy-status", "success")])), Progress::Done);
        assert_eq!(progress(&[]), Progress::Done);
        let pending = headers(&[("x-ms-copy-status", "pending"), ("x-ms-copy-id", "i"), ("x-ms-copy-progress", "5/10")]);
        assert_eq!(progress(&pending), Progress::Pending { id: "i".to_owned(), done: Some((5, 10)) });
        let failed = headers(&[("x-ms-copy-status", "failed"), ("x-ms-copy-status-description", "404 gone")]);
        assert_eq!(progress(&failed), Progress::Failed("404 gone".to_owned()));
    }
}
