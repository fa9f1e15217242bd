//! What every probe measures and looks at in the same way, whatever service it reaches.

use std::time::Duration;

use crate::http::header;
use crate::time::{http, now};

/// Configured places that are looked at: a probe ends soon, also with a list of a thousand.
const MAX_LOOKED_AT: usize = 16;

/// As a report has it: microseconds.
pub fn latency_us(latency: Duration) -> u64 {
    u64::try_from(latency.as_micros()).unwrap_or(u64::MAX)
}

/// How far the clock of who answered is ahead of the host's, milliseconds. None: the answer has no date.
pub fn clock_skew_ms(headers: &[(String, String)]) -> Option<i64> {
    let skew = header(headers, "date").and_then(http)?.saturating_sub(now());
    // The header has whole seconds; less than one is no skew.
    Some(if skew.abs() <= 1 { 0 } else { skew.saturating_mul(1000) })
}

/// The configured places to look at besides the first, at which the service itself is tried: a name that is mistyped shows now, and
/// not with the first job that goes there.
pub fn further(places: &[String]) -> impl Iterator<Item = &String> {
    places.iter().take(MAX_LOOKED_AT).skip(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::http_text;

    #[test]
    fn places_after_the_first_are_looked_at_as_far_as_there_is_time() {
        let many: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
        let looked_at: Vec<&str> = further(&many).map(String::as_str).collect();
        assert_eq!((looked_at.len(), looked_at.first(), looked_at.last()), (15, Some(&"1"), Some(&"15")));
        assert_eq!(further(&["only".to_owned()]).count() + further(&[]).count(), 0);
    }

    #[test]
    fn a_clock_of_whole_seconds_is_off_by_more_than_one_or_not_at_all() {
        let skew = |seconds: i64| clock_skew_ms(&[("Date".to_owned(), http_text(now() + seconds))]);
        assert_eq!(skew(0), Some(0));
        assert!(skew(3600).is_some_and(|skew| (3_590_000..=3_600_000).contains(&skew)));
        assert!(skew(-3600).is_some_and(|skew| (-3_610_000..=-3_600_000).contains(&skew)));
        assert_eq!(clock_skew_ms(&[]), None);
    }
}
