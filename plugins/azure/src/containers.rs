//! Containers: listed, made, removed when they are empty.

use capstan_sdk::Outcome;
use capstan_sdk::failure::{conflict, invalid, malformed, unclear};
use capstan_sdk::types::Location;
use capstan_sdk::xml;

use crate::call::Call;
use crate::client::Client;

/// Pages of containers that are read, of up to 5,000.
const MAX_PAGES: usize = 100;

fn location(name: &str) -> Location {
    Location { name: name.to_owned(), created: None, extras: Vec::new() }
}

pub(crate) async fn list(client: &Client) -> Outcome<Vec<Location>> {
    if !client.config.containers.is_empty() {
        return Ok(client.config.containers.iter().map(|name| location(name)).collect());
    }
    let mut found = Vec::new();
    let mut marker: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let mut call = Call::service("GET").query("comp", "list");
        call.query.extend(marker.as_deref().map(|marker| ("marker", marker)));
        let root = xml::parse(&client.exchange(&call, None).await?.body)?;
        let containers =
            root.child("Containers").ok_or_else(|| malformed("the target answered no list of containers", root.name.clone()))?;
        for container in containers.children("Container") {
            let name = container.text_of("Name").ok_or_else(|| malformed("the target listed a container without a name", ""))?;
            found.push(location(name));
        }
        let next = root.text_of("NextMarker").map(str::to_owned);
        if next.is_none() || next == marker {
            return Ok(found);
        }
        marker = next;
    }
    Err(malformed("the target's list of containers does not end", ""))
}

/// What the service says of names, so that its refusal is told in its own words and nothing is sent.
fn is_new_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let named = (3..=63).contains(&name.len())
        && name.bytes().all(|byte| plain(byte) || byte == b'-')
        && name.bytes().next().is_some_and(plain)
        && name.bytes().next_back().is_some_and(plain)
        && !name.contains("--");
    named || matches!(name, "$root" | "$web")
}

/// One that is there already is a success: an account's containers are all its own, and the first answer may have been lost.
pub(crate) async fn create(client: &Client, name: &str) -> Outcome<Location> {
    if !is_new_name(name) {
        return Err(invalid(format!("the target does not allow the name {name:?} for a container"))
            .next_step("Use 3 to 63 lower-case letters, digits and single hyphens."));
    }
    let call = Call::container("PUT", name);
    match client.ask(&call, None).await.map_err(unclear)? {
        Ok(_) => {}
        Err(refusal) if refusal.code == "ContainerAlreadyExists" => {}
        Err(refusal) => return Err(unclear(client.failed(&refusal, &call))),
    }
    Ok(location(name))
}

/// The service deletes a container with all that is in it, so a look comes first; versions and snapshots count as something.
pub(crate) async fn delete(client: &Client, name: &str) -> Outcome<()> {
    if holds_something(client, name).await? {
        return Err(conflict(format!("container {name:?} is not empty")));
    }
    let call = Call::container("DELETE", name);
    match client.ask(&call, None).await.map_err(unclear)? {
        Ok(_) => Ok(()),
        Err(refusal) => Err(unclear(client.failed(&refusal, &call))),
    }
}

async fn holds_something(client: &Client, name: &str) -> Outcome<bool> {
    // An account that has no versions may refuse the word.
    for include in ["snapshots,versions", "snapshots"] {
        let call = Call::container("GET", name).query("comp", "list").query("maxresults", "1").query("include", include);
        let reply = match client.ask(&call, None).await? {
            Ok(reply) => reply,
            Err(refusal) if refusal.status == 400 && include != "snapshots" => continue,
            Err(refusal) => return Err(client.failed(&refusal, &call)),
        };
        let root = xml::parse(&reply.body)?;
        let blobs = root.child("Blobs").ok_or_else(|| malformed("the target answered no list of blobs", root.name.clone()))?;
        // A page may be empty and not the last.
        return Ok(blobs.children("Blob").next().is_some() || root.text_of("NextMarker").is_some());
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_container_has_a_name_the_service_allows() {
        for name in ["abc", "a-1", "0ab", "$root"] {
            assert!(is_new_name(name), "{name}");
        }
        for name in ["ab", "Abc", "a_b", "-ab", "ab-", "a--b", "a/b", &"a".repeat(64)] {
            assert!(!is_new_name(name), "{name}");
        }
    }
}
