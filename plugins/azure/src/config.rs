//! The configuration: which account, where it is, and how it is proved that it may be used.

use capstan_sdk::endpoint::Endpoint as Url;
use capstan_sdk::types::Problem;
use serde::Deserialize;

use crate::checksum::Mode;
use crate::endpoint::Endpoint;
use crate::names;
use crate::parts::MAX_PART_BYTES;

pub(crate) const SCHEMA: &str = include_str!("schema.json");

/// Names of the secrets. A client id means that the target has a client secret; else the signature counts before the key.
pub(crate) const ACCOUNT_KEY: &str = "account-key";
pub(crate) const SAS: &str = "sas";
pub(crate) const CLIENT_SECRET: &str = "client-secret";

const MIN_PART_BYTES: u64 = 64 << 10;

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ChecksumSetting {
    #[default]
    Auto,
    None,
    Md5,
    Crc64Nvme,
}

impl ChecksumSetting {
    /// None: to be found out by a probe.
    pub(crate) fn fixed(self) -> Option<Mode> {
        match self {
            Self::Auto => None,
            Self::None => Some(Mode::None),
            Self::Md5 => Some(Mode::Md5),
            Self::Crc64Nvme => Some(Mode::Crc64Nvme),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) account: String,
    #[serde(default)]
    pub(crate) endpoint: Option<String>,
    #[serde(default)]
    pub(crate) tenant: Option<String>,
    #[serde(default)]
    pub(crate) client_id: Option<String>,
    #[serde(default)]
    pub(crate) token_endpoint: Option<String>,
    #[serde(default = "default_token_scope")]
    pub(crate) token_scope: String,
    #[serde(default)]
    pub(crate) containers: Vec<String>,
    #[serde(default)]
    pub(crate) checksum: ChecksumSetting,
    #[serde(default)]
    pub(crate) storage_class: Option<String>,
    #[serde(default = "default_restore_class")]
    pub(crate) restore_class: String,
    #[serde(default = "default_part_bytes")]
    pub(crate) part_bytes: u64,
    #[serde(default)]
    pub(crate) delete_snapshots: bool,
    #[serde(default)]
    pub(crate) proxy: Option<String>,
    #[serde(default)]
    pub(crate) tls_ca: Option<String>,
    #[serde(default)]
    pub(crate) tls_insecure: bool,
    #[serde(default)]
    pub(crate) timeout_ms: Option<u64>,
}

fn default_token_scope() -> String {
    "https://storage.azure.com/.default".to_owned()
}

fn default_restore_class() -> String {
    "Hot".to_owned()
}

fn default_part_bytes() -> u64 {
    16 << 20
}

impl Config {
    /// Set, and not empty.
    fn given(field: Option<&String>) -> Option<&str> {
        field.map(String::as_str).filter(|text| !text.is_empty())
    }

