//! The URL of a service, taken apart once.

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
}
