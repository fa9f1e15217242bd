//! The configuration: which locations are there from the start and how much may be held.

use capstan_sdk::types::Problem;
use serde::Deserialize;

pub(crate) const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "locations": { "type": "array", "items": { "type": "string", "minLength": 1 }, "default": ["main"],
      "title": "Locations", "description": "Locations that are there from the start." },
    "capacity-bytes": { "type": "integer", "minimum": 0, "default": 134217728,
      "title": "Capacity", "description": "Bytes held at most; a put beyond answers no-space." }
  }
}"#;

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) locations: Vec<String>,
    pub(crate) capacity_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { locations: vec!["main".to_owned()], capacity_bytes: 128 << 20 }
    }
}

pub(crate) fn problems(document: &str) -> Vec<Problem> {
    let problem = |pointer: String, message: &str| Problem { pointer, message: message.to_owned() };
    match capstan_sdk::config::parse::<Config>(document) {
        Err(failure) => vec![problem(String::new(), &failure.fault().message)],
        Ok(config) => config
            .locations
            .iter()
            .enumerate()
            .filter(|(_, name)| name.is_empty())
            .map(|(at, _)| problem(format!("/locations/{at}"), "a location has a name"))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_configuration_is_a_good_one() {
        assert!(problems("{}").is_empty());
    }

    #[test]
    fn a_problem_points_at_its_field() {
        assert_eq!(problems(r#"{"locations": ["a", ""]}"#)[0].pointer, "/locations/1");
        assert_eq!(problems(r#"{"colour": 1}"#).len(), 1);
    }
}
