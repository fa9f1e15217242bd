//! Gets objects and looks at them. Large ones are put together by the service, so they are read like any other.

use capstan_sdk::failure::{Failure, invalid};
use capstan_sdk::http::{Reply, Response};
use capstan_sdk::types::{ByteRange, GetOptions, Object};
use capstan_sdk::{FutureReader, Outcome, StreamReader, range};

use crate::attributes;
use crate::call::Call;
use crate::client::Client;
use crate::uploads::MAX_OBJECT_BYTES;
use crate::world::{wit_future, wit_stream};

pub(crate) type Download = (Object, StreamReader<u8>, FutureReader<Result<(), Failure>>);

fn conditions<'a>(mut call: Call<'a>, options: &'a GetOptions) -> Call<'a> {
    call.headers.extend(options.if_match.iter().map(|etag| ("if-match".to_owned(), format!("\"{etag}\""))));
    match options.version.as_deref() {
        Some(version) => call.query("version-id", version),
        None => call,
    }
}

pub(crate) async fn get(
    client: &Client,
    location: &str,
    key: &str,
    range: Option<&ByteRange>,
    options: &GetOptions,
) -> Outcome<Download> {
    let fetch = async |options: &GetOptions| fetch(client, location, key, range, options).await;
    decided_by_tag(options, fetch, |(object, ..)| object).await
}

/// Ceph's gateway shows a large object's own tag and holds a condition against its manifest's. Where it refuses, the tag that comes with
/// the answer decides.
async fn decided_by_tag<T>(
    options: &GetOptions,
    ask: impl AsyncFn(&GetOptions) -> Outcome<T>,
    object: impl Fn(&T) -> &Object,
) -> Outcome<T> {
    match ask(options).await {
        Err(refused @ Failure::Conflict(_)) if options.if_match.is_some() => {
            let found = ask(&GetOptions { if_match: None, ..options.clone() }).await?;
            if object(&found).etag == options.if_match { Ok(found) } else { Err(refused) }
        }
        outcome => outcome,
    }
}

async fn fetch(client: &Client, location: &str, key: &str, range: Option<&ByteRange>, options: &GetOptions) -> Outcome<Download> {
    if let Some(range) = range.filter(|range| range.length == Some(0)) {
        return nothing(client, location, key, range.offset, options).await;
    }
    if let Some(range) = range.filter(|range| range.offset > MAX_OBJECT_BYTES) {
        // Numbers beyond 63 bits are read as something else by some services.
        describe(client, location, key, options).await?;
        return Err(invalid(format!("the range begins at {}, no object is that large", range.offset)));
    }
    let call = || conditions(Call::object("GET", location, key), options);
    let asked = range.and_then(range::header_value);
    let ranged = match &asked {
        Some(range) => call().header("range", range),
        None => call(),
    };
    let response = match client.download(&ranged).await? {
        Ok(response) => response,
        // An empty object has no byte a range could begin at.
        Err(refusal) if refusal.status == 416 && range.is_some_and(|range| range.offset == 0) => {
            let response = client.download(&call()).await?.map_err(|refusal| refusal.failure(&call()))?;
            return answer(key, response);
        }
        Err(refusal) => return Err(refusal.failure(&ranged)),
    };
    if let Some(range) = range.filter(|_| asked.is_some()) {
        range::check(range, response.status, &response.headers)?;
    }
    answer(key, response)
}

fn answer(key: &str, response: Response) -> Outcome<Download> {
    let object = attributes::object(key, &response.headers)?;
    Ok((object, response.body, response.end))
}

/// HTTP has no range of no bytes.
async fn nothing(client: &Client, location: &str, key: &str, offset: u64, options: &GetOptions) -> Outcome<Download> {
    let object = describe(client, location, key, options).await?;
    if offset > object.size || (offset == object.size && offset > 0) {
        return Err(invalid(format!("the range begins at {offset}, the object has {} bytes", object.size)));
    }
    let (_, body) = wit_stream::new::<u8>();
    let (_, end) = wit_future::new::<Result<(), Failure>>(|| Ok(()));
    Ok((object, body, end))
}

pub(crate) async fn head(client: &Client, location: &str, key: &str, options: &GetOptions) -> Outcome<Object> {
    let describe = async |options: &GetOptions| describe(client, location, key, options).await;
    decided_by_tag(options, describe, |object| object).await
}

async fn describe(client: &Client, location: &str, key: &str, options: &GetOptions) -> Outcome<Object> {
    let call = conditions(Call::object("HEAD", location, key), options);
    let reply = client.exchange(&call, None).await?;
    attributes::object(key, &reply.headers)
}

/// The head as it came, of the newest replica that is reached; none: there is no such object.
pub(crate) async fn look(client: &Client, location: &str, key: &str) -> Outcome<Option<Reply>> {
    match client.exchange(&Call::object("HEAD", location, key).header("x-newest", "true"), None).await {
        Ok(reply) => Ok(Some(reply)),
        Err(Failure::NotFound(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_holds_its_tag_and_its_version() {
        let options = GetOptions { if_match: Some("e".to_owned()), version: Some("1.2".to_owned()), extras: Vec::new() };
        let call = conditions(Call::object("GET", "c", "k"), &options);
        assert!(call.is_conditional() && call.headers == [("if-match".to_owned(), "\"e\"".to_owned())]);
    }
}
