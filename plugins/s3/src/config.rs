//! The configuration: where the endpoint is and how it wants to be spoken to.

use capstan_sdk::endpoint::Endpoint;
use capstan_sdk::types::Problem;
use serde::Deserialize;

use crate::checksum::Mode;

pub(crate) const SCHEMA: &str = include_str!("schema.json");

/// Name of the secret that signs.
pub(crate) const SECRET_KEY: &str = "secret-key";
pub(crate) const SESSION_TOKEN: &str = "session-token";

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Addressing {
    /// Virtual at AWS, where new buckets know nothing else; path elsewhere.
    #[default]
    Auto,
    Path,
    Virtual,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PayloadSigning {
    /// Signed where the host knows the SHA-256 already, else unsigned: signing costs one more read of everything that is sent,
    /// and the host reads back what it must be sure of. Over plain HTTP choose `signed` if the network between is not trusted.
    #[default]
    Auto,
    Signed,
    Unsigned,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ChecksumSetting {
    #[default]
    Auto,
    None,
    Md5,
    Crc32c,
    Crc64Nvme,
    Sha256,
}

impl ChecksumSetting {
    /// None: to be found out by a probe.
    pub(crate) fn fixed(self) -> Option<Mode> {
        match self {
            Self::Auto => None,
            Self::None => Some(Mode::None),
            Self::Md5 => Some(Mode::Md5),
            Self::Crc32c => Some(Mode::Crc32c),
            Self::Crc64Nvme => Some(Mode::Crc64Nvme),
            Self::Sha256 => Some(Mode::Sha256),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) endpoint: String,
    #[serde(default = "default_region")]
    pub(crate) region: String,
    /// Empty: requests are not signed, as public buckets allow.
    #[serde(default)]
    pub(crate) access_key: String,
    #[serde(default)]
    pub(crate) use_session_token: bool,
    #[serde(default)]
    pub(crate) buckets: Vec<String>,
    #[serde(default)]
    pub(crate) addressing: Addressing,
    #[serde(default)]
    pub(crate) payload_signing: PayloadSigning,
    #[serde(default)]
    pub(crate) checksum: ChecksumSetting,
    #[serde(default)]
    pub(crate) storage_class: Option<String>,
    #[serde(default = "default_cold_classes")]
    pub(crate) cold_classes: Vec<String>,
    #[serde(default = "default_part_bytes")]
    pub(crate) part_bytes: u64,
    #[serde(default = "default_single_copy_bytes")]
    pub(crate) single_copy_bytes: u64,
    #[serde(default)]
    pub(crate) proxy: Option<String>,
    #[serde(default)]
    pub(crate) tls_ca: Option<String>,
    #[serde(default)]
    pub(crate) tls_insecure: bool,
    #[serde(default)]
    pub(crate) timeout_ms: Option<u64>,
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

fn default_cold_classes() -> Vec<String> {
    vec!["GLACIER".to_owned(), "DEEP_ARCHIVE".to_owned()]
}

fn default_part_bytes() -> u64 {
    16 << 20
}

fn default_single_copy_bytes() -> u64 {
    crate::parts::MAX_SINGLE_BYTES
}

/// The endpoint is Amazon's own.
pub(crate) fn is_aws(endpoint: &Endpoint) -> bool {
    let host = endpoint.host();
    host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
}

/// Whether this bucket is spoken to as a host of its own.
pub(crate) fn is_virtual(endpoint: &Endpoint, addressing: Addressing, bucket: &str) -> bool {
    // A certificate for *.host does not cover two labels.
    let label = !bucket.contains('.') || endpoint.scheme == "http";
    let name = bucket.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    match addressing {
        Addressing::Path => false,
        Addressing::Virtual => name && !endpoint.is_address(),
        Addressing::Auto => is_aws(endpoint) && name && label,
    }
}

pub(crate) fn problems(document: &str) -> Vec<Problem> {
    let problem = |pointer: &str, message: String| Problem { pointer: pointer.to_owned(), message };
    let config = match capstan_sdk::config::parse::<Config>(document) {
        Ok(config) => config,
        Err(failure) => return vec![problem("", failure.fault().message.clone())],
    };
    let mut found = Vec::new();
    match Endpoint::parse(&config.endpoint) {
        Err(failure) => found.push(problem("/endpoint", failure.fault().message.clone())),
        Ok(endpoint) if endpoint.is_address() && config.addressing == Addressing::Virtual => {
            found.push(problem("/addressing", "an endpoint that is an address cannot have buckets as host names".to_owned()));
        }
        Ok(endpoint) if endpoint.scheme == "http" && config.tls_ca.is_some() => {
            found.push(problem("/tls-ca", "an http endpoint uses no certificate".to_owned()));
        }
        Ok(_) => {}
    }
    if !(crate::parts::MIN_PART_BYTES..=crate::parts::MAX_PART_BYTES).contains(&config.part_bytes) {
        found.push(problem("/part-bytes", "a part has 5 MiB to 5 GiB".to_owned()));
    }
    if !(crate::parts::MIN_PART_BYTES..=crate::parts::MAX_SINGLE_BYTES).contains(&config.single_copy_bytes) {
        found.push(problem("/single-copy-bytes", "a copy in one request has 5 MiB to 5 GiB".to_owned()));
    }
    if config.buckets.iter().any(|name| !crate::locations::is_name(name)) {
        found.push(problem("/buckets", "a bucket has a name without slashes".to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_hosts_at_aws_and_paths_elsewhere_unless_told() {
        let (aws, own) =
            (Endpoint::parse("https://s3.eu-west-1.amazonaws.com").unwrap(), Endpoint::parse("https://s3.local").unwrap());
        assert!(is_virtual(&aws, Addressing::Auto, "bucket") && !is_virtual(&own, Addressing::Auto, "bucket"));
        assert!(!is_virtual(&aws, Addressing::Auto, "dotted.bucket") && !is_virtual(&aws, Addressing::Auto, "Upper"));
        assert!(is_virtual(&own, Addressing::Virtual, "bucket") && !is_virtual(&aws, Addressing::Path, "bucket"));
        assert!(!is_virtual(&Endpoint::parse("http://10.0.0.1").unwrap(), Addressing::Virtual, "bucket"));
    }

    #[test]
    fn a_problem_points_at_its_field() {
        let pointers = |document: &str| problems(document).into_iter().map(|problem| problem.pointer).collect::<Vec<_>>();
        assert!(pointers(r#"{"endpoint": "http://h", "access-key": "a"}"#).is_empty());
        assert_eq!(pointers(r#"{"endpoint": "x://h", "part-bytes": 1}"#), ["/endpoint", "/part-bytes"]);
        assert_eq!(pointers(r#"{"endpoint": "http://h", "single-copy-bytes": 1}"#), ["/single-copy-bytes"]);
        assert_eq!(pointers(r#"{"endpoint": "http://10.1.1.1", "addressing": "virtual"}"#), ["/addressing"]);
        assert_eq!(pointers(r#"{"endpoint": "http://h", "colour": 1}"#), [""]);
    }
}
