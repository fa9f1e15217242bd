//! Servers: machines of the host. Which drives one lists, and whether it runs, is all that the host knows of it; the rest is kept.

use async_trait::async_trait;
use capstan_api_drives::{
    Absent, Answer, Error, Link, Listing, Meta, Mount, Noun, Page, Recurse, Server, ServerAction, ServerChange, ServerDefinition,
    ServerStatus, Servers,
};
use capstan_api_http::Caller;
use capstan_app::drives::DrivePicture;
use capstan_app::machines::{MachineEdit, MachineWish};
use capstan_domain::drive::Media;
use capstan_domain::identity;
use capstan_domain::ids::{MachineId, TagId, Uuid};
use capstan_domain::machine::Machine;
use capstan_domain::tag::Tagged;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Door;
use super::attributes;
use super::drive::deletable;
use super::failures::{error, missing};
use super::listing::{these, window};
use super::mounts::{placed, server_drive};
use super::tags::links;

/// What is kept of a server that the host has no word for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    /// MHz.
    cpu: u32,
    /// Bytes.
    mem: u64,
    meta: Meta,
}

fn server(of: &Machine, tags: Vec<Link>) -> Server {
    let Kept { cpu, mem, meta } = attributes::read(&of.attributes);
    Server {
        uuid: of.id.0,
        resource_uri: Noun::Servers.uri(of.id.0),
        name: of.name.clone(),
        status: if of.running { ServerStatus::Running } else { ServerStatus::Stopped },
        cpu,
        mem,
        drives: of.mounts.iter().map(server_drive).collect(),
        meta,
        tags,
        owner: Some(Link::to(Noun::User, of.owner.0)),
        jobs: Vec::new(),
        grantees: Vec::new(),
        permissions: Vec::new(),
        absent: Absent::default(),
    }
}

fn goes(recurse: Recurse, media: Media) -> bool {
    match recurse {
        Recurse::None => false,
        Recurse::AllDrives => true,
        Recurse::Disks => media == Media::Disk,
        Recurse::Cdroms => media == Media::Cdrom,
    }
}

impl Door {
    async fn machine(&self, caller: &identity::Caller, uuid: Uuid) -> Answer<Machine> {
        self.app.machines.get(caller, MachineId(uuid)).await.map_err(missing("server", uuid))
    }

    async fn shown_servers(&self, caller: &identity::Caller, machines: &[Machine]) -> Answer<Vec<Server>> {
        let resources: Vec<Tagged> = machines.iter().map(|of| Tagged::Machine(of.id)).collect();
        let tags = links(&resources, self.app.tags.of(caller, &resources).await.map_err(error)?);
        Ok(machines.iter().zip(tags).map(|(of, tags)| server(of, tags)).collect())
    }

    async fn shown_server(&self, caller: &identity::Caller, machine: &Machine) -> Answer<Server> {
        let shown = self.shown_servers(caller, std::slice::from_ref(machine)).await?;
        shown.into_iter().next().ok_or_else(|| Error::not_found("server", machine.id))
    }

    /// The drives that a request names are there.
    async fn drives_exist(&self, caller: &identity::Caller, mounts: &[Mount]) -> Answer<()> {
        if mounts.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = mounts.iter().map(|mount| mount.drive).collect();
        let found = self.app.drives.list(caller, these(&ids)).await.map_err(error)?.items;
        match ids.iter().position(|uuid| !found.iter().any(|drive| drive.id.0 == *uuid)) {
            Some(at) => Err(Error::invalid(&format!("drives[{at}].drive"), "There is no such drive")),
            None => Ok(()),
        }
    }

    async fn make_servers(&self, caller: &identity::Caller, wishes: Vec<MachineWish>, made: &mut Vec<Machine>) -> Answer<()> {
        for wish in wishes {
            made.push(self.app.machines.create(caller, wish).await.map_err(error)?);
        }
        Ok(())
    }

