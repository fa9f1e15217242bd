//! Servers in memory; they start and stop at once.

use async_trait::async_trait;
use capstan_api_drives::*;
use capstan_api_http::Caller;
use uuid::Uuid;

use super::{Fake, OWNER, Seen, World, fits, page};

impl World {
    /// The list of drives with a channel for each, or why one cannot be mounted.
    fn mount(&mut self, server: Uuid, wanted: Vec<Mount>) -> Answer<Vec<ServerDrive>> {
        for (index, mount) in wanted.iter().enumerate() {
            let Some(held) = self.drives.get(&mount.drive) else {
                return Err(Error::invalid(&format!("drives[{index}].drive"), format!("There is no drive {}", mount.drive)));
            };
            let others = held.drive.mounted_on.iter().any(|link| link.uuid != server);
            if others && !held.drive.allow_multimount && held.drive.media == Media::Disk {
                return Err(Error::not_permitted(format!("The drive {} is mounted on another server", mount.drive)));
            }
        }
        self.unmount(server);
        let mut taken: Vec<_> = wanted.iter().filter_map(|mount| Some((mount.device, mount.channel?))).collect();
        let mut drives = Vec::new();
        for mount in wanted {
            let free = (0..=u16::MAX).map(|number| DeviceChannel { controller: number / 2, unit: (number % 2) as u8 });
            let channel =
                mount.channel.or_else(|| free.clone().find(|channel| !taken.contains(&(mount.device, *channel)))).unwrap();
            taken.push((mount.device, channel));
            let drive = &mut self.drives.get_mut(&mount.drive).unwrap().drive;
            drive.status = DriveStatus::Mounted;
            drive.mounted_on.push(Link::to(Noun::Servers, server));
            let drive = Link::to(Noun::Drives, mount.drive);
            drives.push(ServerDrive { boot_order: mount.boot_order, dev_channel: channel, device: mount.device, drive });
        }
        Ok(drives)
    }

    fn unmount(&mut self, server: Uuid) {
        for held in self.drives.values_mut() {
            let drive = &mut held.drive;
            drive.mounted_on.retain(|link| link.uuid != server);
            if drive.mounted_on.is_empty() && drive.status == DriveStatus::Mounted {
                drive.status = DriveStatus::Unmounted;
            }
        }
    }
}

#[async_trait]
impl Servers for Fake {
    async fn list(&self, _: &Caller, listing: Listing) -> Answer<Page<Server>> {
        let world = self.world();
        let fit = |server: &&Server| {
            let Server { uuid, name, tags, .. } = server;
            fits(&world, &listing.filters, &Seen { uuid: *uuid, name, tags, drive: None, state: "" })
        };
        Ok(page(&listing, world.servers.values().filter(fit).cloned().collect()))
    }

    async fn show(&self, _: &Caller, server: Uuid) -> Answer<Server> {
        self.world().servers.get(&server).cloned().ok_or_else(|| Error::not_found("server", server))
    }

    async fn create(&self, _: &Caller, servers: Vec<ServerDefinition>) -> Answer<Vec<Server>> {
        self.note(&servers);
        let mut world = self.world();
        let mut made = Vec::new();
        for wanted in servers {
            let uuid = world.id();
            let tags = world.tagged(&wanted.tags)?;
            let server = Server {
                uuid,
                resource_uri: Noun::Servers.uri(uuid),
                name: wanted.name,
                status: ServerStatus::Stopped,
                cpu: wanted.cpu,
                mem: wanted.mem,
                drives: world.mount(uuid, wanted.drives)?,
                meta: wanted.meta,
                tags,
                owner: Some(Link::to(Noun::User, OWNER)),
                jobs: vec![],
                grantees: vec![],
                permissions: vec![],
                absent: Absent::default(),
            };
            world.servers.insert(uuid, server.clone());
            made.push(server);
        }
        Ok(made)
    }

    async fn edit(&self, _: &Caller, server: Uuid, change: ServerChange) -> Answer<Server> {
        self.note(&change);
        let mut world = self.world();
        if !world.servers.contains_key(&server) {
            return Err(Error::not_found("server", server));
        }
        let tags = world.tagged(&change.tags)?;
        let drives = change.drives.map(|drives| world.mount(server, drives)).transpose()?;
        let found = world.servers.get_mut(&server).unwrap();
        (found.name, found.cpu, found.mem, found.meta, found.tags) = (change.name, change.cpu, change.mem, change.meta, tags);
        found.drives = drives.unwrap_or_else(|| found.drives.clone());
        Ok(found.clone())
    }

    async fn delete(&self, _: &Caller, server: Uuid, recurse: Recurse) -> Answer<()> {
        self.note(recurse);
        let mut world = self.world();
        let found = world.servers.get(&server).cloned().ok_or_else(|| Error::not_found("server", server))?;
        if found.status == ServerStatus::Running {
            return Err(Error::not_permitted("The server is running"));
        }
        world.unmount(server);
        world.servers.remove(&server);
        for mounted in found.drives {
            let goes = match (recurse, world.drive(mounted.drive.uuid)?.drive.media) {
                (Recurse::AllDrives, _) | (Recurse::Disks, Media::Disk) | (Recurse::Cdroms, Media::Cdrom) => true,
                (Recurse::None | Recurse::Disks | Recurse::Cdroms, _) => false,
            };
            if goes {
                world.drives.remove(&mounted.drive.uuid);
            }
        }
        Ok(())
    }

    async fn act(&self, _: &Caller, server: Uuid, action: ServerAction) -> Answer<()> {
        let mut world = self.world();
        let found = world.servers.get_mut(&server).ok_or_else(|| Error::not_found("server", server))?;
        let becomes = if action == ServerAction::Start { ServerStatus::Running } else { ServerStatus::Stopped };
        if found.status == becomes {
            return Err(Error::not_permitted(format!("The server is {becomes:?} already")));
        }
        found.status = becomes;
        Ok(())
    }
}
