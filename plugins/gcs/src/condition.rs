//! Preconditions, as generations: the number of an object's state. The contract's tag and version are this number.

use capstan_sdk::Outcome;
use capstan_sdk::failure::conflict;
use capstan_sdk::http::Headers;
use capstan_sdk::types::PutOptions;

/// What must be at a place for a change to be made there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    None,
    /// 0: nothing.
    Generation(u64),
}

impl Condition {
    /// `what`: of whom a tag that cannot be any object's is a conflict.
    pub(crate) fn of(options: &PutOptions, what: &str) -> Outcome<Self> {
        match (&options.if_match, options.if_absent) {
            (_, true) => Ok(Self::Generation(0)),
            (None, false) => Ok(Self::None),
            (Some(etag), false) => Ok(Self::Generation(generation(etag, what)?)),
        }
    }

    pub(crate) fn holds(self) -> bool {
        self != Self::None
    }

    /// For a request of the XML API.
    pub(crate) fn add_header(self, headers: &mut Headers) {
        if let Self::Generation(generation) = self {
            headers.push(("x-goog-if-generation-match".to_owned(), generation.to_string()));
        }
    }
}

/// The number in a tag that this plugin gave.
pub(crate) fn generation(etag: &str, what: &str) -> Outcome<u64> {
    // Nothing has the generation 0, so asking for it would mean another thing.
    etag.parse().ok().filter(|number| *number > 0).ok_or_else(|| conflict(format!("{what} is not in the expected state")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(if_match: Option<&str>, if_absent: bool) -> PutOptions {
        PutOptions {
            content_type: None,
            if_match: if_match.map(str::to_owned),
            if_absent,
            metadata: Vec::new(),
            checksums: Vec::new(),
            extras: Vec::new(),
        }
    }

    #[test]
    fn nothing_there_is_generation_zero() {
        assert_eq!(Condition::of(&options(None, true), "o").unwrap(), Condition::Generation(0));
        assert_eq!(Condition::of(&options(Some("17"), false), "o").unwrap(), Condition::Generation(17));
        assert_eq!(Condition::of(&options(None, false), "o").unwrap(), Condition::None);
    }

    #[test]
    fn a_tag_that_is_no_generation_matches_nothing() {
        for etag in ["", "0", "abc", "-1", "CJ3o=="] {
            assert!(matches!(Condition::of(&options(Some(etag), false), "o"), Err(capstan_sdk::Failure::Conflict(_))), "{etag}");
        }
    }
}
