//! The configuration: who asks whom for a token, and where the objects are.

use capstan_sdk::Outcome;
use capstan_sdk::failure::invalid;
use capstan_sdk::types::Problem;
use serde::Deserialize;

use crate::url::Url;

pub(crate) const SCHEMA: &str = include_str!("schema.json");

/// Names of the secrets.
pub(crate) const PASSWORD: &str = "password";
pub(crate) const APPLICATION_SECRET: &str = "application-credential-secret";

pub(crate) const MIN_PART_BYTES: u64 = 1 << 20;
pub(crate) const MAX_PART_BYTES: u64 = 5 << 30;

/// Ends of a URL that is a v1 service's.
const V1_ENDS: [&str; 3] = ["/auth/v1.0", "/auth/1.0", "/auth/v1"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthVersion {
    /// TempAuth, and what imitates it.
    V1,
    /// Keystone.
    V3,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Interface {
    #[default]
    Public,
    Internal,
    Admin,
}

impl Interface {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Admin => "admin",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ChecksumSetting {
    /// What is known already or costs next to nothing.
    #[default]
    Auto,
    None,
    Md5,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) auth_url: String,
    #[serde(default)]
    auth_version: Option<u8>,
    #[serde(default)]
    pub(crate) user: String,
    #[serde(default)]
    application_credential_id: Option<String>,
    #[serde(default = "default_domain")]
    pub(crate) user_domain: String,
    #[serde(default)]
    pub(crate) project: String,
    #[serde(default)]
    project_domain: Option<String>,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    pub(crate) interface: Interface,
    #[serde(default)]
    storage_url: Option<String>,
    #[serde(default)]
    pub(crate) containers: Vec<String>,
    #[serde(default)]
    storage_policy: Option<String>,
    #[serde(default)]
    pub(crate) checksum: ChecksumSetting,
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

fn default_domain() -> String {
    "default".to_owned()
}

fn default_part_bytes() -> u64 {
    16 << 20
}

/// Text that is there and not empty.
fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

impl Config {
    pub(crate) fn auth_version(&self) -> AuthVersion {
        let by_url = || V1_ENDS.iter().any(|end| self.auth_url.trim_end_matches('/').ends_with(end));
        match self.auth_version {
            Some(1) => AuthVersion::V1,
            Some(_) => AuthVersion::V3,
            None if by_url() => AuthVersion::V1,
            None => AuthVersion::V3,
        }
    }

    /// Where a token is asked for.
    pub(crate) fn token_url(&self) -> Outcome<Url> {
        let url = Url::parse(&self.auth_url)?;
        let path = match self.auth_version() {
            AuthVersion::V1 if url.path.is_empty() => "/auth/v1.0".to_owned(),
            AuthVersion::V1 => url.path.clone(),
            AuthVersion::V3 => {
                if url.path.ends_with("/v2.0") {
                    return Err(invalid("Keystone's version 2.0 is not supported; use the URL that ends in /v3"));
                }
                let base = url.path.strip_suffix("/auth/tokens").unwrap_or(&url.path);
                let base = base.strip_suffix("/v3").unwrap_or(base);
                format!("{base}/v3/auth/tokens")
            }
        };
        Ok(url.with_path(path))
    }

    pub(crate) fn application_credential(&self) -> Option<&str> {
        given(&self.application_credential_id)
    }

    pub(crate) fn project_domain(&self) -> &str {
        given(&self.project_domain).unwrap_or(&self.user_domain)
    }

    pub(crate) fn region(&self) -> Option<&str> {
        given(&self.region)
    }

    pub(crate) fn storage_policy(&self) -> Option<&str> {
        given(&self.storage_policy)
    }

    pub(crate) fn storage_url(&self) -> Outcome<Option<Url>> {
        given(&self.storage_url).map(Url::parse).transpose()
    }
}

pub(crate) fn problems(document: &str) -> Vec<Problem> {
    let problem = |pointer: &str, message: &str| Problem { pointer: pointer.to_owned(), message: message.to_owned() };
    let config = match capstan_sdk::config::parse::<Config>(document) {
        Ok(config) => config,
        Err(failure) => return vec![problem("", &failure.fault().message)],
    };
    let mut found = Vec::new();
    if let Err(failure) = config.token_url() {
        found.push(problem("/auth-url", &failure.fault().message));
    }
    if !matches!(config.auth_version, None | Some(1 | 3)) {
        found.push(problem("/auth-version", "the versions of authentication are 3 and 1"));
    }
    if let Err(failure) = config.storage_url() {
        found.push(problem("/storage-url", &failure.fault().message));
    }
    match config.auth_version() {
        AuthVersion::V1 if config.user.is_empty() => found.push(problem("/user", "version 1 needs a user")),
        AuthVersion::V1 if config.application_credential().is_some() => {
            found.push(problem("/application-credential-id", "version 1 knows no application credentials"));
        }
        AuthVersion::V3 if config.application_credential().is_none() => {
            if config.user.is_empty() {
                found.push(problem("/user", "Keystone needs a user, or an application credential"));
            }
            if config.project.is_empty() {
                found.push(problem("/project", "a token without a project opens no object store"));
            }
        }
        _ => {}
    }
    if !(MIN_PART_BYTES..=MAX_PART_BYTES).contains(&config.part_bytes) {
        found.push(problem("/part-bytes", "a segment has 1 MiB to 5 GiB"));
    }
    if config.containers.iter().any(|name| !crate::locations::is_name(name)) {
        found.push(problem("/containers", "a container has a name of up to 256 bytes without slashes"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(document: &str) -> Config {
        capstan_sdk::config::parse(document).unwrap()
    }

    #[test]
    fn the_url_says_which_version_is_spoken_unless_the_configuration_does() {
        let version = |document: &str| config(document).auth_version();
        assert_eq!(version(r#"{"auth-url": "http://h:8080/auth/v1.0"}"#), AuthVersion::V1);
        assert_eq!(version(r#"{"auth-url": "http://h/auth/1.0/"}"#), AuthVersion::V1);
        assert_eq!(version(r#"{"auth-url": "http://h:5000/v3"}"#), AuthVersion::V3);
        assert_eq!(version(r#"{"auth-url": "http://h:8080", "auth-version": 1}"#), AuthVersion::V1);
    }

    #[test]
    fn tokens_are_asked_for_below_v3_however_the_url_was_written() {
        for url in ["http://k:5000", "http://k:5000/", "http://k:5000/v3", "http://k:5000/v3/auth/tokens"] {
            let config = config(&format!(r#"{{"auth-url": "{url}"}}"#));
            assert_eq!(config.token_url().unwrap().to_string(), "http://k:5000/v3/auth/tokens");
        }
        let below = config(r#"{"auth-url": "https://cloud.example/identity/v3"}"#);
        assert_eq!(below.token_url().unwrap().to_string(), "https://cloud.example/identity/v3/auth/tokens");
        assert!(config(r#"{"auth-url": "http://k:5000/v2.0"}"#).token_url().is_err());
        let bare = config(r#"{"auth-url": "http://h:8080", "auth-version": 1}"#);
        assert_eq!(bare.token_url().unwrap().to_string(), "http://h:8080/auth/v1.0");
    }

    #[test]
    fn a_problem_points_at_its_field() {
        let pointers = |document: &str| problems(document).into_iter().map(|problem| problem.pointer).collect::<Vec<_>>();
        assert!(pointers(r#"{"auth-url": "http://h/auth/v1.0", "user": "a:b"}"#).is_empty());
        assert!(pointers(r#"{"auth-url": "http://k:5000/v3", "user": "u", "project": "p"}"#).is_empty());
        assert!(pointers(r#"{"auth-url": "http://k:5000/v3", "application-credential-id": "i"}"#).is_empty());
        assert_eq!(pointers(r#"{"auth-url": "http://k:5000/v3"}"#), ["/user", "/project"]);
        assert_eq!(pointers(r#"{"auth-url": "x://h/auth/v1.0", "user": "u", "part-bytes": 1}"#), ["/auth-url", "/part-bytes"]);
        assert_eq!(pointers(r#"{"auth-url": "http://h/auth/v1.0", "user": "u", "storage-url": "h h"}"#), ["/storage-url"]);
        assert_eq!(pointers(r#"{"auth-url": "http://h/auth/v1.0", "user": "u", "containers": ["a/b"]}"#), ["/containers"]);
        assert_eq!(pointers(r#"{"auth-url": "http://h", "colour": 1}"#), [""]);
    }
}