    /// The drives that go with a server, if all of them can.
    async fn going(&self, caller: &identity::Caller, machine: &Machine, recurse: Recurse) -> Answer<Vec<DrivePicture>> {
        if recurse == Recurse::None || machine.mounts.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = machine.mounts.iter().map(|mount| mount.drive.0).collect();
        let mut drives = self.app.drives.list(caller, these(&ids)).await.map_err(error)?.items;
        drives.retain(|drive| goes(recurse, drive.media));
        let pictures = self.app.drives.picture(caller, &drives).await.map_err(error)?;
        for picture in &pictures {
            deletable(picture)?;
            if picture.mounted_on.iter().any(|(other, _)| *other != machine.id) {
                let name = &picture.drive.name;
                return Err(Error::not_permitted(format!("The drive {name} is mounted on another server too")));
            }
        }
        Ok(pictures)
    }
}

#[async_trait]
impl Servers for Door {
    async fn list(&self, caller: &Caller, listing: Listing) -> Answer<Page<Server>> {
        let caller = self.caller(caller)?;
        let page = window(&listing, |asked| self.app.machines.list(&caller, asked)).await?;
        Ok(Page { total_count: page.count, items: self.shown_servers(&caller, &page.items).await? })
    }

    async fn show(&self, caller: &Caller, server: Uuid) -> Answer<Server> {
        let caller = self.caller(caller)?;
        let found = self.machine(&caller, server).await?;
        self.shown_server(&caller, &found).await
    }

    /// If one cannot be made, those before it go again.
    async fn create(&self, caller: &Caller, servers: Vec<ServerDefinition>) -> Answer<Vec<Server>> {
        let caller = self.caller(caller)?;
        let mut wishes = Vec::with_capacity(servers.len());
        for ServerDefinition { name, cpu, mem, drives, meta, tags } in servers {
            self.tags_exist(&caller, &tags).await?;
            self.drives_exist(&caller, &drives).await?;
            wishes.push(MachineWish {
                name,
                mounts: placed(drives, &[])?,
                attributes: attributes::write(&Value::Null, &Kept { cpu, mem, meta })?,
                tags: tags.into_iter().map(TagId).collect(),
            });
        }
        let mut made = Vec::with_capacity(wishes.len());
        if let Err(refused) = self.make_servers(&caller, wishes, &mut made).await {
            for machine in made {
                if let Err(failure) = self.app.machines.delete(&caller, machine.id).await {
                    tracing::warn!(machine = %machine.id, %failure, "a machine is left of a request that was refused");
                }
            }
            return Err(refused);
        }
        self.shown_servers(&caller, &made).await
    }

    async fn edit(&self, caller: &Caller, server: Uuid, change: ServerChange) -> Answer<Server> {
        let caller = self.caller(caller)?;
        let old = self.machine(&caller, server).await?;
        let ServerChange { name, cpu, mem, drives, meta, tags } = change;
        self.tags_exist(&caller, &tags).await?;
        let mounts = match drives {
            Some(drives) => {
                self.drives_exist(&caller, &drives).await?;
                Some(placed(drives, &old.mounts)?)
            }
            None => None,
        };
        let attributes = attributes::write(&old.attributes, &Kept { cpu, mem, meta })?;
        let edit = MachineEdit { name: Some(name), mounts, attributes: Some(attributes) };
        let edited = self.app.machines.edit(&caller, old.id, edit).await.map_err(error)?;
        let tags: Vec<TagId> = tags.into_iter().map(TagId).collect();
        self.app.tags.set(&caller, Tagged::Machine(old.id), &tags).await.map_err(error)?;
        self.shown_server(&caller, &edited).await
    }

    async fn delete(&self, caller: &Caller, server: Uuid, recurse: Recurse) -> Answer<()> {
        let caller = self.caller(caller)?;
        let machine = self.machine(&caller, server).await?;
        let going = self.going(&caller, &machine, recurse).await?;
        self.app.machines.delete(&caller, machine.id).await.map_err(error)?;
        if going.is_empty() { Ok(()) } else { self.delete_drives(&caller, &going).await }
    }

    async fn act(&self, caller: &Caller, server: Uuid, action: ServerAction) -> Answer<()> {
        let caller = self.caller(caller)?;
        let id = MachineId(server);
        let acted = match action {
            ServerAction::Start => self.app.machines.start(&caller, id).await,
            ServerAction::Stop | ServerAction::Shutdown => self.app.machines.stop(&caller, id).await,
        };
        acted.map(|_| ()).map_err(missing("server", server))
    }
}
