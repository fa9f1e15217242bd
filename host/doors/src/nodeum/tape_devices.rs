//! What a client may call the device of a tape library: `target:name` of a target that is there, `iscsi://host:port/name` of an iSCSI
//! target, `/dev/sg3,/dev/sg4` on this machine: the robot and its drives. The latter two become targets of the plugin that serves tape libraries.

use capstan_api_nodeum::{Answer, Code, Error};
use capstan_domain::identity::Caller;
use capstan_domain::target::NewTarget;
use serde_json::{Value, json};

const PLUGIN: &str = "tape";
const TARGET: &str = "target:";
const ISCSI: &str = "iscsi://";
const DEVICES: &str = "/dev/";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Device {
    /// Name or number of a target.
    Target(String),
    /// Configuration of one that is to be made.
    Apart(Value),
}

pub(super) fn of_target(name: &str) -> String {
    format!("{TARGET}{name}")
}

pub(super) fn read(device: &str) -> Answer<Device> {
    if let Some(name) = device.strip_prefix(TARGET) {
        return Ok(Device::Target(name.to_owned()));
    }
    if device.starts_with(DEVICES) {
        let devices: Vec<&str> = device.split(',').map(str::trim).filter(|device| !device.is_empty()).collect();
        return Ok(Device::Apart(json!({ "devices": devices })));
    }
    let portal = device.strip_prefix(ISCSI).and_then(|rest| rest.split_once('/'));
    match portal.and_then(|(portal, name)| configured(portal, name)) {
        Some(configuration) => Ok(Device::Apart(configuration)),
        None => Err(Error::because(
            "device",
            Code::Invalid,
            "device has to be such as target:name, iscsi://library.example:3260/iqn.2026-11.example:library or /dev/sg3,/dev/sg4",
        )),
    }
}

/// A login would have to stand in the address, where everybody reads it: such a library is made as a target first.
fn configured(portal: &str, name: &str) -> Option<Value> {
    if portal.is_empty() || portal.contains('@') || name.is_empty() || name.contains('/') {
        return None;
    }
    let port = portal.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
    match port {
        Some((host, port)) => Some(json!({ "host": bare(host), "port": port.parse::<u16>().ok()?, "target": name })),
        None => Some(json!({ "host": bare(portal), "target": name })),
    }
}

/// An address of IPv6 without its brackets.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

pub(super) fn target(name: String, configuration: Value, owner: &Caller) -> NewTarget {
    NewTarget {
        name,
        plugin: PLUGIN.to_owned(),
        pinned: None,
        configuration,
        attributes: json!({}),
        secrets: Vec::new(),
        owner: Some(owner.user),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_a_target_an_address_or_a_file_of_this_machine() {
        let apart = |device: &str| match read(device).unwrap() {
            Device::Apart(configuration) => configuration,
            Device::Target(name) => panic!("{device} is a target {name}"),
        };
        assert_eq!(read("target:my library").unwrap(), Device::Target("my library".into()));
        assert_eq!(apart("/dev/sg3, /dev/sg4"), json!({ "devices": ["/dev/sg3", "/dev/sg4"] }));
        assert_eq!(apart("iscsi://lib:3261/iqn.a:b"), json!({ "host": "lib", "port": 3261, "target": "iqn.a:b" }));
        assert_eq!(apart("iscsi://lib/iqn.a"), json!({ "host": "lib", "target": "iqn.a" }));
        assert_eq!(apart("iscsi://[::1]:3260/iqn.a"), json!({ "host": "::1", "port": 3260, "target": "iqn.a" }));
        assert_eq!(apart("iscsi://[::1]/iqn.a"), json!({ "host": "::1", "target": "iqn.a" }));
    }

    #[test]
    fn an_address_with_a_login_or_without_a_name_is_refused() {
        for device in ["iscsi://u:p@lib/iqn.a", "iscsi://lib", "iscsi:///iqn.a", "iscsi://lib:x/iqn.a", "lib", "sg3"] {
            assert_eq!(read(device).unwrap_err().body.details["device"][0].error, Code::Invalid, "{device}");
        }
    }
}
