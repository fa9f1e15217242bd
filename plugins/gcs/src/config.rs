//! The configuration: where the service is, who asks, and how objects are made.

use capstan_sdk::endpoint::Endpoint;
use capstan_sdk::types::Problem;
use serde::Deserialize;

use crate::locations;
use crate::parts::{MAX_PART_BYTES, MIN_PART_BYTES};

pub(crate) const SCHEMA: &str = include_str!("schema.json");

/// Names of the secrets that sign.
pub(crate) const PRIVATE_KEY: &str = "private-key";
pub(crate) const SECRET_KEY: &str = "secret-key";

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(default = "default_endpoint")]
    pub(crate) endpoint: String,
    #[serde(default)]
    project: String,
    #[serde(default)]
    pub(crate) client_email: String,
    #[serde(default = "default_token_endpoint")]
    pub(crate) token_endpoint: String,
    #[serde(default)]
    pub(crate) access_key: String,
    #[serde(default)]
    pub(crate) buckets: Vec<String>,
    #[serde(default)]
    pub(crate) location: Option<String>,
    #[serde(default)]
    pub(crate) storage_class: Option<String>,
    #[serde(default = "default_part_bytes")]
    pub(crate) part_bytes: u64,
    #[serde(default)]
    pub(crate) proxy: Option<String>,
    #[serde(default)]
    pub(crate) tls_ca: Option<String>,
    #[serde(default)]
    pub(crate) tls_insecure: bool,
    #[serde(default)]
    pub(crate) timeout_ms: Option<u64>,
}

fn default_endpoint() -> String {
    "https://storage.googleapis.com".to_owned()
}

fn default_token_endpoint() -> String {
    "https://oauth2.googleapis.com/token".to_owned()
}

fn default_part_bytes() -> u64 {
    16 << 20
}

impl Config {
    /// A service account gets tokens; without one the HMAC key signs each request.
    pub(crate) fn has_account(&self) -> bool {
        !self.client_email.is_empty()
    }

    /// The configured one, or that of the account: `name@PROJECT.iam.gserviceaccount.com`.
    pub(crate) fn project(&self) -> Option<&str> {
        let of_account = || {
            let (_, domain) = self.client_email.split_once('@')?;
            domain.strip_suffix(".iam.gserviceaccount.com").filter(|project| !project.is_empty())
        };
        Some(self.project.as_str()).filter(|project| !project.is_empty()).or_else(of_account)
    }
}

pub(crate) fn problems(document: &str) -> Vec<Problem> {
    let problem = |pointer: &str, message: &str| Problem { pointer: pointer.to_owned(), message: message.to_owned() };
    let config = match capstan_sdk::config::parse::<Config>(document) {
        Ok(config) => config,
        Err(failure) => return vec![problem("", &failure.fault().message)],
    };
    let mut found = Vec::new();
    // A token that somebody reads on its way lets them in.
    let endpoints =
        [("/endpoint", Endpoint::parse(&config.endpoint)), ("/token-endpoint", Endpoint::of_secrets(&config.token_endpoint))];
    for (pointer, endpoint) in endpoints {
        if let Err(failure) = endpoint {
            found.push(problem(pointer, &failure.fault().message));
        }
    }
    match (config.has_account(), config.access_key.is_empty()) {
        (false, true) => found.push(problem("/client-email", "a service account or an HMAC key is needed")),
        (true, false) => found.push(problem("/access-key", "a service account and an HMAC key are two ways; choose one")),
        (true, true) if !config.client_email.contains('@') => {
            found.push(problem("/client-email", "a service account is named by its e-mail address"));
        }
        (true, true) if config.project().is_none() && config.buckets.is_empty() => {
            found.push(problem("/project", "the account's address names no project: name one, or name the buckets"));
        }
        _ => {}
    }
    if config.tls_ca.is_some() && Endpoint::parse(&config.endpoint).is_ok_and(|endpoint| endpoint.scheme == "http") {
        found.push(problem("/tls-ca", "an http endpoint uses no certificate"));
    }
    if !(MIN_PART_BYTES..=MAX_PART_BYTES).contains(&config.part_bytes) {
        found.push(problem("/part-bytes", "a part has 5 MiB to 5 GiB"));
    }
    if config.buckets.iter().any(|name| !locations::is_name(name)) {
        found.push(problem(
            "/buckets",
            "a bucket has a name of 3 to 222 lower-case letters, digits, dots, dashes and underscores",
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(document: &str) -> Vec<String> {
        problems(document).into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn one_way_to_log_in_is_needed_and_not_two() {
        assert!(pointers(r#"{"client-email": "a@p.iam.gserviceaccount.com"}"#).is_empty());
        assert!(pointers(r#"{"access-key": "GOOG1E"}"#).is_empty());
        assert_eq!(pointers("{}"), ["/client-email"]);
        assert_eq!(pointers(r#"{"client-email": "a@p.iam.gserviceaccount.com", "access-key": "GOOG1E"}"#), ["/access-key"]);
    }

    #[test]
    fn a_problem_points_at_its_field() {
        assert_eq!(pointers(r#"{"access-key": "k", "endpoint": "x://h", "part-bytes": 1}"#), ["/endpoint", "/part-bytes"]);
        assert_eq!(pointers(r#"{"access-key": "k", "token-endpoint": "ftp://h"}"#), ["/token-endpoint"]);
        assert_eq!(pointers(r#"{"access-key": "k", "buckets": ["Upper"]}"#), ["/buckets"]);
        assert_eq!(pointers(r#"{"client-email": "a@example.com"}"#), ["/project"]);
        assert_eq!(pointers(r#"{"access-key": "k", "colour": 1}"#), [""]);
    }

    #[test]
    fn a_token_comes_over_plain_http_from_this_machine_only() {
        let found =
            |url: &str| problems(&format!(r#"{{"client-email": "a@p.iam.gserviceaccount.com", "token-endpoint": "{url}"}}"#));
        let refused = found("http://tokens.example/token");
        let told = refused.first().map(|problem| (problem.pointer.as_str(), problem.message.contains("over plain http")));
        assert_eq!((told, refused.len()), (Some(("/token-endpoint", true)), 1));
        for good in ["https://tokens.example/token", "http://127.0.0.1:4000/token"] {
            assert!(found(good).is_empty(), "{good}");
        }
    }

    #[test]
    fn the_project_is_the_accounts_unless_one_is_named() {
        let project = |document: &str| capstan_sdk::config::parse::<Config>(document).unwrap().project().map(str::to_owned);
        assert_eq!(project(r#"{"client-email": "a@p-1.iam.gserviceaccount.com"}"#).as_deref(), Some("p-1"));
        assert_eq!(project(r#"{"client-email": "a@p-1.iam.gserviceaccount.com", "project": "x"}"#).as_deref(), Some("x"));
        assert_eq!(project(r#"{"access-key": "k"}"#), None);
    }
}
