//! The small host: everything is in memory, and what takes time is done when it was looked at once. It has storage of the types `dssd`
//! and `nvme`; of `zadara` it is out. Drives lie on one storage host, but those that were made to avoid something.

mod drive_users;
mod drives;
mod servers;
mod snapshots;
mod tags;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use capstan_api_drives::*;
use capstan_api_http::Caller;
use uuid::Uuid;

pub(crate) const OWNER: Uuid = Uuid::from_u128(0xad);
pub(crate) const AT: Moment = Moment(1_385_543_995_676_194_000);
pub(crate) const LIMITS: Range = Range { min: 512 << 20, max: 1 << 44 };
pub(crate) const GRANULARITY: u64 = 16_384;

/// What a drive becomes when it was looked at once.
#[derive(Clone)]
struct Next {
    status: DriveStatus,
    size: u64,
}

#[derive(Clone)]
struct Held {
    drive: Drive,
    next: Option<Next>,
    avoided: Avoid,
}

#[derive(Default)]
pub(crate) struct World {
    made: u128,
    drives: BTreeMap<Uuid, Held>,
    snapshots: BTreeMap<Uuid, Snapshot>,
    servers: BTreeMap<Uuid, Server>,
    tags: BTreeMap<Uuid, Tag>,
    jobs: BTreeMap<Uuid, Job>,
    users: BTreeMap<Uuid, u32>,
    naming: CloneNaming,
    /// What was asked for last, to see what arrived behind the door.
    pub(crate) asked: String,
}

#[derive(Default)]
pub(crate) struct Fake {
    world: Mutex<World>,
}

impl Fake {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Drives by storage host.
    fn groups(&self) -> Vec<Vec<Uuid>> {
        let world = self.world();
        let (apart, together): (Vec<_>, Vec<_>) = world.drives.values().partition(|held| !held.avoided.is_empty());
        let together = together.into_iter().map(|held| held.drive.uuid).collect();
        std::iter::once(together).chain(apart.into_iter().map(|held| vec![held.drive.uuid])).collect()
    }

    fn note(&self, what: impl std::fmt::Debug) {
        self.world().asked = format!("{what:?}");
    }

    pub(crate) fn last(&self) -> String {
        self.world().asked.clone()
    }
}

impl World {
    fn id(&mut self) -> Uuid {
        self.made += 1;
        Uuid::from_u128((0x018f << 112) + self.made)
    }

    fn exists(&self, uuid: Uuid) -> bool {
        self.drives.contains_key(&uuid) || self.servers.contains_key(&uuid) || self.snapshots.contains_key(&uuid)
    }

    fn tagged(&self, tags: &[Uuid]) -> Answer<Vec<Link>> {
        match tags.iter().find(|tag| !self.tags.contains_key(tag)) {
            Some(tag) => Err(Error::invalid("tags", format!("There is no tag {tag}"))),
            None => Ok(Link::all(Noun::Tags, tags.iter().copied())),
        }
    }
}

/// What a filter looks at.
struct Seen<'a> {
    uuid: Uuid,
    name: &'a str,
    tags: &'a [Link],
    drive: Option<Uuid>,
    state: &'a str,
}

fn fits(world: &World, filters: &[Filter], seen: &Seen<'_>) -> bool {
    filters.iter().all(|filter| match filter {
        Filter::Uuid(any) => any.contains(&seen.uuid),
        Filter::Name(any) => any.iter().any(|name| name == seen.name),
        Filter::NameContains(any) => any.iter().any(|part| seen.name.to_lowercase().contains(&part.to_lowercase())),
        Filter::Tag(any) => seen.tags.iter().any(|tag| any.contains(&tag.uuid)),
        Filter::TagName(any) => seen.tags.iter().any(|tag| any.contains(&world.tags[&tag.uuid].name)),
        Filter::Drive(any) => seen.drive.is_some_and(|drive| any.contains(&drive)),
        Filter::State(any) => any.iter().any(|state| state == seen.state),
    })
}

fn page<T>(listing: &Listing, found: Vec<T>) -> Page<T> {
    let total_count = found.len() as u64;
    let limit = listing.limit.map_or(usize::MAX, |limit| limit as usize);
    Page { total_count, items: found.into_iter().skip(usize::try_from(listing.offset).unwrap()).take(limit).collect() }
}

#[async_trait]
impl Jobs for Fake {
    async fn list(&self, _: &Caller, listing: Listing) -> Answer<Page<Job>> {
        let world = self.world();
        let state = |job: &Job| if job.state == JobState::Success { "success" } else { "started" };
        let fit = |job: &&Job| {
            fits(&world, &listing.filters, &Seen { uuid: job.uuid, name: "", tags: &[], drive: None, state: state(job) })
        };
        Ok(page(&listing, world.jobs.values().filter(fit).cloned().collect()))
    }

    async fn show(&self, _: &Caller, job: Uuid) -> Answer<Job> {
        self.world().jobs.get(&job).cloned().ok_or_else(|| Error::not_found("job", job))
    }
}

#[async_trait]
impl CapabilitiesOf for Fake {
    async fn show(&self, _: &Caller) -> Answer<Capabilities> {
        let limits = |name: &str| (name.to_owned(), DriveLimits::of(LIMITS));
        Ok(Capabilities {
            default_storage_type: "dssd".into(),
            drives: BTreeMap::from([limits("dssd"), limits("nvme")]),
            snapshots: SnapshotLimits { current: self.world().snapshots.len() as u64, max: 100, max_per_drive: 10 },
        })
    }
}

#[async_trait]
impl Profiles for Fake {
    async fn show(&self, caller: &Caller) -> Answer<Profile> {
        Ok(Profile { uuid: OWNER, email: caller.name.clone(), clone_naming: self.world().naming })
    }

    async fn edit(&self, caller: &Caller, change: ProfileChange) -> Answer<Profile> {
        if let Some(naming) = change.clone_naming {
            self.world().naming = naming;
        }
        Profiles::show(self, caller).await
    }
}

#[async_trait]
impl AvailabilityGroups for Fake {
    async fn list(&self, _: &Caller) -> Answer<GroupParts> {
        Ok(parts(self.groups()))
    }

    async fn of_drive(&self, _: &Caller, drive: Uuid) -> Answer<GroupParts> {
        let found = self.groups().into_iter().find(|group| group.contains(&drive));
        found.map(|group| parts(vec![group])).ok_or_else(|| Error::not_found("drive", drive))
    }
}

/// A part for each drive.
fn parts(groups: Vec<Vec<Uuid>>) -> GroupParts {
    let parts = groups.into_iter().enumerate();
    let parts =
        parts.flat_map(|(group, drives)| drives.into_iter().map(move |drive| Ok(GroupPart { group, drives: vec![drive] })));
    Box::pin(futures::stream::iter(parts.collect::<Vec<Answer<GroupPart>>>()))
}
