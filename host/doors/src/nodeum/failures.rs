//! Failures of the host in the words of this dialect: which attribute is to blame, which code says it, and the sentence for people.

use capstan_api_nodeum::{Code, Error, Reason};
use capstan_domain::failure::{Blame, Failure, Kind};

use crate::telling::pause_seconds;

pub(super) use crate::telling::sentence;

/// A failure that no single attribute explains.
pub(super) fn error(failure: Failure) -> Error {
    let message = sentence(&failure);
    let code = failure.code.as_deref().unwrap_or_default();
    match failure.kind {
        Kind::NotFound => Error::new(Reason::NotFound, message),
        Kind::AlreadyExists => Error::because("name", Code::Taken, message),
        Kind::Invalid => invalid(code, message),
        Kind::Conflict if code == "in-use" => Error::refused(Code::Frozen, message),
        Kind::Conflict | Kind::Cancelled => Error::refused(Code::Invalid, message),
        // The caller was let in at the door; it is the storage that refuses its credentials.
        Kind::Unauthenticated => Error::refused(Code::Invalid, message),
        Kind::Denied if failure.blame == Blame::Target => Error::refused(Code::Invalid, message),
        Kind::Denied => Error::new(Reason::Forbidden, message),
        Kind::Unsupported => Error::new(Reason::Unsupported, message),
        Kind::Busy => Error::new(Reason::Busy, message).retry_after(Some(pause_seconds(&failure))),
        Kind::Unavailable | Kind::Offline if failure.blame == Blame::Host => {
            Error::new(Reason::Unavailable, message).retry_after(Some(pause_seconds(&failure)))
        }
        Kind::Unavailable | Kind::Offline | Kind::Corrupt | Kind::PluginFault => Error::new(Reason::Storage, message),
        Kind::TimedOut => Error::new(Reason::StorageTimedOut, message),
        Kind::NoSpace => Error::new(Reason::NoSpace, message),
        Kind::Other => {
            tracing::error!(%failure, detail = failure.detail.as_deref(), "a request failed for a fault of the host");
            Error::new(Reason::Fault, message)
        }
    }
}

/// A failure of finding what a path named.
pub(super) fn missing(attribute: &'static str, given: &str) -> impl FnOnce(Failure) -> Error {
    move |failure| if failure.kind == Kind::NotFound { Error::not_found(attribute, given) } else { error(failure) }
}

/// The attribute that a code of the host points at.
fn invalid(code: &str, message: String) -> Error {
    match code {
        "blank" => Error::refused(Code::Blank, message),
        "too-long" | "too-many" => Error::refused(Code::TooLong, message),
        "locations" => Error::because("cloud_bucket_ids", Code::Invalid, message),
        "quota-on-cache" => Error::because("quota_on_cache", Code::QuotaOnCache, message),
        "plugin" => Error::because("provider", Code::Invalid, message),
        "not-found" => Error::refused(Code::NotFound, message),
        _ => Error::refused(Code::Invalid, message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_is_never_a_fault_of_the_host() {
        for kind in [Kind::NotFound, Kind::AlreadyExists, Kind::Invalid, Kind::Unauthenticated, Kind::Denied, Kind::Conflict] {
            assert_ne!(error(Failure::new(kind, "x")).reason, Reason::Fault, "{kind}");
        }
        assert_eq!(error(Failure::host("x", "secret detail")).reason, Reason::Fault);
        assert_eq!(error(Failure::host("x", "secret detail")).body.messages, ["x"]);
    }

    #[test]
    fn the_next_step_is_told() {
        let failure = Failure::invalid("plugin azure is not installed").with_code("plugin").with_next_step("install it");
        let error = error(failure);
        assert_eq!(error.body.messages, ["plugin azure is not installed. To go on: install it"]);
        assert_eq!(error.body.details["provider"][0].error, Code::Invalid);
    }

    #[test]
    fn what_a_path_named_is_told_when_it_is_missing() {
        let error = missing("pool_id", "nobody")(Failure::not_found("there is no such pool"));
        assert_eq!(error.reason, Reason::NotFound);
        assert!(error.body.details.contains_key("pool_id"));
    }
}
