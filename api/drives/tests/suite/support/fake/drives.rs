//! Drives in memory. Their statuses move as those of real ones do.

use async_trait::async_trait;
use capstan_api_drives::*;
use capstan_api_http::Caller;
use uuid::Uuid;

use super::{AT, Fake, GRANULARITY, Held, LIMITS, Next, OWNER, Seen, World, fits, page};

impl World {
    pub(super) fn drive(&self, uuid: Uuid) -> Answer<&Held> {
        self.drives.get(&uuid).ok_or_else(|| Error::not_found("drive", uuid))
    }

    /// As it is now; what was under way is done at the next look.
    fn look(&mut self, uuid: Uuid) -> Answer<Drive> {
        let now = self.drive(uuid)?.drive.clone();
        let held = self.drives.get_mut(&uuid).unwrap();
        if let Some(next) = held.next.take() {
            held.drive.status = next.status;
            held.drive.size = next.size;
            held.drive.runtime.is_snapshotable = Some(true);
        }
        Ok(now)
    }

    pub(super) fn on_running_server(&self, drive: &Drive) -> bool {
        drive.mounted_on.iter().any(|server| self.servers[&server.uuid].status == ServerStatus::Running)
    }

    fn usable(&self, uuid: Uuid) -> Answer<&Drive> {
        let drive = &self.drive(uuid)?.drive;
        match drive.status {
            DriveStatus::Unmounted | DriveStatus::Mounted | DriveStatus::CloningSrc => Ok(drive),
            status => Err(Error::not_permitted(format!("The drive is {status:?}"))),
        }
    }

    pub(super) fn make(&mut self, definition: DriveDefinition, avoided: Avoid) -> Answer<Held> {
        let storage_type = storage_type(definition.storage_type)?;
        let size = rounded(definition.size)?;
        let tags = self.tagged(&definition.tags)?;
        let uuid = self.id();
        let drive = Drive {
            meta: definition.meta,
            allow_multimount: definition.allow_multimount,
            affinities: definition.affinities,
            owner: Some(Link::to(Noun::User, OWNER)),
            tags,
            ..Drive::new(uuid, definition.name, definition.media, size, DriveStatus::Creating, storage_type)
        };
        Ok(Held { drive, next: Some(Next { status: DriveStatus::Unmounted, size }), avoided })
    }

    /// All of the definition; the size when it is looked at again.
    fn change(&mut self, uuid: Uuid, definition: DriveDefinition) -> Answer<Drive> {
        let old = self.usable(uuid)?.clone();
        let size = rounded(definition.size)?;
        if size < old.size {
            return Err(Error::invalid("size", format!("A drive cannot shrink; it has {} bytes", old.size)));
        }
        if definition.storage_type.is_some_and(|wanted| wanted != old.storage_type) {
            return Err(Error::invalid("storage_type", "Cannot be changed; clone the drive instead"));
        }
        let tags = self.tagged(&definition.tags)?;
        let held = self.drives.get_mut(&uuid).unwrap();
        let drive = &mut held.drive;
        drive.name = definition.name;
        drive.media = definition.media;
        drive.meta = definition.meta;
        drive.allow_multimount = definition.allow_multimount;
        drive.affinities = definition.affinities;
        drive.tags = tags;
        if size > old.size {
            drive.status = DriveStatus::Resizing;
            held.next = Some(Next { status: old.status, size });
        }
        Ok(held.drive.clone())
    }

    /// A new drive that is filled from this one by a job.
    pub(super) fn clone_of(&mut self, source: Drive, options: CloneOptions, avoided: Avoid) -> Answer<Drive> {
        let definition = DriveDefinition {
            name: options
                .name
                .unwrap_or_else(|| if self.naming == CloneNaming::Counter { format!("{}_1", source.name) } else { source.name }),
            media: options.media.unwrap_or(source.media),
            size: options.size.unwrap_or(source.size),
            storage_type: Some(options.storage_type.unwrap_or(source.storage_type)),
            meta: options.meta.unwrap_or(source.meta),
            allow_multimount: options.allow_multimount.unwrap_or(source.allow_multimount),
            affinities: options.affinities.unwrap_or(source.affinities),
            tags: options.tags.unwrap_or_else(|| source.tags.iter().map(|tag| tag.uuid).collect()),
        };
        if rounded(definition.size)? < source.size {
            return Err(Error::invalid("size", format!("A clone is as large as its source or larger, {} bytes", source.size)));
        }
        let mut held = self.make(definition, avoided)?;
        held.drive.status = DriveStatus::CloningDst;
        let uuid = self.id();
        let job = Job {
            uuid,
            resource_uri: Noun::Jobs.uri(uuid),
            operation: OPERATION_DRIVE_CLONE.into(),
            state: JobState::Success,
            data: JobData { progress: 100 },
            resources: vec![source.resource_uri, held.drive.resource_uri.clone()],
            children: vec![],
            created: AT,
            last_modified: AT,
        };
        held.drive.jobs.push(Link::to(Noun::Jobs, uuid));
        self.jobs.insert(uuid, job);
        let drive = held.drive.clone();
        self.drives.insert(drive.uuid, held);
        Ok(drive)
    }
}

