//! Ranges of an object or a file: cut at its end; over HTTP, asked for (RFC 9110, section 14), and held against what came.

use crate::bindings::capstan::target::types::ByteRange;
use crate::failure::{Failure, Outcome, invalid, malformed, unsupported};
use crate::http::header;

/// The code of the failure, as the contract registers it.
const NO_RANGES: &str = "no-ranges";

/// The bytes from here to there that are read, cut at the end; `what` has so many bytes. A range that begins at the end, or beyond, is
/// `invalid`.
pub fn bounds(size: u64, range: Option<ByteRange>, what: &str) -> Outcome<(u64, u64)> {
    let Some(ByteRange { offset, length }) = range else { return Ok((0, size)) };
    if offset > size || (offset == size && size > 0) {
        return Err(invalid(format!("the range begins at {offset}, the {what} has {size} bytes")));
    }
    Ok((offset, length.map_or(size, |length| offset.saturating_add(length).min(size))))
}

/// "bytes=5-9"; none for the whole object.
pub fn header_value(range: &ByteRange) -> Option<String> {
    match (range.offset, range.length) {
        (0, None) => None,
        (offset, None) => Some(format!("bytes={offset}-")),
        // A last byte beyond 63 bits is read as something else by some services.
        (offset, Some(length)) => {
            let last = offset.saturating_add(length).saturating_sub(1).min(i64::MAX as u64);
            Some(format!("bytes={offset}-{last}"))
        }
    }
}

/// A server may ignore a range and send everything; those bytes would land in the wrong place. Then `unsupported`.
pub fn check(range: &ByteRange, status: u16, headers: &[(String, String)]) -> Outcome<()> {
    if status != 206 {
        return if range.offset == 0 && starts_whole(range, headers) { Ok(()) } else { Err(unanswered()) };
    }
    let begins = header(headers, "content-range")
        .and_then(|text| text.trim().strip_prefix("bytes "))
        .and_then(|text| text.split_once('-'))
        .and_then(|(from, _)| from.trim().parse::<u64>().ok());
    match begins {
        Some(offset) if offset == range.offset => Ok(()),
        other => {
            Err(malformed("the target answered another range than was asked for", format!("{other:?} for {}", range.offset)))
        }
    }
}

fn unanswered() -> Failure {
    unsupported("the target answers a range with the whole object").code(NO_RANGES)
}

fn starts_whole(range: &ByteRange, headers: &[(String, String)]) -> bool {
    let size = header(headers, "content-length").and_then(|text| text.trim().parse::<u64>().ok());
    matches!((size, range.length), (Some(size), Some(length)) if size <= length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_at_the_end_and_refused_beyond_it() {
        let bounds = |size, range: Option<(u64, Option<u64>)>| {
            super::bounds(size, range.map(|(offset, length)| ByteRange { offset, length }), "file").ok()
        };
        assert_eq!(bounds(10, None), Some((0, 10)));
        assert_eq!(bounds(10, Some((4, None))), Some((4, 10)));
        assert_eq!(bounds(10, Some((4, Some(100)))), Some((4, 10)));
        assert_eq!(bounds(10, Some((10, Some(1)))), None);
        assert_eq!(bounds(0, Some((0, None))), Some((0, 0)));
    }

    #[test]
    fn a_range_is_written_with_its_last_byte() {
        let header = |offset, length| header_value(&ByteRange { offset, length });
        assert_eq!(header(0, None), None);
        assert_eq!(header(7, None).as_deref(), Some("bytes=7-"));
        assert_eq!(header(5, Some(5)).as_deref(), Some("bytes=5-9"));
    }

    #[test]
    fn an_answer_that_begins_elsewhere_is_not_taken_for_the_range() {
        let range = |offset, length| ByteRange { offset, length };
        let headers = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        assert!(check(&range(5, Some(5)), 206, &headers("content-range", "bytes 5-9/100")).is_ok());
        assert!(matches!(check(&range(5, None), 206, &headers("content-range", "bytes 0-9/100")), Err(Failure::Unavailable(_))));
        assert!(check(&range(0, Some(100)), 200, &headers("content-length", "100")).is_ok());
        let whole = check(&range(5, Some(5)), 200, &headers("content-length", "100")).unwrap_err();
        assert_eq!(whole.fault().code.as_deref(), Some(NO_RANGES));
    }
}
