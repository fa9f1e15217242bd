//! What a plugin says of itself and of the target it reaches.

use capstan_domain::failure::{Blame, Failure};
use capstan_domain::plugin::Description;
use capstan_domain::ports;

use super::pairs;
use crate::v0_1::types as wit;

impl From<wit::Location> for ports::LocationInfo {
    fn from(location: wit::Location) -> Self {
        Self { name: location.name, created: location.created, extras: pairs(location.extras) }
    }
}

impl From<wit::Report> for ports::ProbeReport {
    fn from(report: wit::Report) -> Self {
        Self {
            latency_us: report.latency_us,
            clock_skew_ms: report.clock_skew_ms,
            locations: report.locations.into_iter().map(Into::into).collect(),
            extras: pairs(report.extras),
        }
    }
}

impl From<wit::Consumption> for ports::Consumption {
    fn from(consumption: wit::Consumption) -> Self {
        Self {
            used: consumption.used,
            capacity: consumption.capacity,
            objects: consumption.objects,
            extras: pairs(consumption.extras),
        }
    }
}

impl TryFrom<wit::Description> for Description {
    type Error = Failure;

    fn try_from(description: wit::Description) -> Result<Self, Failure> {
        let configuration = serde_json::from_str(&description.configuration).map_err(|error| {
            Failure::invalid("The plugin's description of its configuration is not JSON.")
                .with_blame(Blame::Plugin)
                .with_code("description-not-json")
                .with_detail(error.to_string())
                .with_next_step("Ask the plugin's vendor for a version whose `describe` answers a JSON Schema.")
        })?;
        Ok(Self {
            id: description.id,
            vendor: description.vendor,
            version: description.version,
            title: description.title,
            configuration,
            grants: description.grants,
            capabilities: pairs(description.capabilities),
            extras: pairs(description.extras),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(configuration: &str) -> wit::Description {
        wit::Description {
            id: "i".to_owned(),
            vendor: "v".to_owned(),
            version: "1.0.0".to_owned(),
            title: "t".to_owned(),
            configuration: configuration.to_owned(),
            grants: vec!["http {/endpoint}".to_owned()],
            capabilities: Vec::new(),
            extras: Vec::new(),
        }
    }

    #[test]
    fn a_description_is_read_and_one_whose_schema_is_no_json_is_the_plugins_fault() {
        let description = Description::try_from(described(r#"{"type": "object"}"#)).unwrap();
        assert_eq!((description.id.as_str(), description.version.as_str()), ("i", "1.0.0"));
        assert_eq!(description.configuration["type"], "object");
        assert_eq!(description.grants, ["http {/endpoint}"]);
        let failure = Description::try_from(described("{")).unwrap_err();
        assert_eq!((failure.code.as_deref(), failure.blame), (Some("description-not-json"), Blame::Plugin));
    }

    #[test]
    fn a_report_and_a_consumption_keep_what_is_not_known_unknown() {
        let location = wit::Location { name: "l".to_owned(), created: Some(3), extras: Vec::new() };
        let report = wit::Report { latency_us: 9, clock_skew_ms: None, locations: vec![location], extras: Vec::new() };
        let report = ports::ProbeReport::from(report);
        assert_eq!((report.latency_us, report.clock_skew_ms), (9, None));
        assert_eq!((report.locations[0].name.as_str(), report.locations[0].created), ("l", Some(3)));
        let usage = wit::Consumption { used: Some(1), capacity: None, objects: Some(2), extras: Vec::new() };
        let usage = ports::Consumption::from(usage);
        assert_eq!((usage.used, usage.capacity, usage.objects), (Some(1), None, Some(2)));
    }
}
