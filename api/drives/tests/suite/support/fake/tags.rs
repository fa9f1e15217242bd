//! Tags in memory. Who has a tag is kept with the things that have it.

use async_trait::async_trait;
use capstan_api_drives::*;
use capstan_api_http::Caller;
use uuid::Uuid;

use super::{Fake, OWNER, Seen, World, fits, page};

impl World {
    fn resources(&self, tag: Uuid) -> Vec<TagResource> {
        let resource = |res_type, uuid, resource_uri: &str| TagResource {
            res_type,
            uuid,
            resource_uri: resource_uri.to_owned(),
            owner: Some(Link::to(Noun::User, OWNER)),
        };
        let has = |tags: &[Link]| tags.iter().any(|link| link.uuid == tag);
        let drives = self.drives.values().map(|held| &held.drive).filter(|drive| has(&drive.tags));
        let servers = self.servers.values().filter(|server| has(&server.tags));
        let snapshots = self.snapshots.values().filter(|snapshot| has(&snapshot.tags));
        drives
            .map(|drive| resource(ResourceKind::Drives, drive.uuid, &drive.resource_uri))
            .chain(servers.map(|server| resource(ResourceKind::Servers, server.uuid, &server.resource_uri)))
            .chain(snapshots.map(|snapshot| resource(ResourceKind::Snapshots, snapshot.uuid, &snapshot.resource_uri)))
            .collect()
    }

    /// Exactly these have the tag.
    fn give(&mut self, tag: Uuid, resources: &[Uuid]) -> Answer<()> {
        if let Some(missing) = resources.iter().find(|uuid| !self.exists(**uuid)) {
            return Err(Error::invalid("resources", format!("There is nothing with the id {missing}")));
        }
        let drives = self.drives.values_mut().map(|held| (held.drive.uuid, &mut held.drive.tags));
        let servers = self.servers.values_mut().map(|server| (server.uuid, &mut server.tags));
        let snapshots = self.snapshots.values_mut().map(|snapshot| (snapshot.uuid, &mut snapshot.tags));
        for (uuid, tags) in drives.chain(servers).chain(snapshots) {
            tags.retain(|link| link.uuid != tag);
            if resources.contains(&uuid) {
                tags.push(Link::to(Noun::Tags, tag));
            }
        }
        Ok(())
    }

    fn tag(&self, tag: Uuid) -> Answer<Tag> {
        let found = self.tags.get(&tag).cloned().ok_or_else(|| Error::not_found("tag", tag))?;
        Ok(Tag { resources: self.resources(tag), ..found })
    }
}

#[async_trait]
impl Tags for Fake {
    async fn list(&self, _: &Caller, listing: Listing) -> Answer<Page<Tag>> {
        let world = self.world();
        let fit = |tag: &&Tag| {
            fits(&world, &listing.filters, &Seen { uuid: tag.uuid, name: &tag.name, tags: &[], drive: None, state: "" })
        };
        Ok(page(&listing, world.tags.values().filter(fit).map(|tag| world.tag(tag.uuid).unwrap()).collect()))
    }

    async fn show(&self, _: &Caller, tag: Uuid) -> Answer<Tag> {
        self.world().tag(tag)
    }

    async fn create(&self, _: &Caller, tags: Vec<TagDefinition>) -> Answer<Vec<Tag>> {
        self.note(&tags);
        let mut world = self.world();
        let mut made = Vec::new();
        for wanted in tags {
            let uuid = world.id();
            let owner = Some(Link::to(Noun::User, OWNER));
            let (name, meta, resources) = (wanted.name, wanted.meta, Vec::new());
            world.tags.insert(uuid, Tag { uuid, resource_uri: Noun::Tags.uri(uuid), name, meta, owner, resources });
            world.give(uuid, &wanted.resources.unwrap_or_default())?;
            made.push(world.tag(uuid)?);
        }
        Ok(made)
    }

    async fn edit(&self, _: &Caller, tag: Uuid, definition: TagDefinition) -> Answer<Tag> {
        self.note(&definition);
        let mut world = self.world();
        let found = world.tags.get_mut(&tag).ok_or_else(|| Error::not_found("tag", tag))?;
        (found.name, found.meta) = (definition.name, definition.meta);
        if let Some(resources) = definition.resources {
            world.give(tag, &resources)?;
        }
        world.tag(tag)
    }

    async fn delete(&self, _: &Caller, tag: Uuid) -> Answer<()> {
        let mut world = self.world();
        world.tag(tag)?;
        world.give(tag, &[])?;
        world.tags.remove(&tag);
        Ok(())
    }
}
