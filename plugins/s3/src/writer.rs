//! Puts whole objects and deletes many.

use capstan_sdk::content::Content;
use capstan_sdk::failure::{Failure, already_exists, unclear};
use capstan_sdk::http::{etag, header};
use capstan_sdk::text::{base64, hex};
use capstan_sdk::types::{Object, Outcome as KeyOutcome, PutOptions};
use capstan_sdk::xml;
use capstan_sdk::{Outcome, crypto};

use crate::attributes;
use crate::checksum::{self, Mode};
use crate::client::{Call, Client, Payload};
use crate::error::Refusal;
use crate::reader;

/// Keys of one bulk delete.
pub(crate) const MAX_DELETE_KEYS: usize = 1_000;

pub(crate) async fn put(
    client: &Client,
    location: &str,
    key: &str,
    content: &Content,
    attempt: &str,
    options: PutOptions,
) -> Outcome<Object> {
    let size = content.size();
    let mode = client.checksum_mode(location).await;
    let checksum = match mode.given(&options) {
        Some(known) => Some(known),
        None => mode.of(content, 0, size).await?,
    };
    // Every service holds a body against its MD5. It costs nothing where the caller knows it, so it goes along.
    let md5 = Mode::Md5.given(&options).filter(|_| mode != Mode::Md5);
    let reply = loop {
        let bare = client.bare_tags.get();
        let mut call = Call::object("PUT", location, key);
        attributes::put(client, &options, &mut call.headers);
        let conditional = attributes::condition(client, attempt, &options, &mut call.headers);
        checksum::add_header(mode, checksum.as_ref(), &mut call.headers);
        checksum::add_header(Mode::Md5, md5.as_ref(), &mut call.headers);
        let refusal = match client.upload(&call, Payload { content, offset: 0, length: size }).await.map_err(unclear)? {
            Ok(reply) => break reply,
            Err(refusal) => refusal,
        };
        if !conditional || !matches!(refusal.status, 409 | 412) {
            return Err(unclear(refusal.failure(&call.subject())));
        }
        if let Some(done) = refused(client, location, key, (attempt, bare), &options, &refusal).await? {
            return Ok(done);
        }
    };
    reader::tagged(&reply.headers).map_err(unclear)?;
    let etag = etag(&reply.headers);
    check_etag(content, etag.as_deref(), key);
    Ok(Object {
        key: key.to_owned(),
        size,
        modified: None,
        etag,
        version: header(&reply.headers, "x-amz-version-id").map(str::to_owned),
        checksums: checksum.into_iter().chain(md5).collect(),
        metadata: options.metadata,
        extras: Vec::new(),
    })
}

/// The tag of a whole object is often its MD5. Only a tag that looks like one and differs from what is known for sure says
/// something, and not where the service encrypts; so it is a warning in the log, and the host's reading back decides.
fn check_etag(content: &Content, etag: Option<&str>, key: &str) {
    let (Some(etag), Some(md5)) = (etag, content.checksum("md5")) else { return };
    if etag.len() == 32 && etag != hex(&md5) {
        capstan_sdk::log!(warn, "the entity tag is not the content's MD5", "key" => key, "etag" => etag);
    }
}

/// A precondition failed: it may be this very attempt that made the object, its answer lost. None: worth another try, since the
/// object is the expected one and the service was only asked in the wrong spelling. `bare`: it was asked in the other one already.
async fn refused(
    client: &Client,
    location: &str,
    key: &str,
    (attempt, bare): (&str, bool),
    options: &PutOptions,
    refusal: &Refusal,
) -> Outcome<Option<Object>> {
    let call = Call::object("HEAD", location, key);
    let failure = || Err(refusal.failure(&call.subject()));
    let Ok(there) = client.exchange(&call, None).await else { return failure() };
    if !attempt.is_empty() && attributes::attempt_of(&there.headers).as_deref() == Some(attempt) {
        return attributes::object(client, key, &there.headers).map(Some);
    }
    if refusal.status != 412 {
        return failure();
    }
    if options.if_absent {
        return Err(already_exists(format!("there is an {} already", call.subject())).code(&refusal.code));
    }
    // Another call may have found the spelling out while this one was under way: what counts is how this one asked.
    if etag(&there.headers) == options.if_match && !bare {
        client.bare_tags.set(true);
        return Ok(None);
    }
    failure()
}

