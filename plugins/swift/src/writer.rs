//! Puts whole objects.
//!
//! | dies after | what is there then | what follows |
//! |---|---|---|
//! | some bytes were sent | what was there before | the put is made again |
//! | the service has stored it, its answer lost | the new object | the put is made again and stores the same; under a condition the object's mark says whose it is |
//! | the answer came | the new object, and the segments of a large one it replaced | the next write of the key sweeps them |

use capstan_sdk::content::Content;
use capstan_sdk::failure::{already_exists, unclear};
use capstan_sdk::http::etag;
use capstan_sdk::text::hex;
use capstan_sdk::types::{Checksum, Object, PutOptions};
use capstan_sdk::{Outcome, checksum};

use crate::call::{Call, Payload};
use crate::client::Client;
use crate::config::ChecksumSetting;
use crate::error::Refusal;
use crate::{attributes, conditions, reader, segments};

/// Up to this size an MD5 nobody knows is computed: it costs less than the request.
const CHEAP_MD5_BYTES: u64 = 1 << 20;

pub(crate) async fn put(
    client: &Client,
    location: &str,
    key: &str,
    content: &Content,
    attempt: &str,
    options: PutOptions,
) -> Outcome<Object> {
    conditions::check(client, location, &options).await?;
    let size = content.size();
    let payload = Payload { content, offset: 0, length: size };
    // What the caller knows goes along whatever is configured: that says what is computed.
    let md5 = match checksum::given(&options, MD5) {
        Some(known) => Some(known),
        None => md5(client, payload).await?,
    };
    // Where nothing was, nothing is replaced.
    let replaces = !options.if_absent && segments::may_be_there(client, location).await;
    let mut call = Call::object("PUT", location, key);
    attributes::put(&options, client.capabilities().await?.meta_value_bytes, &mut call.headers)?;
    attributes::condition(attempt, &options, &mut call.headers)?;
    call.headers.extend(md5.iter().map(|md5| ("etag".to_owned(), hex(&md5.value))));
    let reply = match client.upload(&call, payload).await.map_err(unclear)? {
        Ok(reply) => reply,
        Err(refusal) => return refused(client, &call, attempt, &refusal).await,
    };
    if replaces {
        segments::sweep(client, location, key, None).await;
    }
    Ok(Object {
        key: key.to_owned(),
        size,
        modified: None,
        etag: etag(&reply.headers),
        version: None,
        checksums: md5.into_iter().collect(),
        metadata: options.metadata,
        extras: Vec::new(),
    })
}

/// The contract's name of the one hash Swift verifies.
const MD5: &str = "md5";

/// What the service shall hold the arriving data against, if anything.
pub(crate) async fn md5(client: &Client, Payload { content, offset, length }: Payload<'_>) -> Outcome<Option<Checksum>> {
    let wanted = match client.config.checksum {
        ChecksumSetting::None => false,
        ChecksumSetting::Md5 => true,
        ChecksumSetting::Auto => length <= CHEAP_MD5_BYTES || checksum::known(content, MD5, offset, length).is_some(),
    };
    if !wanted {
        return Ok(None);
    }
    checksum::of(content, MD5, offset, length).await.map(Some)
}

/// Something is where nothing may be: it may be this very attempt that put it, its answer lost.
pub(crate) async fn refused(client: &Client, call: &Call<'_>, attempt: &str, refusal: &Refusal) -> Outcome<Object> {
    if refusal.status != 412 || !call.is_conditional() {
        return Err(unclear(refusal.failure(call)));
    }
    let (location, key) = (call.container.unwrap_or_default(), call.object.unwrap_or_default());
    if let Some(there) = reader::look(client, location, key).await?
        && attributes::is_by(&there.headers, attempt)?
    {
        return attributes::object(key, &there.headers);
    }
    Err(refusal.dress(already_exists(format!("there is an {} already", call.subject()))))
}
