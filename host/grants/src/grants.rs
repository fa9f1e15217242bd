//! The powers of one target, as values that services are built from.

use std::net::IpAddr;
use std::sync::Arc;

use capstan_domain::Outcome;
use capstan_domain::failure::Failure;
use capstan_domain::grant::{GrantRecord, Power};

use crate::address::{AddressClass, classify, plain};
use crate::denial::{command, denied};
use crate::device::{DeviceGrant, device_path};
use crate::host::HostName;
use crate::policy::Policy;
use crate::template::Requested;

/// `GrantRecord::by` of a grant that came with an administrator's create or edit of the target.
const CONFIGURED: &str = "configured";

/// A power somebody granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub power: Power,
    /// Came with the configuration; else somebody allowed this very power.
    pub configured: bool,
}

impl From<&GrantRecord> for Granted {
    fn from(record: &GrantRecord) -> Self {
        Self { power: record.power.clone(), configured: record.by == CONFIGURED }
    }
}

/// What one target may do.
#[derive(Clone, Debug)]
pub struct Grants {
    target: Arc<str>,
    held: Vec<Granted>,
    policy: Arc<Policy>,
}

impl Grants {
    /// Nothing at all: for `describe`, and for a target that waits for approval.
    pub fn none(target: &str) -> Self {
        Self { target: target.into(), held: Vec::new(), policy: Arc::default() }
    }

    /// Requested ∩ granted. A power allowed by name counts even where no template foresaw it (a token endpoint, a redirect); one that
    /// came with the configuration counts only while the plugin asks for it.
    pub fn new(target: &str, requested: &[Requested], granted: &[Granted], policy: Arc<Policy>) -> Self {
        let asked = |power: &Power| requested.iter().any(|request| covers(power, &request.power));
        let held = granted.iter().filter(|grant| !grant.configured || asked(&grant.power)).cloned().collect();
        Self { target: target.into(), held, policy }
    }

    /// All that is requested and not granted, at once; none: the target can start.
    pub fn missing(&self, requested: &[Requested]) -> Option<Failure> {
        let missing: Vec<&Power> = requested
            .iter()
            .map(|request| &request.power)
            .filter(|power| !self.held.iter().any(|held| covers(&held.power, power)))
            .collect();
        let first = missing.first()?;
        let commands: Vec<String> = missing.iter().map(|power| command(&self.target, power)).collect();
        let message = format!("Target {} lacks {} of the grants its plugin asks for.", self.target, missing.len());
        let failure = denied(&self.target, "grants-missing", message, first);
        Some(failure.with_next_step(format!("An administrator can run: {}", commands.join(" && "))))
    }

    /// May it connect to this host, as far as its name or number tells? The address it resolves to is the next question.
    pub fn may_connect(&self, host: &str, port: u16) -> Outcome<ConnectGrant> {
        let host = HostName::parse(host)?;
        let matching =
            |held: &&Granted| matches!(&held.power, Power::Connect { host: name, port: p } if *p == port && names(name, &host));
        let mut found = self.held.iter().filter(matching).peekable();
        if found.peek().is_none() {
            let power = Power::Connect { host: host.to_string(), port };
            let message = format!("Target {} is not granted a connection to {}.", self.target, host.with_port(port));
            return Err(denied(&self.target, "not-granted", message, &power));
        }
        // Somebody wrote down this very number; a configuration does not count as that.
        let by_address = host.address().is_some() && found.any(|held| !held.configured);
        Ok(ConnectGrant {
            target: Arc::clone(&self.target),
            host,
            port,
            by_address,
            held: self.held.clone(),
            policy: Arc::clone(&self.policy),
        })
    }

    /// May it skip the check of this host's certificate?
    pub fn may_skip_certificate(&self, host: &str, port: u16) -> Outcome<()> {
        let host = HostName::parse(host)?;
        let allowed = self
            .held
            .iter()
            .any(|held| matches!(&held.power, Power::InsecureTls { host: name, port: p } if *p == port && names(name, &host)));
        if allowed {
            return Ok(());
        }
        let power = Power::InsecureTls { host: host.to_string(), port };
        let message = format!("Target {} may not skip the certificate check of {}.", self.target, host.with_port(port));
        Err(denied(&self.target, "not-granted", message, &power))
    }

    /// The directory granted under this name.
    pub fn directory(&self, root: &str) -> Outcome<DirectoryGrant> {
        let mut found = None;
        for held in &self.held {
            if let Power::Directory { root: name, path, write } = &held.power
                && name == root
            {
                // Of several for one name the writable one is meant.
                let better = found.as_ref().is_none_or(|before: &DirectoryGrant| !before.write && *write);
                if better {
                    found = Some(DirectoryGrant { root: root.to_owned(), path: path.clone(), write: *write });
                }
            }
        }
        found.ok_or_else(|| {
            let power = Power::Directory { root: root.to_owned(), path: "/PATH".to_owned(), write: true };
            let message = format!("Target {} has no directory granted under the name {}.", self.target, root.escape_default());
            denied(&self.target, "not-granted", message, &power)
        })
    }

