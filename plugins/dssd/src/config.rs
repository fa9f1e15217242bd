//! The configuration: which pool of which cluster, and which storage daemon gives its images out.

use capstan_sdk::endpoint::Endpoint;
use capstan_sdk::types::Problem;
use serde::Deserialize;

pub(crate) const SCHEMA: &str = include_str!("schema.json");

/// Name of the secret.
pub(crate) const PASSWORD: &str = "password";

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) dashboard: String,
    pub(crate) username: String,
    pub(crate) pool: String,
    pub(crate) nbd_host: String,
    pub(crate) nbd_port: u16,
    #[serde(default)]
    qmp_host: Option<String>,
    pub(crate) qmp_port: u16,
    pub(crate) ceph_conf: String,
    #[serde(default = "admin")]
    pub(crate) ceph_user: String,
    #[serde(default)]
    pub(crate) tls_ca: Option<String>,
    #[serde(default)]
    pub(crate) tls_insecure: bool,
    #[serde(default)]
    pub(crate) timeout_ms: Option<u64>,
}

fn admin() -> String {
    "admin".to_owned()
}

impl Config {
    pub(crate) fn qmp_host(&self) -> &str {
        self.qmp_host.as_deref().filter(|host| !host.is_empty()).unwrap_or(&self.nbd_host)
    }
}

/// Ceph takes more in a pool's name; a slash or an at sign would make another image of it.
fn is_pool(name: &str) -> bool {
    (1..=128).contains(&name.len()) && !name.contains(|character: char| matches!(character, '/' | '@') || character.is_control())
}

pub(crate) fn problems(document: &str) -> Vec<Problem> {
    let problem = |pointer: &str, message: &str| Problem { pointer: pointer.to_owned(), message: message.to_owned() };
    let config = match capstan_sdk::config::parse::<Config>(document) {
        Ok(config) => config,
        Err(failure) => return vec![problem("", &failure.fault().message)],
    };
    let mut found = Vec::new();
    if let Err(failure) = Endpoint::of_secrets(&config.dashboard) {
        found.push(problem("/dashboard", &failure.fault().message));
    }
    let wrong = [
        (config.username.is_empty(), "/username", "a user of the dashboard is needed"),
        (!is_pool(&config.pool), "/pool", "a pool has a name without slashes and control characters"),
        (config.nbd_host.is_empty(), "/nbd-host", "a name or an address is needed"),
        (config.nbd_port == 0, "/nbd-port", "there is no port 0"),
        (config.qmp_port == 0, "/qmp-port", "there is no port 0"),
        (!config.ceph_conf.starts_with('/'), "/ceph-conf", "an absolute path is needed"),
    ];
    found.extend(wrong.into_iter().filter(|(wrong, ..)| *wrong).map(|(_, pointer, message)| problem(pointer, message)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"dashboard": "https://ceph:8443", "username": "u", "pool": "rbd", "nbd-host": "h", "nbd-port": 10809,
        "qmp-port": 4444, "ceph-conf": "/etc/ceph/ceph.conf"}"#;

    #[test]
    fn the_control_is_where_the_data_is_unless_it_is_told() {
        let config: Config = capstan_sdk::config::parse(GOOD).unwrap();
        assert_eq!((config.qmp_host(), config.ceph_user.as_str()), ("h", "admin"));
        let told = GOOD.replace(r#""qmp-port""#, r#""qmp-host": "c", "qmp-port""#);
        assert_eq!(capstan_sdk::config::parse::<Config>(&told).unwrap().qmp_host(), "c");
    }

    #[test]
    fn every_wrong_field_is_named() {
        let pointers = |document: &str| problems(document).into_iter().map(|problem| problem.pointer).collect::<Vec<_>>();
        assert!(pointers(GOOD).is_empty());
        let all = r#"{"dashboard": "http://10.0.0.1", "username": "", "pool": "a/b", "nbd-host": "", "nbd-port": 0, "qmp-port": 0,
            "ceph-conf": "ceph.conf"}"#;
        assert_eq!(pointers(all), ["/dashboard", "/username", "/pool", "/nbd-host", "/nbd-port", "/qmp-port", "/ceph-conf"]);
        assert_eq!(pointers(&GOOD.replace("\"pool\"", "\"pools\"")), [""]);
    }
}
