//! Moments as the index writes them: `2013-01-12T18:13:07.123456789Z`, always UTC (section 7.7).

use std::fmt;

use crate::Error;

const WHAT: Error = Error::Malformed("a moment");
const DAY: i64 = 86_400;
/// Days from 0000-03-01 to 1970-01-01, and of 400 years, in which the calendar repeats.
const EPOCH_DAYS: i64 = 719_468;
const ERA_DAYS: i64 = 146_097;

/// A moment, in twelve bytes: an index has five of them for every file.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Time {
    high: u32,
    low: u32,
    nanoseconds: u32,
}

impl Time {
    /// The beginning of 1970.
    pub const EPOCH: Self = Self { high: 0, low: 0, nanoseconds: 0 };

    /// Seconds since 1970 and nanoseconds behind them, of which there are fewer than a second's.
    pub fn new(seconds: i64, nanoseconds: u32) -> Self {
        let [a, b, c, d, e, f, g, h] = seconds.to_be_bytes();
        Self {
            high: u32::from_be_bytes([a, b, c, d]),
            low: u32::from_be_bytes([e, f, g, h]),
            nanoseconds: nanoseconds.min(999_999_999),
        }
    }

    pub fn seconds(self) -> i64 {
        ((u64::from(self.high) << 32) | u64::from(self.low)).cast_signed()
    }

    pub fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }

    /// Fewer digits of a second than nine are read as well, and more are cut.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.strip_suffix('Z').ok_or(WHAT)?;
        let (date, clock) = text.split_once('T').ok_or(WHAT)?;
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
        let (days, month) = date.rsplit_once('-').ok_or(WHAT).and_then(|(months, day)| {
            let (year, month) = months.rsplit_once('-').ok_or(WHAT)?;
            let (year, month, day) = (number(year, 6)?, number(month, 2)?, number(day, 2)?);
            Ok((days_of(year, month, day), (1..=12).contains(&month) && (1..=31).contains(&day)))
        })?;
        let mut parts = clock.splitn(3, ':').map(|part| number(part, 2));
        let (Some(hour), Some(minute), Some(second)) = (parts.next(), parts.next(), parts.next()) else { return Err(WHAT) };
        let (hour, minute, second) = (hour?, minute?, second?);
        // 60: a second that was put in.
        if !month || hour > 23 || minute > 59 || second > 60 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(WHAT);
        }
        let nanoseconds = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
        let nanoseconds = nanoseconds.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        Ok(Self::new(days * DAY + hour * 3600 + minute * 60 + second, nanoseconds))
    }
}

fn number(digits: &str, most: usize) -> Result<i64, Error> {
    if digits.is_empty() || digits.len() > most || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(WHAT);
    }
    digits.parse().map_err(|_| WHAT)
}

/// Days since 1970-01-01 of the Gregorian calendar; years begin in March, so that the odd day is the last.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAYS
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH_DAYS;
    let (era, of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What four digits of a year hold; nothing else is a moment in this format.
        let seconds = self.seconds().clamp(days_of(0, 1, 1) * DAY, days_of(10_000, 1, 1) * DAY - 1);
        let (year, month, day) = date_of(seconds.div_euclid(DAY));
        let clock = seconds.rem_euclid(DAY);
        let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:09}Z", self.nanoseconds)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.seconds(), self.nanoseconds).cmp(&(other.seconds(), other.nanoseconds))
    }
}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_it_is_written() {
        let known = [
            ("1970-01-01T00:00:00.000000000Z", 0, 0),
            ("2013-01-12T18:13:07.123456789Z", 1_358_014_387, 123_456_789),
            ("2000-02-29T23:59:59.999999999Z", 951_868_799, 999_999_999),
            ("1969-12-31T23:59:59.500000000Z", -1, 500_000_000),
            ("0000-01-01T00:00:00.000000000Z", -62_167_219_200, 0),
        ];
        for (text, seconds, nanoseconds) in known {
            assert_eq!(Time::parse(text), Ok(Time::new(seconds, nanoseconds)), "{text}");
            assert_eq!(Time::new(seconds, nanoseconds).to_string(), text);
        }
        assert_eq!(Time::parse("2013-01-12T18:13:07Z").unwrap().nanoseconds(), 0);
        assert_eq!(Time::parse("2013-01-12T18:13:07.5Z").unwrap().nanoseconds(), 500_000_000);
        assert!(Time::new(-1, 0) < Time::new(0, 1) && Time::new(0, 1) < Time::new(0, 2));
    }

    #[test]
    fn every_day_of_a_thousand_years_comes_back() {
        for day in (-365_000..365_000).step_by(7) {
            let time = Time::new(day * DAY + 12_345, 1);
            assert_eq!(Time::parse(&time.to_string()), Ok(time));
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for bad in [
            "",
            "Z",
            "T00:00:00Z",
            "2013-01-12",
            "2013-13-01T00:00:00Z",
            "2013-01-01T24:00:00Z",
            "2013-01-01T00:00Z",
            "-1-1-1T0:0:0Z",
        ] {
            assert_eq!(Time::parse(bad), Err(WHAT), "{bad}");
        }
        assert!(Time::parse("2013-01-01T00:00:00.12xZ").is_err() && Time::parse("99999999999-01-01T00:00:00Z").is_err());
        assert_eq!(Time::new(i64::MAX, u32::MAX).to_string(), "9999-12-31T23:59:59.999999999Z");
    }
}
