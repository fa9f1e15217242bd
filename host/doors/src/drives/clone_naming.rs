//! What a clone is called whose maker does not say.

use capstan_api_drives::{CloneNaming, NAME_LIMIT};
use capstan_domain::time::Timestamp;

/// A date or a time as it stands at the end of a name: `0` for any digit.
const DATE: (&str, &str) = ("%Y-%m-%d", "0000-00-00");
const TIME: (&str, &str) = ("%Y-%m-%d %H:%M:%S", "0000-00-00 00:00:00");

pub(super) fn clone_name(source: &str, naming: CloneNaming, now: Timestamp) -> String {
    match naming {
        CloneNaming::None => source.to_owned(),
        CloneNaming::Counter => counted(source),
        CloneNaming::Date => dated(source, DATE, now),
        CloneNaming::Timestamp => dated(source, TIME, now),
    }
}

/// With `_1` at its end, or one more than the number that is there.
fn counted(source: &str) -> String {
    let (stem, number) = split(source).unwrap_or((source, 0));
    match number.checked_add(1) {
        Some(next) => fitted(stem, &format!("_{next}")),
        None => fitted(source, "_1"),
    }
}

/// The number behind the last underscore, and what stands before.
fn split(source: &str) -> Option<(&str, u64)> {
    let (stem, digits) = source.rsplit_once('_')?;
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((stem, digits.parse().ok().filter(|_| all_digits)?))
}

/// With the moment at its end, in the place of an older one. If it is this one, a number tells the clones apart.
fn dated(source: &str, (format, shape): (&str, &str), now: Timestamp) -> String {
    let now = format!("-{}", moment(now, format));
    let stem = split(source).map_or(source, |(stem, _)| stem);
    if source.ends_with(&now) || stem.ends_with(&now) {
        return counted(source);
    }
    fitted(without(source, shape).unwrap_or(source), &now)
}

/// What stands before a dash and a text of this shape.
fn without<'s>(source: &'s str, shape: &str) -> Option<&'s str> {
    let (head, tail) = source.split_at_checked(source.len().checked_sub(shape.len() + 1)?)?;
    let tail = tail.strip_prefix('-')?;
    let fits = |(found, wanted): (u8, u8)| if wanted == b'0' { found.is_ascii_digit() } else { found == wanted };
    tail.bytes().zip(shape.bytes()).all(fits).then_some(head)
}

fn moment(at: Timestamp, format: &str) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(at.0)).map_or_else(|_| at.0.to_string(), |at| at.strftime(format).to_string())
}

/// As long as a name may be.
fn fitted(stem: &str, end: &str) -> String {
    let room = NAME_LIMIT.saturating_sub(end.chars().count());
    stem.chars().take(room).chain(end.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2014-06-05 09:45:56.
    const NOW: Timestamp = Timestamp(1_401_961_556_000_000_000);

    fn named(source: &str, naming: CloneNaming) -> String {
        clone_name(source, naming, NOW)
    }

    #[test]
    fn without_a_naming_a_clone_is_called_as_its_source() {
        assert_eq!(named("x_1", CloneNaming::None), "x_1");
    }

    #[test]
    fn a_counter_goes_on_where_there_is_one() {
        for (source, clone) in [
            ("x", "x_1"),
            ("x_1", "x_2"),
            ("x_9", "x_10"),
            ("x_y", "x_y_1"),
            ("x_", "x__1"),
            ("x_+1", "x_+1_1"),
            ("x_18446744073709551615", "x_18446744073709551615_1"),
            ("x_99999999999999999999", "x_99999999999999999999_1"),
            ("é_1", "é_2"),
        ] {
            assert_eq!(named(source, CloneNaming::Counter), clone);
        }
    }

    #[test]
    fn a_date_takes_the_place_of_an_older_one_and_counts_within_its_day() {
        for (source, clone) in [
            ("x", "x-2014-06-05"),
            ("x-2013-01-31", "x-2014-06-05"),
            ("x-2014-06-05", "x-2014-06-05_1"),
            ("x-2014-06-05_1", "x-2014-06-05_2"),
            ("x-2014-6-5", "x-2014-6-5-2014-06-05"),
            ("2013-01-31", "2013-01-31-2014-06-05"),
            ("é", "é-2014-06-05"),
            ("ééééééé", "ééééééé-2014-06-05"),
        ] {
            assert_eq!(named(source, CloneNaming::Date), clone);
        }
    }

    #[test]
    fn a_time_does_the_same() {
        for (source, clone) in [
            ("x", "x-2014-06-05 09:45:56"),
            ("x-2014-06-05 09:45:55", "x-2014-06-05 09:45:56"),
            ("x-2014-06-05 09:45:56", "x-2014-06-05 09:45:56_1"),
            ("x-2014-06-05", "x-2014-06-05-2014-06-05 09:45:56"),
        ] {
            assert_eq!(named(source, CloneNaming::Timestamp), clone);
        }
    }

    #[test]
    fn a_long_name_gives_way_to_its_end() {
        let long = "é".repeat(NAME_LIMIT);
        for naming in [CloneNaming::Counter, CloneNaming::Date, CloneNaming::Timestamp] {
            let name = named(&long, naming);
            assert_eq!(name.chars().count(), NAME_LIMIT, "{naming:?}");
            assert!(!name.ends_with('é'));
        }
    }
}
