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
