//! Gets blobs and looks at them.

use capstan_sdk::failure::Failure;
use capstan_sdk::http::Response;
use capstan_sdk::types::{ByteRange, GetOptions, Object};
use capstan_sdk::{FutureReader, Outcome, StreamReader, range};

use crate::attributes;
use crate::call::{Call, Place};
use crate::client::Client;

pub(crate) type Download = (Object, StreamReader<u8>, FutureReader<Result<(), Failure>>);

fn conditions<'a>(mut call: Call<'a>, options: &'a GetOptions) -> Call<'a> {
    call.headers.extend(options.if_match.iter().map(|etag| ("if-match".to_owned(), format!("\"{etag}\""))));
    call.query.extend(options.version.as_deref().map(|version| ("versionid", version)));
    call
}

pub(crate) async fn get(client: &Client, place: Place<'_>, asked: Option<ByteRange>, options: &GetOptions) -> Outcome<Download> {
    let mut call = conditions(Call::blob("GET", place), options);
    let asked = asked.filter(|range| range.length != Some(0));
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
    answer(place, response)
}

fn answer((_, key): Place<'_>, response: Response) -> Outcome<Download> {
    let object = attributes::object(key, &response.headers)?;
    Ok((object, response.body, response.end))
}

pub(crate) async fn head(client: &Client, place: Place<'_>, options: &GetOptions) -> Outcome<Object> {
    let call = conditions(Call::blob("HEAD", place), options);
    let reply = client.exchange(&call, None).await?;
    attributes::object(place.1, &reply.headers)
}
