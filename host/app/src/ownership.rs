//! Whose drives, snapshots, machines and tags they are: their owner's. Administrators see all; for anybody else, what belongs to
//! others is not there.

use capstan_domain::identity::Caller;
use capstan_domain::ids::UserId;
use capstan_domain::listing::{Filter, Listing, Operator};
use capstan_domain::{Failure, Outcome};
use serde_json::Value;

/// Bytes of a name.
const NAME_BYTES_MAX: usize = 1024;
/// Bytes of what a dialect keeps beside a noun.
const ATTRIBUTES_BYTES_MAX: usize = 64 << 10;

/// As if it were not there, where it is somebody else's.
pub(crate) fn seen(caller: &Caller, owner: UserId, noun: &str) -> Outcome<()> {
    if caller.is_administrator() || caller.user == owner { Ok(()) } else { Err(missing(noun)) }
}

pub(crate) fn missing(noun: &str) -> Failure {
    Failure::not_found(format!("there is no such {noun}")).with_code("not-found")
}

/// Of the list, what the caller sees.
pub(crate) fn visible(caller: &Caller, listing: Listing) -> Listing {
    if caller.is_administrator() { listing } else { listing.with("owner", Operator::Equal, caller.user) }
}

/// What is on its way out is shown to those who ask for that state, and to nobody else.
pub(crate) fn without_deleting(listing: Listing) -> Listing {
    if listing.filters.iter().any(|filter| filter.field == "state") {
        return listing;
    }
    listing.with("state", Operator::NotEqual, "deleting")
}

pub(crate) fn one_of<T: ToString>(mut listing: Listing, field: &str, values: impl IntoIterator<Item = T>) -> Listing {
    let values = values.into_iter().map(|value| value.to_string()).collect();
    listing.filters.push(Filter { field: field.to_owned(), operator: Operator::In, values });
    listing
}

/// Text for people: nothing refers to it, so it may hold all that prints.
pub(crate) fn check_name(name: &str) -> Outcome<()> {
    if name.is_empty() {
        return Err(Failure::invalid("a name cannot be empty").with_code("blank"));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(Failure::invalid(format!("a name has at most {NAME_BYTES_MAX} bytes")).with_code("too-long"));
    }
    if name.chars().any(char::is_control) {
        return Err(Failure::invalid("a name holds no control characters").with_code("invalid"));
    }
    Ok(())
}

pub(crate) fn check_attributes(attributes: &Value) -> Outcome<()> {
    if attributes.to_string().len() > ATTRIBUTES_BYTES_MAX {
        let message = format!("what is kept beside it has at most {ATTRIBUTES_BYTES_MAX} bytes");
        return Err(Failure::invalid(message).with_code("too-long"));
    }
    Ok(())
}
