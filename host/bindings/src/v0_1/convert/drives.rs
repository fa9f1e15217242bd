//! Drives, their snapshots, and where their bytes are reached.

use capstan_domain::failure::{Blame, Failure, Kind};
use capstan_domain::{Outcome, ports};

use super::pairs;
use crate::v0_1::types as wit;

impl From<wit::Drive> for ports::DriveInfo {
    fn from(drive: wit::Drive) -> Self {
        let wit::Drive { name, size, used, created, extras } = drive;
        Self { name, size, used, created, extras: pairs(extras) }
    }
}

impl From<wit::DrivePage> for ports::DrivePage {
    fn from(page: wit::DrivePage) -> Self {
        Self { drives: page.drives.into_iter().map(Into::into).collect(), next: page.next }
    }
}

impl From<wit::DriveLimits> for ports::DriveLimits {
    fn from(limits: wit::DriveLimits) -> Self {
        let wit::DriveLimits { minimum, maximum, granularity, block, extras } = limits;
        Self { minimum, maximum, granularity, block, extras: pairs(extras) }
    }
}

impl From<wit::Snapshot> for ports::SnapshotInfo {
    fn from(snapshot: wit::Snapshot) -> Self {
        let wit::Snapshot { name, size, created, extras } = snapshot;
        Self { name, size, created, extras: pairs(extras) }
    }
}

impl From<wit::SnapshotPage> for ports::SnapshotPage {
    fn from(page: wit::SnapshotPage) -> Self {
        Self { snapshots: page.snapshots.into_iter().map(Into::into).collect(), next: page.next }
    }
}

impl From<wit::ExtentPage> for ports::ExtentPage {
    fn from(page: wit::ExtentPage) -> Self {
        let extents = page.extents.into_iter().map(|extent| ports::Extent { offset: extent.offset, length: extent.length });
        Self { extents: extents.collect(), next: page.next }
    }
}

/// A peer that is not registered, or lacks a parameter, is the plugin's fault.
pub fn attachment(attachment: wit::Attachment) -> Outcome<ports::Attachment> {
    let parameters = pairs(attachment.parameters);
    let get = |name: &str| {
        let found = parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        found.ok_or_else(|| wrong(format!("an attachment of peer `{}` without `{name}`", attachment.peer)))
    };
    match attachment.peer.as_str() {
        "file" => Ok(ports::Attachment::File { root: get("root")?, path: get("path")? }),
        "nbd" => {
            let port = get("port")?;
            let port = port.parse().map_err(|_| wrong(format!("an attachment at port `{port}`")))?;
            Ok(ports::Attachment::Nbd { host: get("host")?, port, export: get("export")? })
        }
        "calls" => Ok(ports::Attachment::Calls),
        other => Err(wrong(format!("an attachment of peer `{other}`, which nobody registered"))),
    }
}

fn wrong(what: String) -> Failure {
    Failure::new(Kind::Invalid, format!("The plugin answered {what}."))
        .with_blame(Blame::Plugin)
        .with_code("attachment-invalid")
        .with_next_step("Report it to the plugin's vendor.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v0_1::host::types::NamedValue;

    fn told(peer: &str, parameters: &[(&str, &str)]) -> Outcome<ports::Attachment> {
        let parameters =
            parameters.iter().map(|(name, value)| NamedValue { name: (*name).to_owned(), value: (*value).to_owned() }).collect();
        attachment(wit::Attachment { peer: peer.to_owned(), parameters })
    }

    #[test]
    fn a_peer_is_known_and_whole_or_the_plugin_is_to_blame() {
        let nbd = told("nbd", &[("host", "h"), ("port", "10809"), ("export", "e")]).unwrap();
        assert_eq!(nbd, ports::Attachment::Nbd { host: "h".to_owned(), port: 10_809, export: "e".to_owned() });
        assert_eq!(told("calls", &[]).unwrap(), ports::Attachment::Calls);
        for wrong in [
            told("vhost", &[]),
            told("file", &[("root", "r")]),
            told("nbd", &[("host", "h"), ("port", "70000"), ("export", "e")]),
        ] {
            let failure = wrong.unwrap_err();
            assert_eq!((failure.blame, failure.code.as_deref()), (Blame::Plugin, Some("attachment-invalid")));
        }
    }
}
