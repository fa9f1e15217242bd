//! Snapshots in memory; one is available when it was looked at once.

use async_trait::async_trait;
use capstan_api_drives::*;
use capstan_api_http::Caller;
use uuid::Uuid;

use super::{AT, Fake, OWNER, Seen, fits, page};

#[async_trait]
impl Snapshots for Fake {
    async fn list(&self, _: &Caller, listing: Listing) -> Answer<Page<Snapshot>> {
        let world = self.world();
        let fit = |snapshot: &&Snapshot| {
            let Snapshot { uuid, name, tags, drive, .. } = snapshot;
            fits(&world, &listing.filters, &Seen { uuid: *uuid, name, tags, drive: Some(drive.uuid), state: "" })
        };
        Ok(page(&listing, world.snapshots.values().filter(fit).cloned().collect()))
    }

    async fn show(&self, _: &Caller, snapshot: Uuid) -> Answer<Snapshot> {
        let mut world = self.world();
        let found = world.snapshots.get_mut(&snapshot).ok_or_else(|| Error::not_found("snapshot", snapshot))?;
        let now = found.clone();
        found.status = SnapshotStatus::Available;
        found.allocated_size = Some(0);
        Ok(now)
    }

    async fn create(&self, _: &Caller, snapshots: Vec<SnapshotDefinition>) -> Answer<Vec<Snapshot>> {
        self.note(&snapshots);
        let mut world = self.world();
        let mut made = Vec::new();
        for wanted in snapshots {
            if !world.drives.contains_key(&wanted.drive) {
                return Err(Error::invalid("drive", format!("There is no drive {}", wanted.drive)));
            }
            let uuid = world.id();
            made.push(Snapshot {
                uuid,
                resource_uri: Noun::Snapshots.uri(uuid),
                name: wanted.name.unwrap_or_else(|| format!("{}__2013-11-27__09_19_55", wanted.drive)),
                status: SnapshotStatus::Creating,
                drive: Link::to(Noun::Drives, wanted.drive),
                allocated_size: None,
                timestamp: AT,
                meta: wanted.meta,
                tags: world.tagged(&wanted.tags)?,
                owner: Some(Link::to(Noun::User, OWNER)),
                grantees: vec![],
                permissions: vec![],
            });
        }
        for snapshot in &made {
            world.snapshots.insert(snapshot.uuid, snapshot.clone());
            world.drives.get_mut(&snapshot.drive.uuid).unwrap().drive.snapshots.push(Link::to(Noun::Snapshots, snapshot.uuid));
        }
        Ok(made)
    }

    async fn edit(&self, _: &Caller, snapshot: Uuid, change: SnapshotChange) -> Answer<Snapshot> {
        let mut world = self.world();
        let tags = world.tagged(&change.tags)?;
        let found = world.snapshots.get_mut(&snapshot).ok_or_else(|| Error::not_found("snapshot", snapshot))?;
        found.name = change.name.unwrap_or_else(|| found.name.clone());
        (found.meta, found.tags) = (change.meta, tags);
        Ok(found.clone())
    }

    async fn delete(&self, _: &Caller, snapshots: Vec<Uuid>) -> Answer<()> {
        let mut world = self.world();
        if let Some(missing) = snapshots.iter().find(|snapshot| !world.snapshots.contains_key(snapshot)) {
            return Err(Error::not_found("snapshot", missing));
        }
        world.snapshots.retain(|uuid, _| !snapshots.contains(uuid));
        Ok(())
    }

    async fn clone_snapshot(&self, _: &Caller, snapshot: Uuid, options: CloneOptions, avoid: Avoid) -> Answer<Drive> {
        self.note((&options, &avoid));
        let mut world = self.world();
        let found = world.snapshots.get(&snapshot).cloned().ok_or_else(|| Error::not_found("snapshot", snapshot))?;
        let mut source = world.drive(found.drive.uuid)?.drive.clone();
        source.name = found.name;
        world.clone_of(source, options, avoid)
    }
}
