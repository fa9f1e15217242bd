//! Spellings of time that services use: ISO 8601 in documents, RFC 1123 in headers, the basic form of ISO 8601 in signatures.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY: i64 = 86_400;
/// 1970 began on a Thursday.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The host's clock, as whole seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX))
}

/// Days since 1970 of a civil date in the Gregorian calendar, counted in 400-year eras that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, month) = (year.div_euclid(400), (month + 9) % 12);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// "20130524T000000Z"
pub fn basic(seconds: i64) -> String {
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let of_day = seconds.rem_euclid(DAY);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// "Sat, 21 Nov 2026 09:12:17 GMT"
pub fn http_text(seconds: i64) -> String {
    let (days, of_day) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let name = |names: &[&'static str], at: i64| usize::try_from(at).ok().and_then(|at| names.get(at).copied()).unwrap_or("");
    let (weekday, month) = (name(&WEEKDAYS, days.rem_euclid(7)), name(&MONTHS, month - 1));
    format!("{weekday}, {day:02} {month} {year:04} {:02}:{:02}:{:02} GMT", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

fn field(text: &str, from: usize, to: usize) -> Option<i64> {
    text.get(from..to)?.parse().ok()
}

fn seconds((year, month, day): (i64, i64, i64), (hour, minute, second): (i64, i64, i64)) -> Option<i64> {
    let fits = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    fits.then(|| days(year, month, day) * DAY + hour * 3600 + minute * 60 + second)
}

/// "2026-11-21T09:12:17.123Z" as nanoseconds since 1970.
pub fn iso(text: &str) -> Option<i64> {
    let date = (field(text, 0, 4)?, field(text, 5, 7)?, field(text, 8, 10)?);
    let whole = seconds(date, (field(text, 11, 13)?, field(text, 14, 16)?, field(text, 17, 19)?))?;
    let fraction = text.get(19..)?.strip_prefix('.').unwrap_or("");
    let digits: String = fraction.chars().take_while(char::is_ascii_digit).chain("000000000".chars()).take(9).collect();
    whole.checked_mul(1_000_000_000)?.checked_add(digits.parse().ok()?)
}

/// "Sat, 21 Nov 2026 09:12:17 GMT" as seconds since 1970.
pub fn http(text: &str) -> Option<i64> {
    let mut words = text.split_once(", ")?.1.split(' ');
    let day = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? as i64 + 1;
    // Four digits: what a server writes there must not overflow anything.
    let year = words.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let clock = words.next()?;
    seconds((year, month, day), (field(clock, 0, 2)?, field(clock, 3, 5)?, field(clock, 6, 8)?))
}

pub fn http_nanoseconds(text: &str) -> Option<i64> {
    http(text)?.checked_mul(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_mean_the_same_moment() {
        let moment = 1_795_252_337;
        assert_eq!(http("Sat, 21 Nov 2026 09:12:17 GMT"), Some(moment));
        assert_eq!(iso("2026-11-21T09:12:17.5Z"), Some(moment * 1_000_000_000 + 500_000_000));
        assert_eq!(basic(moment), "20261121T091217Z");
        assert_eq!(http_text(moment), "Sat, 21 Nov 2026 09:12:17 GMT");
        assert_eq!(http_text(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
    }

    #[test]
    fn leap_days_and_centuries_come_back() {
        for (date, text) in
            [((1970, 1, 1), "19700101"), ((2000, 2, 29), "20000229"), ((2100, 3, 1), "21000301"), ((2024, 12, 31), "20241231")]
        {
            assert_eq!(basic(days(date.0, date.1, date.2) * DAY), format!("{text}T000000Z"));
        }
    }

    #[test]
    fn nonsense_is_no_time() {
        assert_eq!(http("Sat, 21 Nov 9223372036854775807 09:12:17 GMT"), None);
        assert_eq!((iso("yesterday"), http("yesterday"), iso("2026-13-01T00:00:00Z")), (None, None, None));
    }
}
