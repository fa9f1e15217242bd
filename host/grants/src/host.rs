//! A host as it is written in a configuration, a request or a grant, brought to one spelling.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use capstan_domain::Outcome;
use capstan_domain::failure::{Failure, Kind};
use url::Host;

use crate::address::plain;

/// One spelling a host: lower case, no trailing dot, IDNA, numbers (decimal, octal, hexadecimal, short, v4 inside v6) as addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostName {
    Name(String),
    Address(IpAddr),
}

impl HostName {
    /// Parses "Example.COM.", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "::1".
    pub fn parse(text: &str) -> Outcome<Self> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Self::Address(plain(address)));
        }
        // A dot at the end makes a name absolute and changes nothing else; two make it no name.
        let undotted = bare.strip_suffix('.').unwrap_or(bare);
        match Host::parse(undotted) {
            Ok(Host::Ipv4(address)) => Ok(Self::Address(IpAddr::V4(address))),
            Ok(Host::Ipv6(address)) => Ok(Self::Address(plain(IpAddr::V6(address)))),
            Ok(Host::Domain(name)) if !name.is_empty() && !name.ends_with('.') && !name.contains('*') => {
                Ok(Self::Name(name.to_ascii_lowercase()))
            }
            _ => Err(Failure::new(Kind::Invalid, format!("\"{}\" is no host name or address.", text.escape_default()))
                .with_code("host-invalid")
                .with_next_step("Write a DNS name, an IPv4 address or an IPv6 address in brackets.")),
        }
    }

    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Name(_) => None,
        }
    }

    /// "name:443", "10.0.0.1:80", "[::1]:80".
    pub fn with_port(&self, port: u16) -> String {
        match self {
            Self::Name(name) => format!("{name}:{port}"),
            Self::Address(address) => SocketAddr::new(*address, port).to_string(),
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way a connector could write 127.0.0.1.
    const LOOPBACK: [&str; 15] = [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7F.0.0.1",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "0177.0x0.1",
        "[::ffff:127.0.0.1]",
        "::ffff:7f00:1",
        "[0:0:0:0:0:ffff:7f00:0001]",
        "%31%32%37.0.0.1",
    ];

    #[test]
    fn every_spelling_of_an_address_is_the_same_host() {
        for text in LOOPBACK {
            assert_eq!(HostName::parse(text).unwrap(), HostName::Address("127.0.0.1".parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn names_have_one_spelling() {
        for text in ["S3.Example.COM", "s3.example.com.", "s3.example.com", "s3%2Eexample.com", "ｓ3.example.com"] {
            assert_eq!(HostName::parse(text).unwrap(), HostName::Name("s3.example.com".to_owned()), "{text}");
        }
        assert_eq!(HostName::parse("bücher.example").unwrap().to_string(), "xn--bcher-kva.example");
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            ".",
            "a..",
            "a b",
            "user@host",
            "host:80",
            "a/b",
            "fe80::1%eth0",
            "*.example.com",
            "256.0.0.1",
            "a\0b",
            "1.2.3.4.5",
        ] {
            assert!(HostName::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_v6_address_gets_brackets_before_a_port() {
        assert_eq!(HostName::parse("::1").unwrap().with_port(80), "[::1]:80");
    }
}
