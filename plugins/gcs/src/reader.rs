//! Gets objects and looks at them.

use capstan_sdk::failure::{Failure, malformed};
use capstan_sdk::http::{Response, header};
use capstan_sdk::types::{ByteRange, GetOptions, Object};
use capstan_sdk::{FutureReader, Outcome, StreamReader};

use crate::attributes;
use crate::client::{Call, Client, Place, Sent};
use crate::condition::generation;
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

/// "bytes=5-9"; none for the whole object.
fn range_header(range: &ByteRange) -> Option<String> {
    match (range.offset, range.length) {
        (0, None) => None,
        (offset, None) => Some(format!("bytes={offset}-")),
        (offset, Some(length)) => Some(format!("bytes={offset}-{}", offset.saturating_add(length).saturating_sub(1))),
    }
}

pub(crate) async fn get(client: &Client, place: Place<'_>, range: Option<ByteRange>, options: &GetOptions) -> Outcome<Download> {
    let mut asked = call("GET", place, options)?;
    let range = range.filter(|range| range.length != Some(0));
    let bytes = range.as_ref().and_then(range_header);
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
        check_range(&range, &response)?;
    }
    let object = attributes::object(place.1, &response.headers)?;
    Ok((object, response.body, response.end))
}

/// Whatever stands between may ignore a range and send everything; those bytes would land in the wrong place.
fn check_range(range: &ByteRange, response: &Response) -> Outcome<()> {
    let begins = match response.status {
        206 => header(&response.headers, "content-range")
            .and_then(|text| text.trim().strip_prefix("bytes "))
            .and_then(|text| text.split_once('-'))
            .and_then(|(from, _)| from.trim().parse::<u64>().ok()),
        _ => Some(0).filter(|_| holds_all(range, &response.headers)),
    };
    if begins == Some(range.offset) {
        return Ok(());
    }
    Err(malformed("the service answered another range than was asked for", format!("{begins:?} for {}", range.offset)))
}

/// The whole object is no more than was asked for.
fn holds_all(range: &ByteRange, headers: &[(String, String)]) -> bool {
    let size = header(headers, "content-length").and_then(|text| text.trim().parse::<u64>().ok());
    range.offset == 0 && matches!((size, range.length), (Some(size), Some(length)) if size <= length)
}

pub(crate) async fn head(client: &Client, place: Place<'_>, options: &GetOptions) -> Outcome<Object> {
    let call = call("HEAD", place, options)?;
    let reply = client.exchange(&call, Sent::Nothing).await?;
    attributes::object(place.1, &reply.headers)
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
    fn the_whole_is_an_answer_only_to_who_asked_for_it() {
        let headers = vec![("content-length".to_owned(), "10".to_owned())];
        assert!(holds_all(&ByteRange { offset: 0, length: Some(10) }, &headers));
        assert!(!holds_all(&ByteRange { offset: 0, length: Some(9) }, &headers));
        assert!(!holds_all(&ByteRange { offset: 1, length: Some(10) }, &headers));
    }
}
