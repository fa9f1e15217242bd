//! The URL of a service, taken apart once. Unlike an endpoint of other protocols its path is an account and may be percent-encoded.

use std::fmt;

use capstan_sdk::Outcome;
use capstan_sdk::failure::{invalid, malformed};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// "https"
    pub(crate) scheme: String,
    /// "swift.example.com:8080", the port left out when it is the scheme's own.
    pub(crate) authority: String,
    /// As it is sent, without a slash at its end: "" or "/v1/AUTH_test".
    pub(crate) path: String,
}

impl Url {
    /// Without a scheme https is meant.
    pub(crate) fn parse(text: &str) -> Outcome<Self> {
        let (scheme, rest) = text.trim().split_once("://").unwrap_or(("https", text.trim()));
        let scheme = scheme.to_ascii_lowercase();
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let own = match scheme.as_str() {
            "https" => ":443",
            "http" => ":80",
            _ => return Err(invalid("a URL begins with http:// or https://")),
        };
        let authority = authority.strip_suffix(own).unwrap_or(authority).to_ascii_lowercase();
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#');
        if !is_authority(&authority) || !path.bytes().all(plain) {
            return Err(invalid("a URL has a scheme, a host, and perhaps a port and a path"));
        }
        Ok(Self { scheme, authority, path: path.trim_end_matches('/').to_owned() })
    }

    /// One that a service tells; it always says the scheme. What is none of a server would be kept as long as the token.
    pub(crate) fn told(text: &str) -> Outcome<Self> {
        let none = |why: &str| {
            malformed("the service tells a URL of the object store that is none", why)
                .next_step("Correct what the service tells, or set \"storage-url\" of the target.")
        };
        if !text.contains("://") {
            return Err(none("it has no scheme"));
        }
        Self::parse(text).map_err(|failure| none(&failure.fault().message))
    }

    /// The same server, another path.
    pub(crate) fn with_path(&self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self.clone() }
    }
}

/// A name or an address, and perhaps a port. The colons of an address stand in brackets.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let name = |host: &str| !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let address = |host: &str| host.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte));
    let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inside.map_or_else(|| name(host), address) && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_put_together() {
        let url = Url::parse("HTTP://Swift.Example.com:8080/v1/AUTH_%C3%BC/").unwrap();
        assert_eq!(url.to_string(), "http://swift.example.com:8080/v1/AUTH_%C3%BC");
        assert_eq!(Url::parse("swift.example.com:443").unwrap().to_string(), "https://swift.example.com");
        assert_eq!(url.with_path("/info").to_string(), "http://swift.example.com:8080/info");
        for bad in ["ftp://x", "https://", "https://user@host", "https://host/?x", "http://h/a b", "http://h/ü"] {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Url::parse("http://[::1]:8080/v1").unwrap().authority, "[::1]:8080");
        assert_eq!(Url::parse("http://[::1]").unwrap().authority, "[::1]");
        for garbled in ["http://h:99999/v1", "http://h:0/v1", "http://h:/v1", "http://a:b:80/v1", "http://:80/v1"] {
            assert_eq!(Url::told(garbled).unwrap_err().fault().code.as_deref(), Some("malformed-answer"), "{garbled}");
        }
        for garbled in ["http;//127.0.0.1:80/v1", "127.0.0.1/v1", "http://127,0.0.1/v1", "https://http;/"] {
            assert_eq!(Url::told(garbled).unwrap_err().fault().code.as_deref(), Some("malformed-answer"), "{garbled}");
        }
    }
}
