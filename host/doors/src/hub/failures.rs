//! Failures of the host in the words of this dialect: what kind of error it is, and the field at fault.

use capstan_api_hub::{Error, Reason};
use capstan_domain::failure::{Blame, Failure, Kind};

use crate::telling::{pause_seconds, sentence};

/// Codes of the host, and the fields of a body that they point at.
pub(super) type Fields = &'static [(&'static str, &'static str)];

/// A failure that no single call explains better.
pub(super) fn error(failure: Failure) -> Error {
    let message = sentence(&failure);
    match failure.kind {
        Kind::NotFound => Error::new(Reason::NotFound, message),
        Kind::AlreadyExists => Error::field("name", message),
        Kind::Invalid => Error::non_field(message),
        Kind::Conflict | Kind::Cancelled => Error::new(Reason::Conflict, message),
        Kind::Denied if failure.blame != Blame::Target => Error::new(Reason::Forbidden, message),
        Kind::Unsupported => Error::new(Reason::Unsupported, message),
        Kind::Busy => Error::new(Reason::Busy, message).retry_after(Some(pause_seconds(&failure))),
        Kind::Unavailable | Kind::Offline if failure.blame == Blame::Host => {
            Error::new(Reason::Unavailable, message).retry_after(Some(pause_seconds(&failure)))
        }
        // The caller was let in at the door; it is the storage that refuses its credentials.
        Kind::Denied | Kind::Unauthenticated => Error::new(Reason::Storage, message),
        Kind::Unavailable | Kind::Offline | Kind::Corrupt | Kind::PluginFault => Error::new(Reason::Storage, message),
        Kind::TimedOut => Error::new(Reason::TimedOut, message),
        Kind::NoSpace => Error::new(Reason::NoSpace, message),
        Kind::Other => {
            tracing::error!(%failure, detail = failure.detail.as_deref(), "a request failed for a fault of the host");
            Error::new(Reason::Fault, message)
        }
    }
}

/// A failure of what a body asked for: its code says which field.
pub(super) fn wrong_field(fields: Fields) -> impl FnOnce(Failure) -> Error {
    move |failure| {
        let code = failure.code.as_deref().unwrap_or_default();
        let field = fields.iter().find(|(known, _)| *known == code).map(|(_, field)| *field);
        match (failure.kind, field) {
            (Kind::Invalid | Kind::AlreadyExists, Some(field)) => Error::field(field, sentence(&failure)),
            _ => error(failure),
        }
    }
}

/// A failure of finding what a path named.
pub(super) fn missing(noun: &'static str) -> impl FnOnce(Failure) -> Error {
    missing_or(noun, &[])
}

/// A failure of changing what a path named to what a body asked for.
pub(super) fn missing_or(noun: &'static str, fields: Fields) -> impl FnOnce(Failure) -> Error {
    move |failure| match failure.kind {
        Kind::NotFound => Error::not_found(noun),
        _ => wrong_field(fields)(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_is_never_a_fault_of_the_host() {
        for kind in [Kind::NotFound, Kind::AlreadyExists, Kind::Invalid, Kind::Denied, Kind::Conflict, Kind::Unsupported] {
            assert_ne!(error(Failure::new(kind, "x")).reason, Reason::Fault, "{kind}");
        }
        let fault = error(Failure::host("x", "secret detail"));
        assert_eq!(fault, Error::new(Reason::Fault, "x"));
    }

    #[test]
    fn a_code_of_the_host_points_at_the_field() {
        let of = |failure: Failure| missing_or("user", &[("country", "profile.country"), ("taken", "username")])(failure);
        assert_eq!(of(Failure::invalid("x").with_code("country")), Error::field("profile.country", "x"));
        assert_eq!(of(Failure::new(Kind::AlreadyExists, "x").with_code("taken")), Error::field("username", "x"));
        assert_eq!(of(Failure::invalid("x")), Error::non_field("x"));
        assert_eq!(of(Failure::not_found("x").with_code("country")), Error::not_found("user"));
        assert_eq!(of(Failure::new(Kind::Conflict, "x").with_code("country")).reason, Reason::Conflict);
    }

    #[test]
    fn storage_that_refuses_is_told_from_a_caller_who_may_not() {
        let denied = |blame| error(Failure::new(Kind::Denied, "x").with_blame(blame)).reason;
        assert_eq!((denied(Blame::Caller), denied(Blame::Target)), (Reason::Forbidden, Reason::Storage));
    }
}
