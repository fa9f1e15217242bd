//! What a server looks like, and what a request may say of one. A server is a list of drives with a name: it is what mounts them.

use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;
use uuid::Uuid;

use super::drive::Grantee;
use crate::forms::Form;
use crate::link::{Link, Named};
use crate::meta::Meta;
use crate::validation::Check;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = server_status)]
pub enum ServerStatus {
    Stopped,
    Starting,
    Running,
    Stopping,
    Unavailable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = server_action)]
pub enum ServerAction {
    Start,
    Stop,
    /// Stops it when the machine agrees.
    Shutdown,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = device)]
pub enum Device {
    #[default]
    Virtio,
    Ide,
}

/// The place of a drive on a bus, written `CONTROLLER:UNIT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceChannel {
    pub controller: u16,
    pub unit: u8,
}

/// By the published API there are six units on a virtio controller, and two controllers with two units each for IDE.
const VIRTIO_CONTROLLERS: u16 = 256;
const VIRTIO_UNITS: u8 = 6;
const IDE_CONTROLLERS: u16 = 2;
const IDE_UNITS: u8 = 2;

impl DeviceChannel {
    fn read(text: &str, device: Device) -> Option<Self> {
        let (controllers, units) = match device {
            Device::Virtio => (VIRTIO_CONTROLLERS, VIRTIO_UNITS),
            Device::Ide => (IDE_CONTROLLERS, IDE_UNITS),
        };
        let (controller, unit) = text.split_once(':')?;
        let channel = Self { controller: controller.parse().ok()?, unit: unit.parse().ok()? };
        (channel.controller < controllers && channel.unit < units).then_some(channel)
    }
}

impl Serialize for DeviceChannel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}:{}", self.controller, self.unit))
    }
}

/// A drive as a server lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = server_drive)]
pub struct ServerDrive {
    /// The first drive to boot from is 1; null is none.
    pub boot_order: Option<u32>,
    #[schema(value_type = String)]
    pub dev_channel: DeviceChannel,
    pub device: Device,
    pub drive: Link,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = server)]
pub struct Server {
    #[schema(value_type = String)]
    pub uuid: Uuid,
    /// `Noun::Servers.uri(uuid)`.
    pub resource_uri: String,
    pub name: String,
    pub status: ServerStatus,
    /// MHz.
    pub cpu: u32,
    /// Bytes.
    pub mem: u64,
    pub drives: Vec<ServerDrive>,
    pub meta: Meta,
    pub tags: Vec<Link>,
    pub owner: Option<Link>,
    pub jobs: Vec<Link>,
    pub grantees: Vec<Grantee>,
    pub permissions: Vec<String>,
    #[serde(flatten)]
    pub absent: Absent,
}

/// What a server of the published API has beside, and none here: clients look for the members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = server_absent)]
pub struct Absent {
    /// Always empty: networks are not this host's.
    #[schema(value_type = Vec<Object>)]
    nics: [(); 0],
    /// Always null.
    #[schema(value_type = Option<Object>)]
    runtime: Option<()>,
    /// Always null: what is sent is not kept, because nothing here would ask for it.
    #[schema(value_type = Option<String>)]
    vnc_password: Option<()>,
}

/// A drive that a server should list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount {
    pub drive: Uuid,
    pub device: Device,
    /// None: one that is free.
    pub channel: Option<DeviceChannel>,
    pub boot_order: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerDefinition {
    pub name: String,
    /// MHz.
    pub cpu: u32,
    /// Bytes.
    pub mem: u64,
    pub drives: Vec<Mount>,
    pub meta: Meta,
    pub tags: Vec<Uuid>,
}

/// Meta and tags are replaced. Drives that are left out stay: clients that edit a server's name do not send them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerChange {
    pub name: String,
    /// MHz.
    pub cpu: u32,
    /// Bytes.
    pub mem: u64,
    pub drives: Option<Vec<Mount>>,
    pub meta: Meta,
    pub tags: Vec<Uuid>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(as = mount_input)]
