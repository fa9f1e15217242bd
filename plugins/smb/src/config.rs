//! The configuration: one share of one server, and how it wants to be spoken to.

use capstan_sdk::types::Problem;
use serde::Deserialize;
use smb2::types::Dialect;

pub(crate) const SCHEMA: &str = include_str!("schema.json");

/// Name of the secret.
pub(crate) const PASSWORD: &str = "password";

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Encryption {
    /// Signed only. A server that demands encryption is refused.
    Off,
    /// Whenever the server can.
    #[default]
    IfOffered,
    Required,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub(crate) enum Oldest {
    #[default]
    #[serde(rename = "2.1")]
    Smb21,
    #[serde(rename = "3.0")]
    Smb30,
    #[serde(rename = "3.0.2")]
    Smb302,
    #[serde(rename = "3.1.1")]
    Smb311,
}

impl Oldest {
    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::Smb21 => Dialect::Smb2_1,
            Self::Smb30 => Dialect::Smb3_0,
            Self::Smb302 => Dialect::Smb3_0_2,
            Self::Smb311 => Dialect::Smb3_1_1,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) host: String,
    #[serde(default = "default_port")]
    pub(crate) port: u16,
    pub(crate) share: String,
    /// A folder of the share, names joined by "/".
    #[serde(default)]
    pub(crate) root: String,
    #[serde(default)]
    location: Option<String>,
    /// Empty: a guest.
    #[serde(default)]
    pub(crate) user: String,
    #[serde(default)]
    pub(crate) domain: String,
    #[serde(default)]
    pub(crate) encryption: Encryption,
    #[serde(default)]
    pub(crate) minimum_dialect: Oldest,
    #[serde(default = "default_connections")]
    pub(crate) connections: usize,
    #[serde(default)]
    pub(crate) read_only: bool,
    #[serde(default = "default_timeout")]
    pub(crate) timeout_ms: u64,
}

fn default_port() -> u16 {
    445
}

fn default_connections() -> usize {
    2
}

fn default_timeout() -> u64 {
    30_000
}

impl Config {
    /// The one location of the target.
    pub(crate) fn location(&self) -> &str {
        self.location.as_deref().unwrap_or(&self.share)
    }

    pub(crate) fn root(&self) -> &str {
        self.root.trim_matches('/')
    }
}

/// One name of a path.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\0']) && name != "." && name != ".."
}

pub(crate) fn problems(document: &str) -> Vec<Problem> {
    let problem = |pointer: &str, message: &str| Problem { pointer: pointer.to_owned(), message: message.to_owned() };
    let config = match capstan_sdk::config::parse::<Config>(document) {
        Ok(config) => config,
        Err(failure) => return vec![problem("", &failure.fault().message)],
    };
    let mut found = Vec::new();
    if config.host.contains(['/', '\\', ' ', '@']) {
        found.push(problem("/host", "a name or an address is needed, without a scheme, slashes or spaces"));
    }
    if config.share.contains(['/', '\\', '\0']) {
        found.push(problem("/share", "a share is one name without slashes; a folder of it goes into \"root\""));
    }
    if config.share.eq_ignore_ascii_case("IPC$") {
        found.push(problem("/share", "IPC$ holds no files"));
    }
    if !config.root().is_empty() && !config.root().split('/').all(is_name) {
        found.push(problem("/root", "a folder is a path of names separated by single slashes"));
    }
    if config.location.as_deref().is_some_and(|name| !is_name(name) || name.chars().any(char::is_control)) {
        found.push(problem("/location", "a location is one name without slashes and control characters"));
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
    fn what_is_left_out_has_its_usual_value() {
        let config: Config = capstan_sdk::config::parse(r#"{"host": "nas", "share": "media"}"#).unwrap();
        assert_eq!((config.port, config.location(), config.encryption), (445, "media", Encryption::IfOffered));
        assert_eq!(config.minimum_dialect.dialect(), Dialect::Smb2_1);
    }

    #[test]
    fn each_wrong_field_is_named() {
        assert!(pointers(r#"{"host": "nas", "share": "media", "root": "/a/b/"}"#).is_empty());
        let wrong = r#"{"host": "smb://nas", "share": "a/b", "root": "a/../b", "location": "a/b"}"#;
        assert_eq!(pointers(wrong), ["/host", "/share", "/root", "/location"]);
        assert_eq!(pointers(r#"{"host": "nas"}"#), [""]);
    }
}