fn storage_type(wanted: Option<String>) -> Answer<String> {
    match wanted.as_deref() {
        None => Ok("dssd".into()),
        Some(known @ ("dssd" | "nvme")) => Ok(known.into()),
        Some("zadara") => Err(Error::no_capacity("zadara")),
        Some(other) => Err(Error::invalid("storage_type", format!("There is no storage type {other}"))),
    }
}

fn rounded(size: u64) -> Answer<u64> {
    let size = size.next_multiple_of(GRANULARITY);
    if (LIMITS.min..=LIMITS.max).contains(&size) {
        Ok(size)
    } else {
        Err(Error::invalid("size", format!("Has to be from {} to {}", LIMITS.min, LIMITS.max)))
    }
}

#[async_trait]
impl Drives for Fake {
    async fn list(&self, _: &Caller, listing: Listing) -> Answer<Page<Drive>> {
        self.note(&listing);
        let world = self.world();
        let drives = world.drives.values().map(|held| &held.drive);
        let fit = |drive: &&Drive| {
            let Drive { uuid, name, tags, .. } = drive;
            fits(&world, &listing.filters, &Seen { uuid: *uuid, name, tags, drive: None, state: "" })
        };
        Ok(page(&listing, drives.filter(fit).cloned().collect()))
    }

    async fn show(&self, _: &Caller, drive: Uuid) -> Answer<Drive> {
        self.world().look(drive)
    }

    async fn create(&self, _: &Caller, drives: Vec<DriveDefinition>, avoid: Avoid) -> Answer<Vec<Drive>> {
        self.note((&drives, &avoid));
        let mut world = self.world();
        let mut made = Vec::new();
        for definition in drives {
            made.push(world.make(definition, avoid.clone())?);
        }
        let shown = made.iter().map(|held| held.drive.clone()).collect();
        world.drives.extend(made.into_iter().map(|held| (held.drive.uuid, held)));
        Ok(shown)
    }

    async fn edit(&self, _: &Caller, drive: Uuid, definition: DriveDefinition) -> Answer<Drive> {
        self.note(&definition);
        let mut world = self.world();
        let old = world.drive(drive)?.drive.clone();
        if !world.on_running_server(&old) {
            return world.change(drive, definition);
        }
        let DriveDefinition { name, meta, allow_multimount, tags, .. } = definition;
        let tags_now = world.tagged(&tags)?;
        let now = &mut world.drives.get_mut(&drive).unwrap().drive;
        (now.name, now.meta, now.allow_multimount, now.tags) = (name, meta, allow_multimount, tags_now);
        Ok(now.clone())
    }

    async fn resize(&self, _: &Caller, drive: Uuid, definition: DriveDefinition) -> Answer<Drive> {
        self.note(&definition);
        let mut world = self.world();
        if world.on_running_server(&world.drive(drive)?.drive) {
            return Err(Error::not_permitted("The drive is mounted on a running server"));
        }
        world.change(drive, definition)
    }

    async fn clone_drive(&self, _: &Caller, drive: Uuid, options: CloneOptions, avoid: Avoid) -> Answer<Drive> {
        self.note((&options, &avoid));
        let mut world = self.world();
        let source = world.usable(drive)?.clone();
        let made = world.clone_of(source, options, avoid)?;
        let held = world.drives.get_mut(&drive).unwrap();
        let before = held.next.take().unwrap_or(Next { status: held.drive.status, size: held.drive.size });
        held.drive.status = DriveStatus::CloningSrc;
        held.next = Some(before);
        held.drive.jobs.extend(made.jobs.clone());
        Ok(made)
    }

    async fn delete(&self, _: &Caller, drives: Vec<Uuid>) -> Answer<()> {
        let mut world = self.world();
        for drive in &drives {
            if world.on_running_server(&world.drive(*drive)?.drive) {
                return Err(Error::not_permitted(format!("The drive {drive} is mounted on a running server")));
            }
        }
        for drive in drives {
            world.drives.remove(&drive);
            world.users.remove(&drive);
            world.snapshots.retain(|_, snapshot| snapshot.drive.uuid != drive);
            for server in world.servers.values_mut() {
                server.drives.retain(|mounted| mounted.drive.uuid != drive);
            }
        }
        Ok(())
    }

    async fn storage_types(&self, _: &Caller) -> Answer<Vec<String>> {
        Ok(vec!["dssd".into(), "nvme".into()])
    }
}
