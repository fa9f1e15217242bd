//! The configuration: which VPSA, which of its pools, and how its data is reached.

use capstan_initiator::Digests;
use capstan_iscsi::is_name;
use capstan_sdk::endpoint::Endpoint;
use capstan_sdk::types::Problem;
use serde::Deserialize;

pub(crate) const SCHEMA: &str = include_str!("schema.json");

/// Names of the secrets.
pub(crate) const ACCESS_KEY: &str = "access-key";
pub(crate) const CHAP_SECRET: &str = "chap-secret";

const INITIATOR: &str = "iqn.2026-11.capstan:host";

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) endpoint: String,
    #[serde(default)]
    pub(crate) pools: Vec<String>,
    #[serde(default)]
    pub(crate) iscsi_host: Option<String>,
    #[serde(default)]
    pub(crate) iscsi_port: Option<u16>,
    #[serde(default)]
    initiator: Option<String>,
    #[serde(default)]
    chap_user: Option<String>,
    #[serde(default)]
    pub(crate) digests: Digests,
    #[serde(default)]
    pub(crate) encrypt: bool,
    #[serde(default)]
    pub(crate) proxy: Option<String>,
    #[serde(default)]
    pub(crate) tls_ca: Option<String>,
    #[serde(default)]
    pub(crate) tls_insecure: bool,
    #[serde(default)]
    pub(crate) timeout_ms: Option<u64>,
}

/// Text that is there and not empty.
fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

impl Config {
    pub(crate) fn initiator(&self) -> &str {
        given(&self.initiator).unwrap_or(INITIATOR)
    }

    /// With a user of our own goes a secret of our own.
    pub(crate) fn chap_user(&self) -> Option<&str> {
        given(&self.chap_user)
    }

    pub(crate) fn iscsi_host(&self) -> Option<&str> {
        given(&self.iscsi_host)
    }
}

pub(crate) fn problems(document: &str) -> Vec<Problem> {
    let problem = |pointer: &str, message: &str| Problem { pointer: pointer.to_owned(), message: message.to_owned() };
    let config = match capstan_sdk::config::parse::<Config>(document) {
        Ok(config) => config,
        Err(failure) => return vec![problem("", &failure.fault().message)],
    };
    let mut found = Vec::new();
    if let Err(failure) = Endpoint::parse(&config.endpoint) {
        found.push(problem("/endpoint", &failure.fault().message));
    }
    if config.pools.iter().any(|pool| !crate::answers::is_id("pool", pool)) {
        found.push(problem("/pools", "the id of a pool begins with \"pool-\""));
    }
    if config.iscsi_port == Some(0) {
        found.push(problem("/iscsi-port", "there is no port 0"));
    }
    if !is_name(config.initiator()) {
        found.push(problem("/initiator", "the name of an initiator begins with iqn., eui. or naa. and has no spaces"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_field_is_named() {
        let pointers = |document: &str| problems(document).into_iter().map(|problem| problem.pointer).collect::<Vec<_>>();
        assert!(pointers(r#"{"endpoint": "https://vsa.example"}"#).is_empty());
        let all = r#"{"endpoint": "ftp://h", "pools": ["a/b"], "iscsi-port": 0, "initiator": "host"}"#;
        assert_eq!(pointers(all), ["/endpoint", "/pools", "/iscsi-port", "/initiator"]);
        assert_eq!(pointers(r#"{"endpoint": "https://vsa.example", "colour": 1}"#), [""]);
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let config: Config = capstan_sdk::config::parse(r#"{"endpoint": "https://vsa.example", "chap-user": ""}"#).unwrap();
        assert_eq!((config.initiator(), config.chap_user(), config.digests), (INITIATOR, None, Digests::Preferred));
    }
}
