//! What bears tags, found by ids that do not say of what kind they are.

use std::collections::HashMap;

use capstan_api_drives::{Answer, Error, Link, Noun, ResourceKind, TagResource};
use capstan_domain::identity::Caller;
use capstan_domain::ids::{UserId, Uuid};
use capstan_domain::tag::Tagged;

use super::Door;
use super::failures::error;
use super::listing::these;

/// Ids looked for in one question.
const TOGETHER: usize = 5_000;

/// What the caller sees of some ids, and whose it is.
pub(super) type Found = HashMap<Uuid, (Tagged, UserId)>;

pub(super) fn id(tagged: Tagged) -> Uuid {
    match tagged {
        Tagged::Drive(id) => id.0,
        Tagged::Snapshot(id) => id.0,
        Tagged::Machine(id) => id.0,
    }
}

pub(super) fn resource(tagged: Tagged, owner: UserId) -> TagResource {
    let (res_type, noun) = match tagged {
        Tagged::Drive(_) => (ResourceKind::Drives, Noun::Drives),
        Tagged::Snapshot(_) => (ResourceKind::Snapshots, Noun::Snapshots),
        Tagged::Machine(_) => (ResourceKind::Servers, Noun::Servers),
    };
    let uuid = id(tagged);
    TagResource { res_type, uuid, resource_uri: noun.uri(uuid), owner: Some(Link::to(Noun::User, owner.0)) }
}

impl Door {
    /// Of each kind, those of these ids that the caller sees.
    pub(super) async fn found(&self, caller: &Caller, drives: &[Uuid], snapshots: &[Uuid], servers: &[Uuid]) -> Answer<Found> {
        let mut found = Found::new();
        for chunk in drives.chunks(TOGETHER) {
            let page = self.app.drives.list(caller, these(chunk)).await.map_err(error)?;
            found.extend(page.items.into_iter().map(|one| (one.id.0, (Tagged::Drive(one.id), one.owner))));
        }
        for chunk in snapshots.chunks(TOGETHER) {
            let page = self.app.snapshots.list(caller, these(chunk)).await.map_err(error)?;
            found.extend(page.items.into_iter().map(|one| (one.id.0, (Tagged::Snapshot(one.id), one.owner))));
        }
        for chunk in servers.chunks(TOGETHER) {
            let page = self.app.machines.list(caller, these(chunk)).await.map_err(error)?;
            found.extend(page.items.into_iter().map(|one| (one.id.0, (Tagged::Machine(one.id), one.owner))));
        }
        Ok(found)
    }

    /// All of these ids, whatever they are of; the field of a request is at fault if one is of nothing.
    pub(super) async fn named(&self, caller: &Caller, field: &str, ids: &[Uuid]) -> Answer<Vec<Tagged>> {
        let found = self.found(caller, ids, ids, ids).await?;
        let one = |id: &Uuid| {
            let named = found.get(id).map(|(tagged, _)| *tagged);
            named.ok_or_else(|| Error::invalid(field, format!("There is nothing with the id {id}")))
        };
        ids.iter().map(one).collect()
    }
}
