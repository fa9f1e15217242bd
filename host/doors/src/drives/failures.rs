//! Failures of the host in the words of this dialect: what kind of error it is, and the field at fault.

use capstan_api_drives::{Error, Reason};
use capstan_domain::failure::{Blame, Failure, Kind};
use capstan_domain::ids::Uuid;

use crate::telling::{pause_seconds, sentence};

/// A failure that no single call explains better.
pub(super) fn error(failure: Failure) -> Error {
    let message = sentence(&failure);
    let code = failure.code.as_deref().unwrap_or_default();
    match failure.kind {
        Kind::NotFound => Error::new(Reason::NotFound, message),
        Kind::AlreadyExists => Error::invalid("name", message),
        Kind::Invalid => Error::invalid(field(code), message),
        Kind::Conflict | Kind::Cancelled | Kind::Unsupported => Error::not_permitted(message),
        Kind::Denied if failure.blame != Blame::Target => Error::not_permitted(message),
        Kind::Busy => Error::new(Reason::Concurrency, message).retry_after(Some(pause_seconds(&failure))),
        Kind::NoSpace => Error::new(Reason::NoCapacity, message),
        Kind::Unavailable | Kind::Offline | Kind::TimedOut => {
            Error::new(Reason::Unavailable, message).retry_after(Some(pause_seconds(&failure)))
        }
        // The caller was let in at the door; it is the storage that refuses its credentials.
        Kind::Denied | Kind::Unauthenticated | Kind::Corrupt | Kind::PluginFault => Error::new(Reason::Unavailable, message),
        Kind::Other => {
            tracing::error!(%failure, detail = failure.detail.as_deref(), "a request failed for a fault of the host");
            Error::new(Reason::Fault, message)
        }
    }
}

/// A failure of making a drive. That there is no room for it is said in the words that clients know.
pub(super) fn creation(failure: Failure) -> Error {
    let no_target = failure.kind == Kind::NoSpace && failure.code.as_deref() == Some("no-target");
    match failure.origin.plugin.clone().filter(|_| no_target) {
        Some(storage_type) => Error::no_capacity(&storage_type),
        None => error(failure),
    }
}

/// A failure of finding what a path or a list named.
pub(super) fn missing(noun: &'static str, uuid: Uuid) -> impl FnOnce(Failure) -> Error {
    move |failure| if failure.kind == Kind::NotFound { Error::not_found(noun, uuid) } else { error(failure) }
}

/// A failure of finding what a field of a body named.
pub(super) fn missing_in(field: &'static str, noun: &'static str, uuid: Uuid) -> impl FnOnce(Failure) -> Error {
    move |failure| match failure.kind {
        Kind::NotFound => Error::invalid(field, format!("There is no {noun} {uuid}")),
        _ => error(failure),
    }
}

/// The field that a code of the host points at; empty where it is no single one. Names are held to narrower bounds before.
fn field(code: &str) -> &'static str {
    match code {
        "storage-type" => "storage_type",
        "size-too-small" | "size-too-large" | "shrink" => "size",
        "tags" => "tags",
        "too-long" => "meta",
        "blank" => "name",
        "drives" => "drives",
        "too-large" => "amount",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_is_never_a_fault_of_the_host() {
        for kind in [Kind::NotFound, Kind::AlreadyExists, Kind::Invalid, Kind::Denied, Kind::Conflict, Kind::Unsupported] {
            let reason = error(Failure::new(kind, "x")).reason;
            assert!(matches!(reason, Reason::NotFound | Reason::Invalid | Reason::NotPermitted), "{kind}: {reason:?}");
        }
        let fault = error(Failure::host("x", "secret detail"));
        assert_eq!((fault.reason, fault.items[0].error_message.as_str()), (Reason::Fault, "x"));
    }

    #[test]
    fn a_code_of_the_host_points_at_the_field() {
        for (code, point) in [("storage-type", "storage_type"), ("shrink", "size"), ("size-too-large", "size"), ("tags", "tags")]
        {
            let error = error(Failure::invalid("x").with_code(code));
            assert_eq!(error.items[0].error_point.as_deref(), Some(point));
        }
        assert_eq!(error(Failure::invalid("x")).items[0].error_point, None);
    }

    #[test]
    fn a_storage_type_without_room_is_named_in_the_words_that_clients_know() {
        let failure = || Failure::new(Kind::NoSpace, "x").with_code("no-target");
        let named = creation(failure().at(|origin| origin.plugin = Some("nvme".to_owned())));
        assert_eq!(named, Error::no_capacity("nvme"));
        assert_eq!(creation(failure()).reason, Reason::NoCapacity);
        assert_eq!(creation(Failure::invalid("x").with_code("storage-type")).reason, Reason::Invalid);
    }
}
