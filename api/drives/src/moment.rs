//! Instants on the wire, in UTC and with microseconds, in the two ways this API writes them.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// Nanoseconds since 1970, shown as `2013-11-27T09:19:55.676194+00:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl Moment {
    fn write<S: Serializer>(self, serializer: S, format: &str) -> Result<S::Ok, S::Error> {
        match Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(found) => serializer.collect_str(&found.strftime(format)),
            Err(_) => serializer.serialize_none(),
        }
    }

    /// As `2013-11-27 09:19:55.676194+00:00`.
    pub(crate) fn spaced<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.write(serializer, "%Y-%m-%d %H:%M:%S.%6f+00:00")
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.write(serializer, "%Y-%m-%dT%H:%M:%S.%6f+00:00")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_and_the_offset_are_always_shown() {
        let at = Moment(1_385_543_995_676_194_999);
        assert_eq!(serde_json::to_value(at).unwrap(), "2013-11-27T09:19:55.676194+00:00");
        assert_eq!(at.spaced(serde_json::value::Serializer).unwrap(), "2013-11-27 09:19:55.676194+00:00");
        assert_eq!(serde_json::to_value(Moment(-1_000)).unwrap(), "1969-12-31T23:59:59.999999+00:00");
    }
}
