//! What SendTargets answers (RFC 7143, appendix C).

use crate::bounds::{PORTALS, TARGETS};
use crate::error::Error;
use crate::name::PORT;
use crate::text::pairs;

/// Where a target is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portal {
    /// A name or an address; an IPv6 address without its brackets.
    pub host: String,
    pub port: u16,
    /// TargetPortalGroupTag.
    pub group: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub name: String,
    /// None: where it was asked.
    pub portals: Vec<Portal>,
}

impl Portal {
    /// `host[:port][,group]`, also that of a redirection.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, group) = match text.split_once(',') {
            Some((address, group)) => (address, Some(group.parse().ok()?)),
            None => (text, None),
        };
        let (host, port) = match address.strip_prefix('[') {
            Some(rest) => {
                let (host, behind) = rest.split_once(']')?;
                (host, if behind.is_empty() { None } else { Some(behind.strip_prefix(':')?) })
            }
            None => match address.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (address, None),
            },
        };
        let port = port.map_or(Some(PORT), |port| port.parse().ok())?;
        (!host.is_empty()).then(|| Self { host: host.to_owned(), port, group })
    }
}

pub(crate) fn targets(text: &[u8]) -> Result<Vec<Target>, Error> {
    let (mut targets, mut portals): (Vec<Target>, usize) = (Vec::new(), 0);
    for (key, value) in pairs(text)? {
        match key {
            "TargetName" if targets.len() == TARGETS => return Err(Error::TooMuch("targets")),
            "TargetName" => targets.push(Target { name: value.to_owned(), portals: Vec::new() }),
            "TargetAddress" => {
                portals += 1;
                if portals > PORTALS {
                    return Err(Error::TooMuch("addresses of targets"));
                }
                let portal = Portal::parse(value).ok_or(Error::Malformed("the address of a target"))?;
                targets.last_mut().ok_or(Error::Malformed("an address behind its target"))?.portals.push(portal);
            }
            _ => {}
        }
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portal(host: &str, port: u16, group: Option<u16>) -> Portal {
        Portal { host: host.to_owned(), port, group }
    }

    #[test]
    fn targets_come_with_their_addresses() {
        let text = b"TargetName=iqn.a\0TargetAddress=10.0.0.1:3261,1\0TargetAddress=[fe80::1]:3262,2\0TargetName=iqn.b\0";
        let found = targets(text).unwrap();
        assert_eq!(found[0].portals, [portal("10.0.0.1", 3261, Some(1)), portal("fe80::1", 3262, Some(2))]);
        assert_eq!((&found[1].name[..], found[1].portals.len()), ("iqn.b", 0));
    }

    #[test]
    fn addresses_are_read_in_all_forms_and_no_other() {
        assert_eq!(Portal::parse("disk.example").unwrap(), portal("disk.example", PORT, None));
        assert_eq!(Portal::parse("[::1],7").unwrap(), portal("::1", PORT, Some(7)));
        for wrong in ["", ":1", "a:b", "a:65536", "[::1", "[::1]x", "a:1,b", "a:1,65536"] {
            assert_eq!(Portal::parse(wrong), None, "{wrong}");
        }
        assert!(targets(b"TargetAddress=a:1\0").is_err());
    }

    #[test]
    fn a_list_without_an_end_is_too_much() {
        assert_eq!(targets("TargetName=iqn.a\0".repeat(TARGETS + 1).as_bytes()), Err(Error::TooMuch("targets")));
    }
}
