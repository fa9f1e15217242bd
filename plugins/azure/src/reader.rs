//! Gets blobs and looks at them.

use capstan_sdk::failure::{Failure, invalid};
use capstan_sdk::http::{Response, expected};
use capstan_sdk::types::{ByteRange, GetOptions, Object};
use capstan_sdk::{FutureReader, Outcome, StreamReader, range};

use crate::attributes;
use crate::call::{Call, Place};
use crate::client::Client;
use crate::parts::MAX_OBJECT_BYTES;
use crate::world::{wit_future, wit_stream};

pub(crate) type Download = (Object, StreamReader<u8>, FutureReader<Result<(), Failure>>);

fn conditions<'a>(mut call: Call<'a>, options: &'a GetOptions) -> Call<'a> {
    call.headers.extend(options.if_match.iter().map(|etag| ("if-match".to_owned(), format!("\"{etag}\""))));
    call.query.extend(options.version.as_deref().map(|version| ("versionid", version)));
    call
}

pub(crate) async fn get(client: &Client, place: Place<'_>, asked: Option<ByteRange>, options: &GetOptions) -> Outcome<Download> {
    if let Some(range) = asked.as_ref().filter(|range| range.length == Some(0)) {
        return nothing(client, place, range.offset, options).await;
    }
    if let Some(range) = asked.as_ref().filter(|range| range.offset > MAX_OBJECT_BYTES) {
        // Numbers beyond 53 or 63 bits are read as something else by some services.
        let object = head(client, place, options).await?;
        return Err(beyond(range.offset, object.size));
    }
    let mut call = conditions(Call::blob("GET", place), options);
    let header = asked.as_ref().and_then(range::header_value);
    call.headers.extend(header.iter().map(|range| ("x-ms-range".to_owned(), range.clone())));
    let response = match client.download(&call).await? {
        Ok(response) => response,
        // An empty blob has no byte a range could begin at.
        Err(refusal) if refusal.status == 416 && asked.as_ref().is_some_and(|range| range.offset == 0) => {
            call.headers.retain(|(name, _)| name != "x-ms-range");
            let whole = client.download(&call).await?.map_err(|refusal| client.failed(&refusal, &call))?;
            return answer(place, whole);
        }
        Err(refusal) => return Err(client.failed(&refusal, &call)),
    };
    if let Some(range) = asked.as_ref().filter(|_| header.is_some()) {
        range::check(range, response.status, &response.headers)?;
    }
    let download = answer(place, response)?;
    match asked {
        // Azurite answers a range that begins at the very end with no bytes.
        Some(range) if range.offset > 0 && range.offset >= download.0.size => Err(beyond(range.offset, download.0.size)),
        _ => Ok(download),
    }
}

fn beyond(offset: u64, size: u64) -> Failure {
    invalid(format!("the range begins at {offset}, the blob has {size} bytes"))
}

/// HTTP has no range of no bytes.
async fn nothing(client: &Client, place: Place<'_>, offset: u64, options: &GetOptions) -> Outcome<Download> {
    let object = head(client, place, options).await?;
    if offset > 0 && offset >= object.size {
        return Err(beyond(offset, object.size));
    }
    let (_, body) = wit_stream::new::<u8>();
    let (_, end) = wit_future::new::<Result<(), Failure>>(|| Ok(()));
    Ok((object, body, end))
}

fn answer((_, key): Place<'_>, response: Response) -> Outcome<Download> {
    expected(&response.headers, "etag")?;
    let object = attributes::object(key, &response.headers)?;
    Ok((object, response.body, response.end))
}

pub(crate) async fn head(client: &Client, place: Place<'_>, options: &GetOptions) -> Outcome<Object> {
    let call = conditions(Call::blob("HEAD", place), options);
    let reply = client.exchange(&call, None).await?;
    expected(&reply.headers, "etag")?;
    attributes::object(place.1, &reply.headers)
}