struct MountInput {
    #[schema(required = true)]
    drive: Option<Named>,
    device: Option<Device>,
    /// Such as `0:1`.
    dev_channel: Option<String>,
    boot_order: Option<u32>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(as = server_input)]
pub(crate) struct ServerInput {
    #[schema(required = true)]
    name: Option<String>,
    /// MHz.
    #[schema(required = true)]
    cpu: Option<Whole>,
    /// Bytes.
    #[schema(required = true)]
    mem: Option<Whole>,
    drives: Option<Vec<MountInput>>,
    meta: Option<Meta>,
    tags: Option<Vec<Named>>,
    /// Taken, and not kept.
    #[schema(value_type = Option<String>)]
    #[expect(dead_code, reason = "what it holds is only read by the document")]
    vnc_password: Option<serde::de::IgnoredAny>,
}

/// A number that clients compute, so that it may come as a float without a fraction.
type Whole = crate::size::Size;

/// Drives of a server; more is refused.
const MOUNTS_LIMIT: usize = 256;

impl Form for ServerInput {
    type Meaning = ServerChange;

    fn meaning(self, check: &mut Check) -> Option<ServerChange> {
        let name = check.name(self.name);
        let cpu = check.required("cpu", self.cpu).and_then(|cpu| {
            let cpu = u32::try_from(cpu.0).ok();
            if cpu.is_none() {
                check.refuse("cpu", "Is more than any machine has");
            }
            cpu
        });
        let mem = check.required("mem", self.mem);
        let drives = self.drives.map(|drives| mounts(check, drives));
        let meta = check.meta(self.meta);
        let tags = check.references("tags", self.tags.unwrap_or_default());
        Some(ServerChange { name: name?, cpu: cpu?, mem: mem?.0, drives, meta, tags })
    }
}

fn mounts(check: &mut Check, inputs: Vec<MountInput>) -> Vec<Mount> {
    if inputs.len() > MOUNTS_LIMIT {
        check.refuse("drives", format!("Names more than {MOUNTS_LIMIT}"));
        return Vec::new();
    }
    let mut found: Vec<Mount> = Vec::with_capacity(inputs.len());
    for (index, input) in inputs.into_iter().enumerate() {
        let device = input.device.unwrap_or_default();
        let point = |member: &str| format!("drives[{index}].{member}");
        let Some(Named(drive)) = check.required(&point("drive"), input.drive) else { continue };
        let text = input.dev_channel.filter(|text| !text.is_empty());
        let channel = text.as_deref().and_then(|text| DeviceChannel::read(text, device));
        if text.is_some() && channel.is_none() {
            check.refuse(&point("dev_channel"), "Has to be CONTROLLER:UNIT, such as 0:1, of what the device has");
        }
        if found.iter().any(|other| other.drive == drive) {
            check.refuse(&point("drive"), "Is listed twice");
        }
        if channel.is_some() && found.iter().any(|other| other.device == device && other.channel == channel) {
            check.refuse(&point("dev_channel"), "Is taken by another drive");
        }
        found.push(Mount { drive, device, channel, boot_order: input.boot_order.filter(|order| *order > 0) });
    }
    found
}

impl From<ServerChange> for ServerDefinition {
    fn from(change: ServerChange) -> Self {
        let ServerChange { name, cpu, mem, drives, meta, tags } = change;
        Self { name, cpu, mem, drives: drives.unwrap_or_default(), meta, tags }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_within_what_the_device_has() {
        for (text, device, good) in [
            ("0:0", Device::Virtio, true),
            ("255:5", Device::Virtio, true),
            ("0:6", Device::Virtio, false),
            ("1:1", Device::Ide, true),
            ("2:0", Device::Ide, false),
            ("", Device::Ide, false),
            ("0", Device::Virtio, false),
            ("-1:0", Device::Virtio, false),
            ("0:0:0", Device::Virtio, false),
            ("99999:0", Device::Virtio, false),
        ] {
            assert_eq!(DeviceChannel::read(text, device).is_some(), good, "{text} {device:?}");
        }
    }
}