    /// The SCSI device granted under this path.
    pub fn device(&self, path: &str) -> Outcome<DeviceGrant> {
        let path = device_path(path)?;
        let power = Power::ScsiDevice { path: path.to_owned() };
        if self.held.iter().any(|held| covers(&held.power, &power)) {
            return Ok(DeviceGrant::new(path));
        }
        let message = format!("Target {} is not granted the device {path}.", self.target);
        Err(denied(&self.target, "not-granted", message, &power))
    }

    /// Names of the directories it holds.
    pub fn roots(&self) -> impl Iterator<Item = &str> {
        self.held.iter().filter_map(|held| match &held.power {
            Power::Directory { root, .. } => Some(root.as_str()),
            _ => None,
        })
    }

    pub fn target(&self) -> &str {
        &self.target
    }
}

/// Does what is held allow what is wanted?
fn covers(held: &Power, wanted: &Power) -> bool {
    match (held, wanted) {
        (Power::Connect { host: a, port: p }, Power::Connect { host: b, port: q })
        | (Power::InsecureTls { host: a, port: p }, Power::InsecureTls { host: b, port: q }) => {
            p == q && (same(a, b) || HostName::parse(b).is_ok_and(|host| names(a, &host)))
        }
        (Power::Directory { root: a, path: p, write: v }, Power::Directory { root: b, path: q, write: w }) => {
            a == b && p.trim_end_matches('/') == q.trim_end_matches('/') && (*v || !*w)
        }
        (Power::ScsiDevice { path: a }, Power::ScsiDevice { path: b }) => a == b,
        _ => false,
    }
}

fn same(a: &str, b: &str) -> bool {
    a.trim_end_matches('.').eq_ignore_ascii_case(b.trim_end_matches('.'))
}

/// Does a granted name mean this host? "*.example.com" means what is below it, never the name itself, never an address.
fn names(granted: &str, host: &HostName) -> bool {
    match (granted.strip_prefix("*."), host) {
        (Some(base), HostName::Name(name)) => match HostName::parse(base) {
            Ok(HostName::Name(base)) => name.strip_suffix(&base).is_some_and(|labels| labels.len() > 1 && labels.ends_with('.')),
            _ => false,
        },
        (Some(_), HostName::Address(_)) => false,
        (None, host) => HostName::parse(granted).is_ok_and(|granted| granted == *host),
    }
}

/// The power to connect to one host and port, once its address was judged.
#[derive(Clone, Debug)]
pub struct ConnectGrant {
    target: Arc<str>,
    host: HostName,
    port: u16,
    by_address: bool,
    held: Vec<Granted>,
    policy: Arc<Policy>,
}

impl ConnectGrant {
    pub fn host(&self) -> &HostName {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// May this address be connected to? To be asked for every address a name resolved to; the one that passed is the one to
    /// connect to, without resolving again.
    pub fn check(&self, address: IpAddr) -> Outcome<()> {
        let own = self.policy.is_own_listener(address, self.port);
        let why = match classify(address) {
            AddressClass::Unspecified | AddressClass::Unusable => {
                return Err(Failure::new(
                    capstan_domain::Kind::Denied,
                    format!("{} leads to {address}, which serves nobody.", self.host.with_port(self.port)),
                )
                .with_code("address-unusable")
                .with_next_step("Write the address the target really has.")
                .at(|origin| origin.target = Some(self.target.to_string())));
            }
            _ if self.allowed_by_address(address) => return Ok(()),
            AddressClass::LinkLocal => "a link-local address",
            AddressClass::Metadata => "a cloud's metadata service",
            _ if own => "a listener of this host itself",
            AddressClass::Public | AddressClass::Loopback | AddressClass::Private => return Ok(()),
        };
        let power = Power::Connect { host: plain(address).to_string(), port: self.port };
        let message = format!(
            "{} leads to {address}, {why}; target {} may not connect to it.",
            self.host.with_port(self.port),
            self.target
        );
        Err(denied(&self.target, "address-refused", message, &power))
    }

    /// Was this very number allowed by somebody?
    fn allowed_by_address(&self, address: IpAddr) -> bool {
        let host = HostName::Address(plain(address));
        (self.by_address && self.host == host)
            || self.held.iter().any(
                |held| matches!(&held.power, Power::Connect { host: name, port } if !held.configured && *port == self.port && names(name, &host)),
            )
    }
}

/// The power to use one directory of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryGrant {
    root: String,
    path: String,
    write: bool,
}

impl DirectoryGrant {
    pub fn root(&self) -> &str {
        &self.root
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn writable(&self) -> bool {
        self.write
    }
}

#[cfg(test)]
mod tests;
