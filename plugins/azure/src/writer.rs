//! Puts whole blobs.

use capstan_sdk::Outcome;
use capstan_sdk::content::Content;
use capstan_sdk::failure::{already_exists, unclear};
use capstan_sdk::http::{etag, expected, header};
use capstan_sdk::types::{Object, PutOptions};

use crate::attributes;
use crate::call::{Call, Payload, Place};
use crate::checksum::{self, Mode};
use crate::client::Client;
use crate::error::Refusal;

pub(crate) async fn put(
    client: &Client,
    place: Place<'_>,
    content: &Content,
    attempt: &str,
    options: PutOptions,
) -> Outcome<Object> {
    let size = content.size();
    let mode = client.checksum_mode(place.0).await;
    // The service takes one sum of a body: the MD5 that every endpoint checks before the one that some do.
    let checksum = match Mode::Md5.given(&options).or_else(|| mode.given(&options)) {
        Some(known) => Some(known),
        None => mode.of(content, 0, size).await?,
    };
    let mut call = Call::blob("PUT", place).header("x-ms-blob-type", "BlockBlob");
    attributes::put(client, &options, &mut call.headers);
    let conditional = attributes::condition(attempt, &options, &mut call.headers);
    checksum::add_header(checksum.as_ref(), &mut call.headers);
    let reply = match client.upload(&call, Payload { content, offset: 0, length: size }).await.map_err(unclear)? {
        Ok(reply) => reply,
        Err(refusal) if conditional && matches!(refusal.status, 409 | 412) => {
            return refused(client, place, attempt, &options, &refusal).await;
        }
        Err(refusal) => return Err(unclear(client.failed(&refusal, &call))),
    };
    expected(&reply.headers, "etag").map_err(unclear)?;
    Ok(Object {
        key: place.1.to_owned(),
        size,
        modified: None,
        etag: etag(&reply.headers),
        version: header(&reply.headers, "x-ms-version-id").map(str::to_owned),
        checksums: checksum.into_iter().collect(),
        metadata: options.metadata,
        extras: Vec::new(),
    })
}

/// A precondition failed: it may be this very attempt that made the blob, its answer lost.
async fn refused(client: &Client, place: Place<'_>, attempt: &str, options: &PutOptions, refusal: &Refusal) -> Outcome<Object> {
    let call = Call::blob("HEAD", place);
    if let Ok(there) = client.exchange(&call, None).await
        && !attempt.is_empty()
        && attributes::attempt_of(&there.headers).as_deref() == Some(attempt)
    {
        return attributes::object(place.1, &there.headers);
    }
    if options.if_absent && matches!(refusal.code.as_str(), "ConditionNotMet" | "") {
        return Err(already_exists(format!("there is a {} already", call.subject())).code(&refusal.code));
    }
    Err(client.failed(refusal, &call))
}
