//! When a repeating scan is due next: by the calendar, in UTC, so that "every month" is a month.

use capstan_domain::pool::PeriodUnit;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp as Instant};

/// The first due time after `now`, counted in whole periods from `from`. Missed ones are caught up by one run, not by many.
pub(crate) fn next_due(from: Timestamp, operand: u32, unit: PeriodUnit, now: Timestamp) -> Outcome<Timestamp> {
    let operand = i64::from(operand.max(1));
    let start = zoned(from)?;
    // A long pause is jumped over by arithmetic, not by counting minutes of years.
    let mut periods = ((now.0.saturating_sub(from.0)) / (nanos(unit).saturating_mul(operand))).max(0);
    loop {
        periods += 1;
        let due = start.checked_add(span(operand.saturating_mul(periods), unit)?).map_err(out_of_range)?;
        let due = Timestamp(i64::try_from(due.timestamp().as_nanosecond()).map_err(out_of_range)?);
        if due > now {
            return Ok(due);
        }
    }
}

/// No longer than the unit ever is: a guess from it never overshoots.
fn nanos(unit: PeriodUnit) -> i64 {
    const MINUTE: i64 = 60_000_000_000;
    const DAY: i64 = 24 * 60 * MINUTE;
    match unit {
        PeriodUnit::Minutes => MINUTE,
        PeriodUnit::Hours => 60 * MINUTE,
        PeriodUnit::Days => DAY,
        PeriodUnit::Weeks => 7 * DAY,
        PeriodUnit::Months => 31 * DAY,
        PeriodUnit::Years => 366 * DAY,
    }
}

fn span(count: i64, unit: PeriodUnit) -> Outcome<Span> {
    let span = Span::new();
    match unit {
        PeriodUnit::Minutes => span.try_minutes(count),
        PeriodUnit::Hours => span.try_hours(count),
        PeriodUnit::Days => span.try_days(count),
        PeriodUnit::Weeks => span.try_weeks(count),
        PeriodUnit::Months => span.try_months(count),
        PeriodUnit::Years => span.try_years(count),
    }
    .map_err(out_of_range)
}

fn zoned(at: Timestamp) -> Outcome<jiff::Zoned> {
    Ok(Instant::from_nanosecond(i128::from(at.0)).map_err(out_of_range)?.to_zoned(TimeZone::UTC))
}

fn out_of_range(cause: impl std::fmt::Display) -> Failure {
    Failure::invalid("the period leads out of the calendar").with_detail(cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(i64::try_from(text.parse::<Instant>().unwrap().as_nanosecond()).unwrap())
    }

    #[test]
    fn a_month_is_a_calendar_month() {
        let due = |now| next_due(at("2026-01-31T08:00:00Z"), 1, PeriodUnit::Months, at(now)).unwrap();
        assert_eq!(due("2026-01-31T08:00:00Z"), at("2026-02-28T08:00:00Z"));
        assert_eq!(due("2026-02-28T08:00:00Z"), at("2026-03-31T08:00:00Z"));
    }

    #[test]
    fn missed_periods_are_caught_up_by_one_run() {
        let due = next_due(at("2020-01-01T00:00:00Z"), 4, PeriodUnit::Minutes, at("2026-06-01T00:01:00Z")).unwrap();
        assert_eq!(due, at("2026-06-01T00:04:00Z"));
        let due = next_due(at("2020-02-29T00:00:00Z"), 1, PeriodUnit::Years, at("2026-06-01T00:00:00Z")).unwrap();
        assert_eq!(due, at("2027-02-28T00:00:00Z"));
    }
}
