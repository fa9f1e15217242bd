//! Snapshots of drives.

use async_trait::async_trait;
use capstan_api_drives::{
    Answer, Avoid, CloneOptions, Drive, Error, Link, Listing, Meta, Moment, Noun, Page, Snapshot, SnapshotChange,
    SnapshotDefinition, SnapshotStatus, Snapshots,
};
use capstan_api_http::Caller;
use capstan_app::snapshots::SnapshotWish;
use capstan_domain::drive::{self as record, DriveState, SnapshotEdit, SnapshotState};
use capstan_domain::identity;
use capstan_domain::ids::{DriveId, SnapshotId, TagId, Uuid};
use capstan_domain::tag::Tagged;
use capstan_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Door;
use super::attributes;
use super::failures::{error, missing, missing_in};
use super::listing::window;
use super::tags::links;

/// What is kept of a snapshot that the host has no word for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    meta: Meta,
}

/// What a snapshot is called when its request does not say.
fn usual_name(drive: Uuid, now: Timestamp) -> String {
    let at = jiff::Timestamp::from_nanosecond(i128::from(now.0))
        .map_or_else(|_| now.0.to_string(), |at| at.strftime("%Y-%m-%d__%H_%M_%S").to_string());
    format!("{drive}__{at}")
}

fn snapshot(of: &record::Snapshot, tags: Vec<Link>) -> Snapshot {
    let Kept { meta } = attributes::read(&of.attributes);
    Snapshot {
        uuid: of.id.0,
        resource_uri: Noun::Snapshots.uri(of.id.0),
        name: of.name.clone(),
        status: match of.state {
            SnapshotState::Creating => SnapshotStatus::Creating,
            SnapshotState::Ready => SnapshotStatus::Available,
            // Nobody is shown one that is being deleted.
            SnapshotState::Unavailable | SnapshotState::Deleting => SnapshotStatus::Unavailable,
        },
        drive: Link::to(Noun::Drives, of.drive.0),
        allocated_size: of.used,
        timestamp: Moment(of.created.0),
        meta,
        tags,
        owner: Some(Link::to(Noun::User, of.owner.0)),
        grantees: Vec::new(),
        permissions: Vec::new(),
    }
}

impl Door {
    async fn snapshot(&self, caller: &identity::Caller, uuid: Uuid) -> Answer<record::Snapshot> {
        self.app.snapshots.get(caller, SnapshotId(uuid)).await.map_err(missing("snapshot", uuid))
    }

    async fn shown_snapshots(&self, caller: &identity::Caller, snapshots: &[record::Snapshot]) -> Answer<Vec<Snapshot>> {
        let resources: Vec<Tagged> = snapshots.iter().map(|of| Tagged::Snapshot(of.id)).collect();
        let tags = links(&resources, self.app.tags.of(caller, &resources).await.map_err(error)?);
        Ok(snapshots.iter().zip(tags).map(|(of, tags)| snapshot(of, tags)).collect())
    }

    async fn shown_snapshot(&self, caller: &identity::Caller, snapshot: &record::Snapshot) -> Answer<Snapshot> {
        let shown = self.shown_snapshots(caller, std::slice::from_ref(snapshot)).await?;
        shown.into_iter().next().ok_or_else(|| Error::not_found("snapshot", snapshot.id))
    }
}

#[async_trait]
impl Snapshots for Door {
    async fn list(&self, caller: &Caller, listing: Listing) -> Answer<Page<Snapshot>> {
        let caller = self.caller(caller)?;
        let page = window(&listing, |asked| self.app.snapshots.list(&caller, asked)).await?;
        Ok(Page { total_count: page.count, items: self.shown_snapshots(&caller, &page.items).await? })
    }

    async fn show(&self, caller: &Caller, snapshot: Uuid) -> Answer<Snapshot> {
        let caller = self.caller(caller)?;
        let found = self.snapshot(&caller, snapshot).await?;
        self.shown_snapshot(&caller, &found).await
    }

    /// Whatever keeps one of them from being made is looked for before the first is.
    async fn create(&self, caller: &Caller, snapshots: Vec<SnapshotDefinition>) -> Answer<Vec<Snapshot>> {
        let caller = self.caller(caller)?;
        for SnapshotDefinition { drive, tags, .. } in &snapshots {
            let of = self.app.drives.get(&caller, DriveId(*drive)).await.map_err(missing_in("drive", "drive", *drive))?;
            if of.state != DriveState::Ready {
                return Err(Error::not_permitted(format!("The drive {} is being made or changed, or unavailable", of.name)));
            }
            self.tags_exist(&caller, tags).await?;
        }
        let mut made = Vec::with_capacity(snapshots.len());
        for SnapshotDefinition { drive, name, meta, tags } in snapshots {
            let wish = SnapshotWish {
                drive: DriveId(drive),
                name: name.unwrap_or_else(|| usual_name(drive, Timestamp::now())),
                attributes: attributes::write(&Value::Null, &Kept { meta })?,
                tags: tags.into_iter().map(TagId).collect(),
            };
            made.push(self.app.snapshots.create(&caller, wish).await.map_err(error)?);
        }
        self.shown_snapshots(&caller, &made).await
    }

    async fn edit(&self, caller: &Caller, snapshot: Uuid, change: SnapshotChange) -> Answer<Snapshot> {
        let caller = self.caller(caller)?;
        let old = self.snapshot(&caller, snapshot).await?;
        self.tags_exist(&caller, &change.tags).await?;
        let attributes = attributes::write(&old.attributes, &Kept { meta: change.meta })?;
        let edit = SnapshotEdit { name: change.name, attributes: Some(attributes) };
        let edited = self.app.snapshots.edit(&caller, old.id, edit).await.map_err(error)?;
        let tags: Vec<TagId> = change.tags.into_iter().map(TagId).collect();
        self.app.tags.set(&caller, Tagged::Snapshot(old.id), &tags).await.map_err(error)?;
        self.shown_snapshot(&caller, &edited).await
    }

    async fn delete(&self, caller: &Caller, snapshots: Vec<Uuid>) -> Answer<()> {
        let caller = self.caller(caller)?;
        let mut found: Vec<record::Snapshot> = Vec::with_capacity(snapshots.len());
        for uuid in snapshots {
            if !found.iter().any(|one| one.id.0 == uuid) {
                found.push(self.snapshot(&caller, uuid).await?);
            }
        }
        if let Some(made) = found.iter().find(|one| one.state == SnapshotState::Creating) {
            return Err(Error::not_permitted(format!("The snapshot {} is still being made", made.name)));
        }
        for one in found {
            self.app.snapshots.delete(&caller, one.id).await.map_err(error)?;
        }
        Ok(())
    }

    async fn clone_snapshot(&self, caller: &Caller, snapshot: Uuid, options: CloneOptions, avoid: Avoid) -> Answer<Drive> {
        let caller = self.caller(caller)?;
        let found = self.snapshot(&caller, snapshot).await?;
        self.clone_of_snapshot(&caller, &found, options, avoid).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_without_a_name_is_called_after_its_drive_and_the_time() {
        let name = usual_name(Uuid::from_u128(7), Timestamp(1_385_543_995_676_194_000));
        assert_eq!(name, "00000000-0000-0000-0000-000000000007__2013-11-27__09_19_55");
    }
}
