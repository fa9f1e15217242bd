//! The drives that a server lists: the place of each on a bus, which the host keeps and does not read.

use capstan_api_drives::{Answer, Device, DeviceChannel, Error, Link, Mount, Noun, ServerDrive};
use capstan_domain::ids::DriveId;
use capstan_domain::machine as record;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::attributes;

/// Places of a bus that are given to who names none: controllers, and units of each.
const VIRTIO: (u16, u8) = (256, 6);
const IDE: (u16, u8) = (2, 2);

/// What is kept of a drive that a server lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    device: Device,
    controller: u16,
    unit: u8,
    boot_order: Option<u32>,
}

impl Kept {
    fn channel(self) -> DeviceChannel {
        DeviceChannel { controller: self.controller, unit: self.unit }
    }
}

pub(super) fn server_drive(mount: &record::Mount) -> ServerDrive {
    let kept: Kept = attributes::read(&mount.attributes);
    ServerDrive {
        boot_order: kept.boot_order,
        dev_channel: kept.channel(),
        device: kept.device,
        drive: Link::to(Noun::Drives, mount.drive.0),
    }
}

/// The wanted drives, each in a place of its own: the one that is named, else the one that the drive had, else a free one.
pub(super) fn placed(wanted: Vec<Mount>, old: &[record::Mount]) -> Answer<Vec<record::Mount>> {
    let mut taken: Vec<(Device, DeviceChannel)> =
        wanted.iter().filter_map(|mount| Some((mount.device, mount.channel?))).collect();
    let before = |mount: &Mount| old.iter().find(|one| one.drive.0 == mount.drive);
    // Drives keep their places before new ones are given any.
    let mut places: Vec<Option<DeviceChannel>> = Vec::with_capacity(wanted.len());
    for mount in &wanted {
        let had = before(mount).map(|one| attributes::read::<Kept>(&one.attributes)).filter(|kept| kept.device == mount.device);
        let kept = had.map(Kept::channel).filter(|channel| !taken.contains(&(mount.device, *channel)));
        if let (None, Some(channel)) = (mount.channel, kept) {
            taken.push((mount.device, channel));
        }
        places.push(mount.channel.or(kept));
    }
    let nothing = Value::Null;
    let mut mounts = Vec::with_capacity(wanted.len());
    for (mount, place) in wanted.iter().zip(places) {
        let channel = match place {
            Some(channel) => channel,
            None => {
                let channel = free(mount.device, &taken)?;
                taken.push((mount.device, channel));
                channel
            }
        };
        let DeviceChannel { controller, unit } = channel;
        let kept = Kept { device: mount.device, controller, unit, boot_order: mount.boot_order };
        let others = before(mount).map_or(&nothing, |one| &one.attributes);
        mounts.push(record::Mount { drive: DriveId(mount.drive), attributes: attributes::write(others, &kept)? });
    }
    Ok(mounts)
}

fn free(device: Device, taken: &[(Device, DeviceChannel)]) -> Answer<DeviceChannel> {
    let (controllers, units) = match device {
        Device::Virtio => VIRTIO,
        Device::Ide => IDE,
    };
    let mut places = (0..controllers).flat_map(|controller| (0..units).map(move |unit| DeviceChannel { controller, unit }));
    let found = places.find(|channel| !taken.contains(&(device, *channel)));
    found.ok_or_else(|| Error::invalid("drives", "There are more drives than places for them on this device"))
}

#[cfg(test)]
mod tests {
    use capstan_domain::ids::Uuid;

    use super::*;

    fn mount(drive: u128, device: Device, channel: Option<(u16, u8)>) -> Mount {
        let channel = channel.map(|(controller, unit)| DeviceChannel { controller, unit });
        Mount { drive: Uuid::from_u128(drive), device, channel, boot_order: None }
    }

    fn places(mounts: &[record::Mount]) -> Vec<(u16, u8)> {
        let channels = mounts.iter().map(|mount| server_drive(mount).dev_channel);
        channels.map(|channel| (channel.controller, channel.unit)).collect()
    }

    #[test]
    fn who_names_no_place_gets_a_free_one() {
        let wanted = vec![
            mount(1, Device::Virtio, None),
            mount(2, Device::Virtio, Some((0, 0))),
            mount(3, Device::Ide, None),
            mount(4, Device::Virtio, None),
        ];
        assert_eq!(places(&placed(wanted, &[]).unwrap()), [(0, 1), (0, 0), (0, 0), (0, 2)]);
        let many = (0..8).map(|drive| mount(drive, Device::Virtio, None)).collect();
        assert_eq!(places(&placed(many, &[]).unwrap())[5..], [(0, 5), (1, 0), (1, 1)]);
    }

    #[test]
    fn a_drive_keeps_its_place_while_nobody_else_is_given_it() {
        let old = placed(vec![mount(1, Device::Virtio, Some((3, 1))), mount(2, Device::Virtio, Some((3, 2)))], &[]).unwrap();
        let again = vec![mount(2, Device::Virtio, None), mount(1, Device::Virtio, None)];
        assert_eq!(places(&placed(again, &old).unwrap()), [(3, 2), (3, 1)]);
        let same = vec![mount(1, Device::Virtio, None), mount(2, Device::Virtio, None)];
        assert_eq!(placed(same, &old).unwrap(), old, "what is sent back changes nothing");
        let other = vec![mount(1, Device::Virtio, None), mount(9, Device::Virtio, Some((3, 1)))];
        assert_eq!(places(&placed(other, &old).unwrap()), [(0, 0), (3, 1)]);
        let moved = vec![mount(1, Device::Ide, None)];
        assert_eq!(places(&placed(moved, &old).unwrap()), [(0, 0)], "another bus has other places");
    }

    #[test]
    fn a_bus_that_is_full_takes_no_more() {
        let many = |count: u128| -> Vec<Mount> { (0..count).map(|drive| mount(drive, Device::Ide, None)).collect() };
        assert_eq!(placed(many(4), &[]).unwrap().len(), 4);
        assert_eq!(placed(many(5), &[]).unwrap_err().items[0].error_point.as_deref(), Some("drives"));
    }
}
