//! Gets objects and looks at them. Large ones are put together by the service, so they are read like any other.

use capstan_sdk::failure::{Failure, malformed, unsupported};
use capstan_sdk::http::{Reply, Response, header};
use capstan_sdk::types::{ByteRange, GetOptions, Object};
use capstan_sdk::{FutureReader, Outcome, StreamReader};

use crate::attributes;
use crate::client::{Call, Client};

pub(crate) type Download = (Object, StreamReader<u8>, FutureReader<Result<(), Failure>>);

fn conditions<'a>(mut call: Call<'a>, options: &'a GetOptions) -> Call<'a> {
    call.headers.extend(options.if_match.iter().map(|etag| ("if-match".to_owned(), format!("\"{etag}\""))));
    match options.version.as_deref() {
        Some(version) => call.query("version-id", version),
        None => call,
    }
}

/// "bytes=5-9"; none for the whole object.
fn range_header(range: &ByteRange) -> Option<String> {
    match (range.offset, range.length) {
        (0, None) => None,
        (offset, None) => Some(format!("bytes={offset}-")),
        (offset, Some(length)) => Some(format!("bytes={offset}-{}", offset.saturating_add(length).saturating_sub(1))),
    }
}

pub(crate) async fn get(
    client: &Client,
    location: &str,
    key: &str,
    range: Option<ByteRange>,
    options: &GetOptions,
) -> Outcome<Download> {
    let call = || conditions(Call::object("GET", location, key), options);
    let asked = range.as_ref().filter(|range| range.length != Some(0)).and_then(range_header);
    let ranged = match &asked {
        Some(range) => call().header("range", range),
        None => call(),
    };
    let response = match client.download(&ranged).await? {
        Ok(response) => response,
        // An empty object has no byte a range could begin at.
        Err(refusal) if refusal.status == 416 && range.as_ref().is_some_and(|range| range.offset == 0) => {
            let response = client.download(&call()).await?.map_err(|refusal| refusal.failure(&call()))?;
            return answer(key, response);
        }
        Err(refusal) => return Err(refusal.failure(&ranged)),
    };
    if asked.is_some()
        && let Some(range) = &range
    {
        check_range(range, &response)?;
    }
    answer(key, response)
}

fn answer(key: &str, response: Response) -> Outcome<Download> {
    let object = attributes::object(key, &response.headers)?;
    Ok((object, response.body, response.end))
}

/// A proxy on the way may ignore a range and send everything; those bytes would land in the wrong place.
fn check_range(range: &ByteRange, response: &Response) -> Outcome<()> {
    if response.status != 206 {
        let size = header(&response.headers, "content-length").and_then(|text| text.trim().parse::<u64>().ok());
        let is_whole = matches!((size, range.length), (Some(size), Some(length)) if size <= length);
        return match range.offset == 0 && is_whole {
            true => Ok(()),
            false => Err(unsupported("the target answers a range with the whole object").code("no-ranges")),
        };
    }
    let begins = header(&response.headers, "content-range")
        .and_then(|text| text.trim().strip_prefix("bytes "))
        .and_then(|text| text.split_once('-'))
        .and_then(|(from, _)| from.trim().parse::<u64>().ok());
    match begins {
        Some(offset) if offset == range.offset => Ok(()),
        other => {
            Err(malformed("the target answered another range than was asked for", format!("{other:?} for {}", range.offset)))
        }
    }
}

pub(crate) async fn head(client: &Client, location: &str, key: &str, options: &GetOptions) -> Outcome<Object> {
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
    fn a_range_is_written_with_its_last_byte() {
        let header = |offset, length| range_header(&ByteRange { offset, length });
        assert_eq!(header(0, None), None);
        assert_eq!(header(7, None).unwrap(), "bytes=7-");
        assert_eq!(header(5, Some(5)).unwrap(), "bytes=5-9");
    }

    #[test]
    fn a_read_holds_its_tag_and_its_version() {
        let options = GetOptions { if_match: Some("e".to_owned()), version: Some("1.2".to_owned()), extras: Vec::new() };
        let call = conditions(Call::object("GET", "c", "k"), &options);
        assert!(call.is_conditional() && call.headers == [("if-match".to_owned(), "\"e\"".to_owned())]);
    }
}
