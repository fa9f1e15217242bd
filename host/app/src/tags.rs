//! Tags: an owner's words for some of their drives, snapshots and machines.

use capstan_catalogue::Catalogue;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{DriveId, MachineId, SnapshotId, TagId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::tag::{NewTag, Tag, Tagged};
use capstan_domain::{Failure, Outcome};
use serde_json::{Value, json};

use crate::audit::Audit;
use crate::ownership::{check_attributes, check_name, missing, one_of, seen, visible, without_deleting};

/// What bears one tag, and tags of one thing, as they are given; more are refused.
const TOGETHER_MAX: usize = 1000;

#[derive(Clone)]
pub struct Tags {
    catalogue: Catalogue,
    audit: Audit,
}

/// What a caller gives for a new tag.
#[derive(Clone, Debug)]
pub struct TagWish {
    /// No two of an owner's have the same.
    pub name: String,
    pub attributes: Value,
    pub resources: Vec<Tagged>,
}

/// What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct TagEdit {
    pub name: Option<String>,
    pub attributes: Option<Value>,
    /// Exactly these from then on.
    pub resources: Option<Vec<Tagged>>,
}

impl Tags {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit) -> Self {
        Self { catalogue, audit }
    }

    pub async fn list(&self, caller: &Caller, listing: Listing) -> Outcome<Page<Tag>> {
        self.catalogue.tags(&visible(caller, listing)).await
    }

    pub async fn get(&self, caller: &Caller, id: TagId) -> Outcome<Tag> {
        let tag = self.catalogue.tag(id).await?;
        seen(caller, tag.owner, "tag")?;
        Ok(tag)
    }

    /// What bears it.
    pub async fn tagged(&self, caller: &Caller, id: TagId) -> Outcome<Vec<Tagged>> {
        self.get(caller, id).await?;
        self.catalogue.tagged(id).await
    }

    /// The tags of things that the caller was given before.
    pub async fn of(&self, caller: &Caller, resources: &[Tagged]) -> Outcome<Vec<(Tagged, Tag)>> {
        let mut tags = self.catalogue.tags_of(resources).await?;
        tags.retain(|(_, tag)| seen(caller, tag.owner, "tag").is_ok());
        Ok(tags)
    }

    /// `AlreadyExists` "taken" if the caller has one of that name.
    pub async fn create(&self, caller: &Caller, wish: TagWish) -> Outcome<Tag> {
        check_name(&wish.name)?;
        check_attributes(&wish.attributes)?;
        self.are_seen(caller, &wish.resources).await?;
        let new = NewTag { owner: caller.user, name: wish.name, attributes: wish.attributes };
        let tag = self.catalogue.create_tag(&new, &wish.resources).await?;
        let detail = json!({ "number": tag.number, "resources": wish.resources.len() });
        self.audit.done(caller, "create", "tag", &tag.name, detail).await?;
        Ok(tag)
    }

    pub async fn edit(&self, caller: &Caller, id: TagId, edit: TagEdit) -> Outcome<Tag> {
        let mut tag = self.get(caller, id).await?;
        if let Some(name) = edit.name {
            check_name(&name)?;
            tag.name = name;
        }
        if let Some(attributes) = edit.attributes {
            check_attributes(&attributes)?;
            tag.attributes = attributes;
        }
        if let Some(resources) = &edit.resources {
            self.are_seen(caller, resources).await?;
        }
        let tag = self.catalogue.update_tag(&tag, edit.resources.as_deref()).await?;
        let detail = json!({ "number": tag.number, "resources": edit.resources.map(|all| all.len()) });
        self.audit.done(caller, "update", "tag", &tag.name, detail).await?;
        Ok(tag)
    }

    /// What bears it stays.
    pub async fn delete(&self, caller: &Caller, id: TagId) -> Outcome<()> {
        let tag = self.get(caller, id).await?;
        self.catalogue.delete_tag(id).await?;
        self.audit.done(caller, "delete", "tag", &tag.name, json!({ "number": tag.number })).await
    }

    /// These become exactly the tags of something.
    pub async fn set(&self, caller: &Caller, resource: Tagged, tags: &[TagId]) -> Outcome<()> {
        self.are_seen(caller, &[resource]).await?;
        self.are_callers(caller, tags).await?;
        self.catalogue.set_tags(resource, tags).await?;
        let (noun, id) = told(resource);
        self.audit.done(caller, "tag", noun, &id, json!({ "tags": tags.len() })).await
    }

    /// `Invalid` "tags" if one of them is not there for the caller.
    pub(crate) async fn are_callers(&self, caller: &Caller, tags: &[TagId]) -> Outcome<()> {
        let mut tags = tags.to_vec();
        tags.sort_unstable();
        tags.dedup();
        few(tags.len())?;
        if tags.is_empty() {
            return Ok(());
        }
        let asked = tags.len() as u64;
        let found = self.list(caller, one_of(Listing::first(1), "id", tags)).await?.count;
        if found == asked { Ok(()) } else { Err(Failure::invalid("one of the tags does not exist").with_code("tags")) }
    }

    async fn are_seen(&self, caller: &Caller, resources: &[Tagged]) -> Outcome<()> {
        few(resources.len())?;
        let (mut drives, mut snapshots, mut machines) =
            (Vec::<DriveId>::new(), Vec::<SnapshotId>::new(), Vec::<MachineId>::new());
        for resource in resources {
            match resource {
                Tagged::Drive(id) if !drives.contains(id) => drives.push(*id),
                Tagged::Snapshot(id) if !snapshots.contains(id) => snapshots.push(*id),
                Tagged::Machine(id) if !machines.contains(id) => machines.push(*id),
                _ => {}
            }
        }
        let one = || visible(caller, Listing::first(1));
        if !drives.is_empty() {
            let asked = drives.len() as u64;
            let listing = without_deleting(one_of(one(), "id", drives));
            all_found(asked, self.catalogue.drives(&listing).await?.count, "drive")?;
        }
        if !snapshots.is_empty() {
            let asked = snapshots.len() as u64;
            let listing = without_deleting(one_of(one(), "id", snapshots));
            all_found(asked, self.catalogue.snapshots(&listing).await?.count, "snapshot")?;
        }
        if !machines.is_empty() {
            let asked = machines.len() as u64;
            all_found(asked, self.catalogue.machines(&one_of(one(), "id", machines)).await?.count, "machine")?;
        }
        Ok(())
    }
}

fn all_found(asked: u64, found: u64, noun: &str) -> Outcome<()> {
    if asked == found { Ok(()) } else { Err(missing(noun)) }
}

fn few(count: usize) -> Outcome<()> {
    if count <= TOGETHER_MAX {
        return Ok(());
    }
    Err(Failure::invalid(format!("at most {TOGETHER_MAX} are tagged at once")).with_code("too-many"))
}

fn told(resource: Tagged) -> (&'static str, String) {
    match resource {
        Tagged::Drive(id) => ("drive", id.to_string()),
        Tagged::Snapshot(id) => ("snapshot", id.to_string()),
        Tagged::Machine(id) => ("machine", id.to_string()),
    }
}