pub(crate) async fn delete_many(client: &Client, location: &str, keys: Vec<String>) -> Outcome<Vec<KeyOutcome>> {
    let mut outcomes = Vec::with_capacity(keys.len());
    for chunk in keys.chunks(MAX_DELETE_KEYS) {
        // A document cannot hold every key; those, and single ones, are deleted by their path.
        let (bulk, single): (Vec<&String>, Vec<&String>) =
            chunk.iter().partition(|key| chunk.len() > 1 && xml::escape(key).is_some());
        if !bulk.is_empty() {
            match delete_bulk(client, location, &bulk).await {
                Ok(done) => outcomes.extend(done),
                Err(Failure::Unsupported(_)) => {
                    for key in bulk {
                        outcomes.push(delete_one(client, location, key).await);
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
        for key in single {
            outcomes.push(delete_one(client, location, key).await);
        }
    }
    Ok(outcomes)
}

async fn delete_one(client: &Client, location: &str, key: &str) -> KeyOutcome {
    let call = Call::object("DELETE", location, key);
    let failed = match client.exchange(&call, None).await {
        Ok(_) => None,
        Err(Failure::NotFound(fault)) if fault.code.as_deref() != Some("NoSuchBucket") => None,
        Err(failure) => Some(failure),
    };
    KeyOutcome { key: key.to_owned(), failed }
}

async fn delete_bulk(client: &Client, location: &str, keys: &[&String]) -> Outcome<Vec<KeyOutcome>> {
    let mut document = String::from("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>");
    for key in keys {
        document.push_str("<Object><Key>");
        document.push_str(&xml::escape(key).unwrap_or_default());
        document.push_str("</Key></Object>");
    }
    document.push_str("</Delete>");
    let md5 = crypto::digest("md5", document.as_bytes())?;
    let call = Call::bucket("POST", location)
        .query("delete", "")
        .header("content-md5", base64(&md5))
        .header("content-type", "application/xml");
    let reply = client.exchange(&call, Some(document.as_bytes())).await?;
    bulk_outcomes(keys, &reply.body)
}

/// Quiet answers name only what failed.
fn bulk_outcomes(keys: &[&String], answer: &[u8]) -> Outcome<Vec<KeyOutcome>> {
    let errors = if answer.is_empty() { xml::Element::default() } else { xml::parse(answer)? };
    let failed = |key: &str| {
        let error = errors.children("Error").find(|error| error.text_of("Key") == Some(key))?;
        let refusal = Refusal::of(error);
        match refusal.code.as_str() {
            "NoSuchKey" | "NoSuchVersion" => None,
            _ => Some(refusal.failure(&format!("object {key:?}"))),
        }
    };
    let outcomes: Vec<KeyOutcome> = keys.iter().map(|key| KeyOutcome { key: (*key).clone(), failed: failed(key) }).collect();
    let unknown =
        errors.children("Error").find(|error| error.text_of("Key").is_none_or(|key| !keys.iter().any(|known| *known == key)));
    match unknown {
        // An error that belongs to no key may belong to any.
        Some(error) => Err(Refusal::of(error).failure("objects to delete")),
        None => Ok(outcomes),
    }
}

/// The answer of a copy or a completion is a 200 that may hold an error: the service begins to answer before it is done.
pub(crate) fn checked(body: &[u8], subject: &str) -> Outcome<xml::Element> {
    let root = xml::parse(body)?;
    if root.name == "Error" { Err(unclear(Refusal::of(&root).failure(subject))) } else { Ok(root) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bulk_delete_tells_each_keys_outcome_and_absence_is_success() {
        let keys = ["a&b".to_owned(), "gone".to_owned(), "locked".to_owned()];
        let keys: Vec<&String> = keys.iter().collect();
        let answer = br#"<DeleteResult><Error><Key>locked</Key><Code>AccessDenied</Code><Message>no</Message></Error>
            <Error><Key>gone</Key><Code>NoSuchKey</Code></Error></DeleteResult>"#;
        let outcomes = bulk_outcomes(&keys, answer).unwrap();
        assert_eq!(outcomes.iter().map(|outcome| outcome.failed.is_some()).collect::<Vec<_>>(), [false, false, true]);
        assert!(bulk_outcomes(&keys, b"<DeleteResult><Error><Code>InternalError</Code></Error></DeleteResult>").is_err());
        assert_eq!(bulk_outcomes(&keys, b"").unwrap().len(), 3);
    }

    #[test]
    fn a_success_that_holds_an_error_is_a_failure() {
        let failure = checked(b"<Error><Code>InternalError</Code></Error>", "object").unwrap_err();
        assert!(failure.may_retry() && failure.fault().maybe_done);
        assert!(checked(b"<CopyObjectResult><ETag>\"a\"</ETag></CopyObjectResult>", "object").is_ok());
    }
}
