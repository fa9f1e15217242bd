//! Instants on the wire: ISO 8601, UTC, milliseconds.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// Nanoseconds since 1970, shown as `2018-12-10T08:33:47.000Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

pub(crate) const NANOS_OF_A_MILLI: i64 = 1_000_000;

impl Moment {
    /// Reads an instant, a date and time (taken as UTC) or a date (its first instant, UTC).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let found = text.parse::<Timestamp>().ok().or_else(|| {
            let civil: DateTime = text.parse().ok()?;
            civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
        })?;
        i64::try_from(found.as_nanosecond()).ok().map(Self)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(found) => serializer.collect_str(&format_args!("{found:.3}")),
            Err(_) => serializer.serialize_none(),
        }
    }
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).into()
    }
}

impl ToSchema for Moment {
    fn name() -> std::borrow::Cow<'static, str> {
        "moment".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_and_utc_are_always_shown() {
        let shown = |nanos| serde_json::to_value(Moment(nanos)).unwrap();
        assert_eq!(shown(1_544_430_827_000_000_000), "2018-12-10T08:33:47.000Z");
        assert_eq!(shown(1_544_430_827_120_999_999), "2018-12-10T08:33:47.120Z");
        assert_eq!(shown(-1_000_000), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn instants_dates_and_times_are_read() {
        for text in ["2018-12-10T08:33:47.000Z", "2018-12-10T09:33:47+01:00", "2018-12-10T08:33:47", "2018-12-10 08:33:47"] {
            assert_eq!(Moment::parse(text), Some(Moment(1_544_430_827_000_000_000)), "{text}");
        }
        assert_eq!(Moment::parse("2018-12-10"), Some(Moment(1_544_400_000_000_000_000)));
        for text in ["", "yesterday", "2018-13-10", "9999999"] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }
}
