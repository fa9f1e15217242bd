//! Gets objects, looks at them and asks for cold ones.

use capstan_sdk::failure::{Failure, invalid};
use capstan_sdk::http::{Response, expected};
use capstan_sdk::types::{ByteRange, GetOptions, Object};
use capstan_sdk::{FutureReader, NamedValue, Outcome, StreamReader, range};

use crate::client::{Call, Client};
use crate::parts::MAX_OBJECT_BYTES;
use crate::world::{wit_future, wit_stream};
use crate::{attributes, ranges};

pub(crate) type Download = (Object, StreamReader<u8>, FutureReader<Result<(), Failure>>);

fn conditions<'a>(mut call: Call<'a>, options: &'a GetOptions) -> Call<'a> {
    call.headers.extend(options.if_match.iter().map(|etag| ("if-match".to_owned(), format!("\"{etag}\""))));
    call.query.extend(options.version.as_deref().map(|version| ("versionId", version)));
    call
}

pub(crate) async fn get(
    client: &Client,
    location: &str,
    key: &str,
    range: Option<ByteRange>,
    options: &GetOptions,
) -> Outcome<Download> {
    if let Some(range) = range.as_ref().filter(|range| range.length == Some(0)) {
        return nothing(client, location, key, range.offset, options).await;
    }
    if let Some(range) = range.as_ref().filter(|range| range.offset > MAX_OBJECT_BYTES) {
        // Numbers beyond 63 bits are read as something else by some services.
        head(client, location, key, options).await?;
        return Err(invalid(format!("the range begins at {}, no object is that large", range.offset)));
    }
    let mut call = conditions(Call::object("GET", location, key), options);
    let asked = range.as_ref().and_then(range::header_value);
    call.headers.extend(asked.iter().map(|range| ("range".to_owned(), range.clone())));
    let response = match client.download(&call).await? {
        Ok(response) => response,
        // An empty object has no byte a range could begin at.
        Err(refusal) if refusal.status == 416 && range.as_ref().is_some_and(|range| range.offset == 0) => {
            return whole(client, conditions(Call::object("GET", location, key), options), key).await;
        }
        Err(refusal) => return Err(refusal.failure(&call.subject())),
    };
    if let Some(range) = range.as_ref().filter(|_| asked.is_some()) {
        let checked = range::check(range, response.status, &response.headers);
        match &checked {
            Ok(()) if response.status == 206 => ranges::seen(true).await,
            Err(Failure::Unsupported(_)) => ranges::seen(false).await,
            _ => {}
        }
        checked?;
    }
    answer(client, key, response)
}

async fn whole(client: &Client, call: Call<'_>, key: &str) -> Outcome<Download> {
    let response = client.download(&call).await?.map_err(|refusal| refusal.failure(&call.subject()))?;
    answer(client, key, response)
}

/// HTTP has no range of no bytes.
async fn nothing(client: &Client, location: &str, key: &str, offset: u64, options: &GetOptions) -> Outcome<Download> {
    let object = head(client, location, key, options).await?;
    if offset > object.size || (offset == object.size && offset > 0) {
        return Err(invalid(format!("the range begins at {offset}, the object has {} bytes", object.size)));
    }
    let (_, body) = wit_stream::new::<u8>();
    let (_, end) = wit_future::new::<Result<(), Failure>>(|| Ok(()));
    Ok((object, body, end))
}

fn answer(client: &Client, key: &str, response: Response) -> Outcome<Download> {
    tagged(&response.headers)?;
    let object = attributes::object(client, key, &response.headers)?;
    Ok((object, response.body, response.end))
}

pub(crate) async fn head(client: &Client, location: &str, key: &str, options: &GetOptions) -> Outcome<Object> {
    let call = conditions(Call::object("HEAD", location, key), options);
    let reply = client.exchange(&call, None).await?;
    tagged(&reply.headers)?;
    attributes::object(client, key, &reply.headers)
}

/// Every object of S3 has a tag. An answer without one comes from somebody else: a portal, a proxy's own page.
pub(crate) fn tagged(headers: &[(String, String)]) -> Outcome<()> {
    expected(headers, "etag").map(drop)
}

/// Asking twice is asking once: a restore under way, or done, is a success.
pub(crate) async fn restore(client: &Client, location: &str, key: &str, days: u32, extras: &[NamedValue]) -> Outcome<Object> {
    let tier = capstan_sdk::find(extras, "tier").unwrap_or("Standard");
    let tier = capstan_sdk::xml::escape(tier).unwrap_or_default();
    let document = format!(
        "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Days>{}</Days>\
         <GlacierJobParameters><Tier>{tier}</Tier></GlacierJobParameters></RestoreRequest>",
        days.max(1)
    );
    let call = Call::object("POST", location, key).query("restore", "").header("content-type", "application/xml");
    match client.ask(&call, Some(document.as_bytes())).await? {
        Ok(_) => {}
        Err(refusal) if refusal.code == "RestoreAlreadyInProgress" => {}
        Err(refusal) => {
            let look = head(client, location, key, &GetOptions { if_match: None, version: None, extras: Vec::new() }).await;
            return match look {
                // What is not cold needs no restore, and some services say so with an error.
                Ok(object) if capstan_sdk::find(&object.extras, "archive-state") != Some("archived") => Ok(object),
                _ => Err(refusal.failure(&call.subject())),
            };
        }
    }
    head(client, location, key, &GetOptions { if_match: None, version: None, extras: Vec::new() }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_a_tag_is_nobodys_object() {
        assert!(tagged(&[("ETag".to_owned(), "\"abc\"".to_owned())]).is_ok());
        assert!(tagged(&[]).is_err_and(|failure| matches!(failure, Failure::Unavailable(_))));
    }
}
