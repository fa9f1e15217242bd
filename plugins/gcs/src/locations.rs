//! Buckets: listed, made, removed.

use capstan_sdk::failure::{invalid, malformed};
use capstan_sdk::types::{Consumption, Location};
use capstan_sdk::{NamedValue, Outcome};

use crate::api::{self, NewBucket};
use crate::client::{Call, Client, Sent, bucket_subject};

/// Pages of buckets that are read, of a thousand each.
const MAX_PAGES: usize = 100;

/// "Bucket naming guidelines" of the service's documentation, as far as they keep a name in its place.
pub(crate) fn is_name(name: &str) -> bool {
    (3..=222).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.'))
        && name
            .bytes()
            .next()
            .zip(name.bytes().last())
            .is_some_and(|(first, last)| first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric())
}

pub(crate) async fn list(client: &Client) -> Outcome<Vec<Location>> {
    if !client.config.buckets.is_empty() {
        let location = |name: &String| Location { name: name.clone(), created: None, extras: Vec::new() };
        return Ok(client.config.buckets.iter().map(location).collect());
    }
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let page = api::of(client).buckets(client, after.as_deref()).await?;
        found.extend(page.locations);
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
    Err(malformed("the service's list of buckets does not end", ""))
}

/// One that is there already and ours is a success: the answer to the first attempt may have been lost.
pub(crate) async fn create(client: &Client, name: &str, extras: &[NamedValue]) -> Outcome<Location> {
    check(name)?;
    let asked = |name| capstan_sdk::find(extras, name);
    let configured = |value: &Option<String>| value.as_deref().filter(|text| !text.is_empty()).map(str::to_owned);
    let location = asked("location-constraint").map(str::to_owned).or_else(|| configured(&client.config.location));
    let class = asked("storage-class").map(str::to_owned).or_else(|| configured(&client.config.storage_class));
    let bucket = NewBucket { name, location: location.as_deref(), class: class.as_deref() };
    match api::of(client).create(client, bucket).await? {
        Ok(()) => {}
        // Names are the whole world's: whether it is ours shows in the list of ours.
        Err(refusal) if refusal.status == 409 => {
            let ours = list(client).await?.iter().any(|location| location.name == name);
            if !ours {
                return Err(capstan_sdk::failure::already_exists(format!("somebody else has a {}", bucket_subject(name)))
                    .code(refusal.code));
            }
        }
        Err(refusal) => return Err(refusal.failure(&bucket_subject(name))),
    }
    Ok(Location { name: name.to_owned(), created: None, extras: Vec::new() })
}

pub(crate) async fn delete(client: &Client, name: &str) -> Outcome<()> {
    check(name)?;
    api::of(client).remove(client, name).await
}

fn check(name: &str) -> Outcome<()> {
    if is_name(name) {
        Ok(())
    } else {
        Err(invalid("a bucket has a name of 3 to 222 lower-case letters, digits, dots, dashes and underscores"))
    }
}

/// The service has no cheap answer: its figures are in another service, hours old.
pub(crate) async fn usage(client: &Client, location: Option<&str>) -> Outcome<Consumption> {
    if let Some(name) = location {
        let reply = client.exchange(&Call::bucket("GET", name).query("max-keys", "1"), Sent::Nothing).await?;
        crate::xml::document(&reply.body, crate::xml::LISTED)?;
    }
    Ok(Consumption { used: None, capacity: None, objects: None, extras: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_leave_its_place_in_the_path_is_refused() {
        for name in ["", ".", "..", "ab", "a/b/c", "Upper", "a\nbc", "-abc", "abc-", "a b c"] {
            assert!(check(name).is_err(), "{name:?}");
        }
        assert!(check("bucket.1_x-y").is_ok() && check(&"a".repeat(222)).is_ok());
    }
}
