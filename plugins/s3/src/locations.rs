//! Buckets: listed, made, removed; how much they hold where a service says so.

use capstan_sdk::failure::{invalid, malformed};
use capstan_sdk::http::header;
use capstan_sdk::text::unpercent;
use capstan_sdk::types::{Consumption, Location};
use capstan_sdk::xml;
use capstan_sdk::{NamedValue, Outcome};

use crate::client::{Call, Client};
use crate::config::is_aws;

/// Pages of buckets that are read; AWS gives 10,000 a page at most.
const MAX_PAGES: usize = 100;

pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.contains(['/', '\\'])
        && !name.chars().any(char::is_control)
        && name != "."
        && name != ".."
}

pub(crate) async fn list(client: &Client) -> Outcome<Vec<Location>> {
    if !client.config.buckets.is_empty() {
        let location = |name: &String| Location { name: name.clone(), created: None, extras: Vec::new() };
        return Ok(client.config.buckets.iter().map(location).collect());
    }
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let mut call = Call::service("GET");
        call.query.extend(token.as_deref().map(|token| ("continuation-token", token)));
        let root = xml::parse(&client.exchange(&call, None).await?.body)?;
        let buckets =
            root.child("Buckets").ok_or_else(|| malformed("the target answered no list of buckets", root.name.clone()))?;
        for bucket in buckets.children("Bucket") {
            let name = bucket.text_of("Name").ok_or_else(|| malformed("the target listed a bucket without a name", ""))?;
            let created = bucket.text_of("CreationDate").and_then(capstan_sdk::time::iso);
            found.push(Location { name: unpercent_plain(name), created, extras: Vec::new() });
        }
        token = root.text_of("ContinuationToken").map(str::to_owned);
        if token.is_none() {
            return Ok(found);
        }
    }
    Err(malformed("the target's list of buckets does not end", ""))
}

/// Bucket names hold no percent signs; a few services encode them all the same.
fn unpercent_plain(name: &str) -> String {
    if name.contains('%') { unpercent(name) } else { name.to_owned() }
}

/// One that is there already and ours is a success: the answer to the first attempt may have been lost.
pub(crate) async fn create(client: &Client, name: &str, extras: &[NamedValue]) -> Outcome<Location> {
    check(name)?;
    let region = match capstan_sdk::find(extras, "location-constraint") {
        Some(region) => Some(region),
        None => Some(client.config.region.as_str()).filter(|region| is_aws(&client.endpoint) && *region != "us-east-1"),
    };
    let document = region.map(|region| {
        format!(
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>",
            xml::escape(region).unwrap_or_default()
        )
    });
    let call = Call::bucket("PUT", name);
    match client.ask(&call, document.as_deref().map(str::as_bytes)).await? {
        Ok(_) => {}
        Err(refusal) if refusal.code == "BucketAlreadyOwnedByYou" => {}
        // Some services say only that it exists; whether it is ours shows in whether we may look into it.
        Err(refusal) if refusal.status == 409 && client.exchange(&Call::bucket("HEAD", name), None).await.is_ok() => {}
        Err(refusal) => return Err(refusal.failure(&call.subject())),
    }
    Ok(Location { name: name.to_owned(), created: None, extras: Vec::new() })
}

pub(crate) async fn delete(client: &Client, name: &str) -> Outcome<()> {
    check(name)?;
    client.exchange(&Call::bucket("DELETE", name), None).await.map(drop)
}

fn check(name: &str) -> Outcome<()> {
    if is_name(name) { Ok(()) } else { Err(invalid("a bucket has a name of 1 to 255 characters without slashes")) }
}

/// S3 has no cheap answer; Ceph's gateway gives one with every look at a bucket.
pub(crate) async fn usage(client: &Client, location: Option<&str>) -> Outcome<Consumption> {
    let nothing = Consumption { used: None, capacity: None, objects: None, extras: Vec::new() };
    let Some(name) = location else { return Ok(nothing) };
    let reply = client.exchange(&Call::bucket("HEAD", name), None).await?;
    let number = |name| header(&reply.headers, name).and_then(|text| text.trim().parse::<u64>().ok());
    Ok(Consumption { used: number("x-rgw-bytes-used"), objects: number("x-rgw-object-count"), ..nothing })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_leave_its_place_in_the_path_is_refused() {
        for name in ["", ".", "..", "a/b", "a\\b", "a\nb"] {
            assert!(check(name).is_err(), "{name:?}");
        }
        assert!(check("Bucket.1_x").is_ok());
    }
}
