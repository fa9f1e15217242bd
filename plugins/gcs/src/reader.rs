//! Gets objects and looks at them.

use capstan_sdk::failure::{Failure, invalid};
use capstan_sdk::http::Reply;
use capstan_sdk::types::{ByteRange, GetOptions, Object};
use capstan_sdk::{FutureReader, Outcome, StreamReader, range};

use crate::attributes;
use crate::client::{Call, Client, Place, Sent};
use crate::condition::generation;
use crate::world::{wit_future, wit_stream};
use crate::writer::check_key;

pub(crate) type Download = (Object, StreamReader<u8>, FutureReader<Result<(), Failure>>);

pub(crate) fn any() -> GetOptions {
    GetOptions { if_match: None, version: None, extras: Vec::new() }
}

fn call<'a>(method: &'static str, place: Place<'_>, options: &'a GetOptions) -> Outcome<Call<'a>> {
    // A name that nothing can have is one that nothing has.
    check_key(place.1).map_err(|_| capstan_sdk::failure::not_found("there is no object of such a name"))?;
    // What is stored compressed comes as it is stored, not unpacked on the way, so that sizes and sums hold.
    let mut call = Call::object(method, place).header("accept-encoding", "gzip");
    if let Some(etag) = &options.if_match {
        let generation = generation(etag, &call.subject)?;
        call = call.header("x-goog-if-generation-match", generation.to_string());
    }
    call.query.extend(options.version.as_deref().map(|version| ("generation", version)));
    Ok(call)
}

pub(crate) async fn get(client: &Client, place: Place<'_>, range: Option<ByteRange>, options: &GetOptions) -> Outcome<Download> {
    if let Some(range) = range.as_ref().filter(|range| range.length == Some(0)) {
        return nothing(client, place, range.offset, options).await;
    }
    let mut asked = call("GET", place, options)?;
    let bytes = range.as_ref().and_then(range::header_value);
    asked.headers.extend(bytes.iter().map(|bytes| ("range".to_owned(), bytes.clone())));
    let response = match client.download(&asked).await? {
        Ok(response) => response,
        // An empty object has no byte a range could begin at.
        Err(refusal) if refusal.status == 416 && range.as_ref().is_some_and(|range| range.offset == 0) => {
            let whole = call("GET", place, options)?;
            client.download(&whole).await?.map_err(|refusal| refusal.failure(&whole.subject))?
        }
        Err(refusal) => return Err(refusal.failure(&asked.subject)),
    };
    if let Some(range) = range.filter(|_| bytes.is_some()) {
        range::check(&range, response.status, &response.headers)?;
    }
    let object = attributes::object(place.1, &response.headers)?;
    Ok((object, response.body, response.end))
}

/// HTTP has no range of no bytes.
async fn nothing(client: &Client, place: Place<'_>, offset: u64, options: &GetOptions) -> Outcome<Download> {
    let object = head(client, place, options).await?;
    if offset > object.size || (offset == object.size && offset > 0) {
        return Err(invalid(format!("the range begins at {offset}, the object has {} bytes", object.size)));
    }
    let (_, body) = wit_stream::new::<u8>();
    let (_, end) = wit_future::new::<Result<(), Failure>>(|| Ok(()));
    Ok((object, body, end))
}

pub(crate) async fn head(client: &Client, place: Place<'_>, options: &GetOptions) -> Outcome<Object> {
    let call = call("HEAD", place, options)?;
    let reply = client.exchange(&call, Sent::Nothing).await?;
    attributes::object(place.1, &reply.headers)
}

/// What is under the key now, whatever it is, with its headers. None: nothing.
pub(crate) async fn there(client: &Client, place: Place<'_>) -> Outcome<Option<(Object, Reply)>> {
    match client.exchange(&Call::object("HEAD", place), Sent::Nothing).await {
        Ok(reply) => Ok(Some((attributes::object(place.1, &reply.headers)?, reply))),
        Err(Failure::NotFound(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}
