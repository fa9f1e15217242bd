//! The URL of a service, taken apart once.

use std::net::IpAddr;

use crate::failure::{Outcome, invalid};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// "https"
    pub scheme: String,
    /// "store.example.com:9000", the port left out when it is the scheme's own.
    pub authority: String,
    /// What stands before every path: "" or "/gateway".
    pub base: String,
}

impl Endpoint {
    /// Without a scheme https is meant.
    pub fn parse(text: &str) -> Outcome<Self> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
        let scheme = scheme.to_ascii_lowercase();
        let (authority, base) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let own = match scheme.as_str() {
            "https" => ":443",
            "http" => ":80",
            _ => return Err(invalid("the endpoint begins with http:// or https://")),
        };
        let authority = authority.strip_suffix(own).unwrap_or(authority).to_ascii_lowercase();
        if authority.is_empty() || authority.contains(['@', '?', '#', ' ']) || base.contains(['?', '#', ' ', '%']) {
            return Err(invalid("the endpoint is a URL of a scheme, a host, and perhaps a port and a path"));
        }
        Ok(Self { scheme, authority, base: base.trim_end_matches('/').to_owned() })
    }

    /// Of a URL that secrets are sent to: whole, with its scheme, and nobody on the way there can read them. Plain http leads to
    /// this machine only, where an emulator has no certificate and needs none.
    pub fn of_secrets(text: &str) -> Outcome<Self> {
        let endpoint = Self::parse(text)?;
        if !text.contains("://") {
            return Err(invalid("the endpoint begins with https://"));
        }
        if endpoint.scheme != "https" && !endpoint.is_loopback() {
            return Err(invalid("over plain http anybody on the way could read the secrets: the endpoint begins with https://"));
        }
        Ok(endpoint)
    }

    /// The authority without its port.
    pub fn host(&self) -> &str {
        match self.authority.rsplit_once(':') {
            Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.authority,
        }
    }

    pub fn is_address(&self) -> bool {
        let host = self.host();
        host.starts_with('[') || host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    }

    /// This machine itself: 127.0.0.0/8, ::1, localhost.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_taken_apart() {
        let endpoint = Endpoint::parse("HTTP://127.0.0.1:9000/gate/").unwrap();
        assert_eq!(
            (endpoint.scheme.as_str(), endpoint.authority.as_str(), endpoint.base.as_str()),
            ("http", "127.0.0.1:9000", "/gate")
        );
        assert!(endpoint.is_address() && endpoint.host() == "127.0.0.1");
        assert_eq!(Endpoint::parse("s3.example.com:443").unwrap().authority, "s3.example.com");
        assert!(Endpoint::parse("http://[::1]").unwrap().is_address());
        for bad in ["ftp://x", "https://", "https://user@host", "https://host/?x"] {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn this_machine_is_told_from_every_other() {
        for here in ["http://127.0.0.1:9000/t", "http://127.8.9.10", "http://[::1]:80", "http://[::1]:9000", "http://LocalHost:1"]
        {
            assert!(Endpoint::parse(here).unwrap().is_loopback(), "{here}");
        }
        for there in
            ["http://10.0.0.1", "http://[::2]", "http://128.0.0.1", "http://localhost.example", "http://127.0.0.1.example"]
        {
            assert!(!Endpoint::parse(there).unwrap().is_loopback(), "{there}");
        }
    }

    #[test]
    fn secrets_go_over_https_or_stay_on_this_machine() {
        for good in
            ["https://login.example/token", "HTTPS://10.0.0.1/token", "http://127.0.0.1:4000/token", "http://localhost/token"]
        {
            assert!(Endpoint::of_secrets(good).is_ok(), "{good}");
        }
        for bad in
            ["http://login.example/token", "HTTP://10.0.0.1", "login.example/token", "http:/login.example", "ftp://127.0.0.1"]
        {
            assert!(matches!(Endpoint::of_secrets(bad), Err(crate::Failure::Invalid(_))), "{bad}");
        }
    }
}
