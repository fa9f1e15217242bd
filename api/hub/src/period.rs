//! Periods in words, counted back from now: `today`, `yesterday`, `week`, `30d`, `last_7_days`. Days are those of UTC.

use crate::moment::Moment;

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// From the first instant, included, to the last, excluded; none is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) from: Option<Moment>,
    pub(crate) to: Option<Moment>,
}

impl Period {
    /// Reads a period. None: the words mean nothing.
    ///
    /// `today` and `yesterday` are days; `hour`, `day`, `week`, `month` (30 days) and `year` (365 days) are that long up to now, and so
    /// is a number of them: `24h`, `7d`, `2 weeks`, `last_30_days`. `all` is open.
    pub(crate) fn parse(text: &str, now: Moment) -> Option<Self> {
        let words = text.trim().to_ascii_lowercase().replace([' ', '-'], "_");
        let midnight = now.0 - now.0.rem_euclid(DAY);
        let since = |from: i64| Self { from: Some(Moment(from)), to: None };
        match words.as_str() {
            "all" => return Some(Self::default()),
            "today" => return Some(since(midnight)),
            "yesterday" => return Some(Self { from: Some(Moment(midnight - DAY)), to: Some(Moment(midnight)) }),
            _ => {}
        }
        let words = words.strip_prefix("last_").or_else(|| words.strip_prefix("this_")).unwrap_or(&words);
        let digits = words.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = words.split_at_checked(digits)?;
        let number: i64 = if number.is_empty() { 1 } else { number.parse().ok()? };
        let length = match unit.strip_prefix('_').unwrap_or(unit) {
            "min" | "minute" | "minutes" => 60 * SECOND,
            "h" | "hour" | "hours" => HOUR,
            "d" | "day" | "days" => DAY,
            "w" | "week" | "weeks" => 7 * DAY,
            "m" | "month" | "months" => 30 * DAY,
            "y" | "year" | "years" => 365 * DAY,
            _ => return None,
        };
        Some(since(now.0.checked_sub(number.checked_mul(length)?)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_730_795_400 * SECOND);

    fn since(text: &str) -> Option<i64> {
        Period::parse(text, NOW).map(|period| (NOW.0 - period.from.unwrap().0) / SECOND)
    }

    #[test]
    fn a_number_of_units_is_counted_back_from_now() {
        for (text, seconds) in [
            ("24h", 86_400),
            ("7d", 604_800),
            ("2 weeks", 1_209_600),
            ("last_30_days", 2_592_000),
            ("last week", 604_800),
            ("MONTH", 2_592_000),
            ("15-minutes", 900),
            ("today", 30_600),
        ] {
            assert_eq!(since(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn yesterday_ends_at_midnight_and_all_never() {
        let yesterday = Period::parse("yesterday", NOW).unwrap();
        assert_eq!(yesterday.to.unwrap().0 - yesterday.from.unwrap().0, DAY);
        assert_eq!(NOW.0 - yesterday.to.unwrap().0, 30_600 * SECOND);
        assert_eq!(Period::parse("all", NOW), Some(Period::default()));
    }

    #[test]
    fn other_words_are_no_period() {
        for text in ["", "soon", "7", "7x", "last_", "d7", "99999999999999d", "-1d", "é"] {
            assert_eq!(Period::parse(text, NOW), None, "{text}");
        }
    }
}