    /// Where tokens are asked for, if the target has a client secret.
    pub(crate) fn token_url(&self) -> Option<String> {
        Self::given(self.client_id.as_ref())?;
        let configured = Self::given(self.token_endpoint.as_ref()).map(str::to_owned);
        configured.or_else(|| {
            let tenant = Self::given(self.tenant.as_ref())?;
            Some(format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"))
        })
    }
}

pub(crate) fn problems(document: &str) -> Vec<Problem> {
    let problem = |pointer: &str, message: &str| Problem { pointer: pointer.to_owned(), message: message.to_owned() };
    let config = match capstan_sdk::config::parse::<Config>(document_without_secrets(document).as_deref().unwrap_or(document)) {
        Ok(config) => config,
        Err(failure) => return vec![problem("", &failure.fault().message)],
    };
    let mut found = Vec::new();
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    };
    if !word(&config.account) {
        found.push(problem("/account", "an account has a name of letters and digits"));
    }
    let client = Config::given(config.client_id.as_ref()).is_some();
    match Endpoint::parse(config.endpoint.as_deref(), &config.account) {
        Err(failure) => found.push(problem("/endpoint", &failure.fault().message)),
        Ok(endpoint) if endpoint.scheme == "http" && client => {
            found.push(problem("/endpoint", "a token is only sent over https"));
        }
        Ok(endpoint) if endpoint.scheme == "http" && config.tls_ca.is_some() => {
            found.push(problem("/tls-ca", "an http endpoint uses no certificate"));
        }
        Ok(_) => {}
    }
    if config.tenant.as_deref().is_some_and(|tenant| !tenant.is_empty() && !word(tenant)) {
        found.push(problem("/tenant", "a tenant is an id or a domain"));
    }
    if client && config.token_url().is_none() {
        found.push(problem("/tenant", "a client secret needs the tenant, or the token endpoint"));
    }
    // The client secret goes there.
    if let Some(Err(failure)) = Config::given(config.token_endpoint.as_ref()).map(Url::of_secrets) {
        found.push(problem("/token-endpoint", &failure.fault().message));
    }
    if !(MIN_PART_BYTES..=MAX_PART_BYTES).contains(&config.part_bytes) {
        found.push(problem("/part-bytes", "a part has 64 KiB to 4,000 MiB"));
    }
    if config.containers.iter().any(|name| !names::is_container(name)) {
        found.push(problem("/containers", "a container has a name without slashes"));
    }
    found
}

/// Secrets stand in what is validated as placeholders, which are nothing of this plugin's.
fn document_without_secrets(document: &str) -> Option<String> {
    let mut value: serde_json::Value = serde_json::from_str(document).ok()?;
    let members = value.as_object_mut()?;
    for secret in [ACCOUNT_KEY, SAS, CLIENT_SECRET] {
        members.remove(secret);
    }
    serde_json::to_string(&value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_points_at_its_field() {
        let pointers = |document: &str| problems(document).into_iter().map(|problem| problem.pointer).collect::<Vec<_>>();
        assert!(pointers(r#"{"account": "acc", "account-key": "…"}"#).is_empty());
        assert!(pointers(r#"{"account": "acc", "client-id": "id", "tenant": "t.example"}"#).is_empty());
        assert_eq!(
            pointers(r#"{"account": "a/b", "endpoint": "x://h", "part-bytes": 1}"#),
            ["/account", "/endpoint", "/part-bytes"]
        );
        assert_eq!(pointers(r#"{"account": "a", "client-id": "id"}"#), ["/tenant"]);
        assert_eq!(pointers(r#"{"account": "a", "client-id": "id", "tenant": "t", "endpoint": "http://h"}"#), ["/endpoint"]);
        assert_eq!(
            pointers(r#"{"account": "a", "tenant": "t/../x", "token-endpoint": "login"}"#),
            ["/tenant", "/token-endpoint"]
        );
        assert_eq!(pointers(r#"{"account": "a", "colour": 1}"#), [""]);
    }

    #[test]
    fn a_client_secret_goes_over_plain_http_to_this_machine_only() {
        let found = |url: &str| {
            let more = format!(r#""client-id": "id", "tenant": "t", "token-endpoint": "{url}""#);
            problems(&format!(r#"{{"account": "a", {more}}}"#))
        };
        let refused = found("http://login.example/token");
        let told = refused.first().map(|problem| (problem.pointer.as_str(), problem.message.contains("over plain http")));
        assert_eq!((told, refused.len()), (Some(("/token-endpoint", true)), 1));
        for good in ["https://login.example/token", "http://127.0.0.1:4000/token"] {
            assert!(found(good).is_empty(), "{good}");
        }
    }

    #[test]
    fn the_token_endpoint_is_the_tenants_unless_another_is_named() {
        let url = |document: &str| capstan_sdk::config::parse::<Config>(document).unwrap().token_url();
        let usual = url(r#"{"account": "a", "client-id": "id", "tenant": "t"}"#);
        assert_eq!(usual.as_deref(), Some("https://login.microsoftonline.com/t/oauth2/v2.0/token"));
        let other = url(r#"{"account": "a", "client-id": "id", "tenant": "t", "token-endpoint": "https://h/token"}"#);
        assert_eq!(other.as_deref(), Some("https://h/token"));
        assert_eq!(url(r#"{"account": "a", "tenant": "t"}"#), None);
    }
}
