//! The configuration: where the library is, and as whom it is asked.

use capstan_initiator::Digests;
use capstan_iscsi::{PORT, is_name};
use capstan_sdk::types::Problem;
use serde::Deserialize;

pub(crate) const SCHEMA: &str = include_str!("schema.json");

/// Name of the secret.
pub(crate) const CHAP_SECRET: &str = "chap-secret";

const INITIATOR: &str = "iqn.2026-11.capstan:host";

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) host: String,
    #[serde(default)]
    port: Option<u16>,
    pub(crate) target: String,
    #[serde(default)]
    initiator: Option<String>,
    #[serde(default)]
    chap_user: Option<String>,
    #[serde(default)]
    pub(crate) digests: Digests,
}

/// Text that is there and not empty.
fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

impl Config {
    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(PORT)
    }

    pub(crate) fn initiator(&self) -> &str {
        given(&self.initiator).unwrap_or(INITIATOR)
    }

    pub(crate) fn chap_user(&self) -> Option<&str> {
        given(&self.chap_user)
    }
}

pub(crate) fn problems(document: &str) -> Vec<Problem> {
    let problem = |pointer: &str, message: &str| Problem { pointer: pointer.to_owned(), message: message.to_owned() };
    let config = match capstan_sdk::config::parse::<Config>(document) {
        Ok(config) => config,
        Err(failure) => return vec![problem("", &failure.fault().message)],
    };
    let mut found = Vec::new();
    if config.host.is_empty() || config.host.chars().any(|letter| letter.is_whitespace() || letter == '/') {
        found.push(problem("/host", "this is no name of a host"));
    }
    if config.port == Some(0) {
        found.push(problem("/port", "there is no port 0"));
    }
    for (pointer, name) in [("/target", config.target.as_str()), ("/initiator", config.initiator())] {
        if !is_name(name) {
            found.push(problem(pointer, "an iSCSI name begins with iqn., eui. or naa. and has no spaces"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_field_is_named() {
        let pointers = |document: &str| problems(document).into_iter().map(|problem| problem.pointer).collect::<Vec<_>>();
        assert!(pointers(r#"{"host": "library", "target": "iqn.a"}"#).is_empty());
        let all = r#"{"host": "a/b", "port": 0, "target": "library", "initiator": "host"}"#;
        assert_eq!(pointers(all), ["/host", "/port", "/target", "/initiator"]);
        assert_eq!(pointers(r#"{"host": "library", "target": "iqn.a", "colour": 1}"#), [""]);
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let config: Config = capstan_sdk::config::parse(r#"{"host": "h", "target": "iqn.a", "chap-user": ""}"#).unwrap();
        assert_eq!((config.port(), config.initiator(), config.chap_user()), (PORT, INITIATOR, None));
        assert_eq!(config.digests, Digests::Preferred);
    }
}
