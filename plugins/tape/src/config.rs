//! The configuration: where the library is, and as whom it is asked.

use capstan_initiator::Digests;
use capstan_iscsi::{PORT, is_name};
use capstan_sdk::types::Problem;
use serde::Deserialize;

pub(crate) const SCHEMA: &str = include_str!("schema.json");

/// Name of the secret.
pub(crate) const CHAP_SECRET: &str = "chap-secret";

const INITIATOR: &str = "iqn.2026-11.capstan:host";

/// Of a library by iSCSI, or of one whose devices are the host's own.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    initiator: Option<String>,
    #[serde(default)]
    chap_user: Option<String>,
    #[serde(default)]
    pub(crate) digests: Digests,
    /// Paths.
    #[serde(default)]
    pub(crate) devices: Vec<String>,
    #[serde(default)]
    pub(crate) reservations: Others,
}

/// What becomes of a drive that another host has reserved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Others {
    #[default]
    Respect,
    /// It is taken: the other host is gone for good.
    Take,
}

/// Text that is there and not empty.
fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

impl Config {
    pub(crate) fn host(&self) -> &str {
        given(&self.host).unwrap_or_default()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(PORT)
    }

    pub(crate) fn target(&self) -> &str {
        given(&self.target).unwrap_or_default()
    }

    pub(crate) fn initiator(&self) -> &str {
        given(&self.initiator).unwrap_or(INITIATOR)
    }

    pub(crate) fn chap_user(&self) -> Option<&str> {
        given(&self.chap_user)
    }
}

pub(crate) fn problems(document: &str) -> Vec<Problem> {
    match capstan_sdk::config::parse::<Config>(document) {
        Ok(config) if config.devices.is_empty() => portal_problems(&config),
        Ok(config) => device_problems(&config),
        Err(failure) => vec![problem("", &failure.fault().message)],
    }
}

fn portal_problems(config: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    let host = config.host();
    if host.is_empty() || host.chars().any(|letter| letter.is_whitespace() || letter == '/') {
        found.push(problem("/host", "this is no name of a host"));
    }
    if config.port == Some(0) {
        found.push(problem("/port", "there is no port 0"));
    }
    for (pointer, name) in [("/target", config.target()), ("/initiator", config.initiator())] {
        if !is_name(name) {
            found.push(problem(pointer, "an iSCSI name begins with iqn., eui. or naa. and has no spaces"));
        }
    }
    found
}

fn device_problems(config: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    for (pointer, there) in [("/host", !config.host().is_empty()), ("/target", !config.target().is_empty())] {
        if there {
            found.push(problem(pointer, "a library is reached by iSCSI or by devices of the host, not by both"));
        }
    }
    for (number, path) in config.devices.iter().enumerate() {
        let pointer = format!("/devices/{number}");
        if !path.starts_with("/dev/") {
            found.push(problem(&pointer, "the path of a device begins with /dev/"));
        } else if config.devices.iter().take(number).any(|other| other == path) {
            found.push(problem(&pointer, "this device was named before"));
        }
    }
    found
}

fn problem(pointer: &str, message: &str) -> Problem {
    Problem { pointer: pointer.to_owned(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(document: &str) -> Vec<String> {
        problems(document).into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn every_wrong_field_is_named() {
        assert!(pointers(r#"{"host": "library", "target": "iqn.a"}"#).is_empty());
        let all = r#"{"host": "a/b", "port": 0, "target": "library", "initiator": "host"}"#;
        assert_eq!(pointers(all), ["/host", "/port", "/target", "/initiator"]);
        assert_eq!(pointers("{}"), ["/host", "/target"]);
        assert_eq!(pointers(r#"{"host": "library", "target": "iqn.a", "colour": 1}"#), [""]);
    }

    #[test]
    fn a_library_is_reached_by_iscsi_or_by_devices_of_the_host() {
        assert!(pointers(r#"{"devices": ["/dev/sg3", "/dev/sg4"]}"#).is_empty());
        let both = r#"{"host": "library", "target": "iqn.a", "devices": ["sg3", "/dev/sg4", "/dev/sg4"]}"#;
        assert_eq!(pointers(both), ["/host", "/target", "/devices/0", "/devices/2"]);
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let config: Config = capstan_sdk::config::parse(r#"{"host": "h", "target": "iqn.a", "chap-user": ""}"#).unwrap();
        assert_eq!((config.port(), config.initiator(), config.chap_user()), (PORT, INITIATOR, None));
        assert_eq!((config.digests, config.devices.len()), (Digests::Preferred, 0));
    }
}
