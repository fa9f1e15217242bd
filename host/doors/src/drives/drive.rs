//! A drive of the host as this dialect shows it.

use std::collections::HashSet;

use capstan_api_drives::{Answer, Drive, DriveStatus, Error, Link, Media, Meta, Noun};
use capstan_app::drives::DrivePicture;
use capstan_domain::drive::{self as record, DriveRole, DriveState};
use capstan_domain::identity::Caller;
use capstan_domain::ids::{DriveId, JobId, Uuid};
use serde::{Deserialize, Serialize};

use super::Door;
use super::attributes;
use super::failures::{error, missing};

/// Sizes are multiples of it, whatever storage they are on.
const GRANULARITY: u64 = 16 * 1024;

/// What is kept of a drive that the host has no word for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    pub(super) meta: Meta,
    pub(super) affinities: Vec<String>,
}

/// The API's bound of a size leaves room for it.
pub(super) fn rounded(size: u64) -> u64 {
    size.next_multiple_of(GRANULARITY)
}

pub(super) fn media(media: Media) -> record::Media {
    match media {
        Media::Disk => record::Media::Disk,
        Media::Cdrom => record::Media::Cdrom,
    }
}

/// What is done to a drive is told before who has it: a new clone is never the source of another.
fn status(picture: &DrivePicture) -> DriveStatus {
    match picture.drive.state {
        DriveState::Creating => DriveStatus::Creating,
        DriveState::Cloning => DriveStatus::CloningDst,
        DriveState::Uploading => DriveStatus::Uploading,
        DriveState::Resizing => DriveStatus::Resizing,
        // Nobody is shown one that is being deleted.
        DriveState::Unavailable | DriveState::Deleting => DriveStatus::Unavailable,
        DriveState::Ready if picture.cloning => DriveStatus::CloningSrc,
        DriveState::Ready if picture.mounted() => DriveStatus::Mounted,
        DriveState::Ready => DriveStatus::Unmounted,
    }
}

fn drive(picture: &DrivePicture, clones: &HashSet<JobId>) -> Drive {
    let of = &picture.drive;
    let Kept { meta, affinities } = attributes::read(&of.attributes);
    let shown_media = match of.media {
        record::Media::Disk => Media::Disk,
        record::Media::Cdrom => Media::Cdrom,
    };
    let mut shown = Drive::new(of.id.0, of.name.clone(), shown_media, of.size, status(picture), of.storage_type.clone());
    shown.meta = meta;
    shown.affinities = affinities;
    shown.allow_multimount = of.allow_multimount;
    shown.owner = Some(Link::to(Noun::User, of.owner.0));
    shown.jobs = Link::all(Noun::Jobs, picture.jobs.iter().filter(|job| clones.contains(*job)).map(|job| job.0));
    shown.mounted_on = Link::all(Noun::Servers, picture.mounted_on.iter().map(|(machine, _)| machine.0));
    shown.snapshots = Link::all(Noun::Snapshots, picture.snapshots.iter().map(|snapshot| snapshot.0));
    shown.tags = Link::all(Noun::Tags, picture.tags.iter().map(|tag| tag.id.0));
    let being_made = matches!(of.state, DriveState::Creating | DriveState::Cloning | DriveState::Uploading);
    shown.runtime.snapshots_allocated_size = picture.snapshots_used;
    shown.runtime.is_snapshotable = picture.snapshotable.filter(|_| !being_made);
    shown
}

impl Door {
    pub(super) async fn drive(&self, caller: &Caller, uuid: Uuid) -> Answer<record::Drive> {
        self.app.drives.get(caller, DriveId(uuid)).await.map_err(missing("drive", uuid))
    }

    pub(super) async fn picture(&self, caller: &Caller, drive: &record::Drive) -> Answer<DrivePicture> {
        let found = self.app.drives.picture(caller, std::slice::from_ref(drive)).await.map_err(error)?;
        found.into_iter().next().ok_or_else(|| Error::not_found("drive", drive.id))
    }

    /// Drives that the caller was given, as they are shown.
    pub(super) async fn shown_drives(&self, caller: &Caller, drives: &[record::Drive]) -> Answer<Vec<Drive>> {
        let pictures = self.app.drives.picture(caller, drives).await.map_err(error)?;
        let mut jobs: Vec<JobId> = pictures.iter().flat_map(|picture| &picture.jobs).copied().collect();
        jobs.sort_unstable();
        jobs.dedup();
        // Of all work on drives, only a clone reads one.
        let parts = self.app.drives.drives_of_jobs(&jobs).await.map_err(error)?;
        let clones: HashSet<JobId> =
            parts.into_iter().filter(|part| part.role == DriveRole::Source).map(|part| part.job).collect();
        Ok(pictures.iter().map(|picture| drive(picture, &clones)).collect())
    }

    pub(super) async fn shown_drive(&self, caller: &Caller, drive: &record::Drive) -> Answer<Drive> {
        let shown = self.shown_drives(caller, std::slice::from_ref(drive)).await?;
        shown.into_iter().next().ok_or_else(|| Error::not_found("drive", drive.id))
    }
}

/// Whether a drive can be deleted when the servers that do not run have let go of it.
pub(super) fn deletable(picture: &DrivePicture) -> Answer<()> {
    let name = &picture.drive.name;
    let refused = |why: &str| Err(Error::not_permitted(format!("The drive {name} cannot be deleted: {why}")));
    match picture.drive.state {
        DriveState::Creating | DriveState::Cloning | DriveState::Resizing => refused("it is being made or changed"),
        _ if picture.running => refused("it is mounted on a server that runs; stop it first"),
        _ if picture.attached() => refused("it is attached; detach it first"),
        _ if picture.cloning => refused("it is being cloned"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use capstan_domain::ids::{MachineId, SnapshotId, TagId, TargetId, UserId};
    use capstan_domain::tag::Tag;
    use capstan_domain::time::Timestamp;
    use serde_json::json;

    use super::*;

    fn picture(state: DriveState) -> DrivePicture {
        let drive = record::Drive {
            id: DriveId::new(),
            number: 1,
            owner: UserId::new(),
            name: "d".to_owned(),
            media: record::Media::Disk,
            size: 1 << 30,
            storage_type: "nvme".to_owned(),
            target: TargetId::new(),
            location: "pool".to_owned(),
            state,
            failure: None,
            allow_multimount: true,
            attributes: json!({ "cloudsigma": { "meta": { "k": "v" }, "affinities": ["ssd"] } }),
            created: Timestamp(0),
            updated: Timestamp(0),
        };
        DrivePicture {
            drive,
            jobs: Vec::new(),
            mounted_on: Vec::new(),
            running: false,
            attachment: None,
            cloning: false,
            snapshots: Vec::new(),
            snapshots_used: 0,
            snapshotable: Some(true),
            tags: Vec::new(),
        }
    }

    #[test]
    fn statuses_are_those_that_clients_wait_for() {
        for (state, expected) in [
            (DriveState::Creating, DriveStatus::Creating),
            (DriveState::Cloning, DriveStatus::CloningDst),
            (DriveState::Resizing, DriveStatus::Resizing),
            (DriveState::Uploading, DriveStatus::Uploading),
            (DriveState::Ready, DriveStatus::Unmounted),
            (DriveState::Unavailable, DriveStatus::Unavailable),
        ] {
            assert_eq!(status(&picture(state)), expected);
        }
        let mut seen = picture(DriveState::Ready);
        seen.mounted_on.push((MachineId::new(), "m".to_owned()));
        assert_eq!(status(&seen), DriveStatus::Mounted);
        seen.cloning = true;
        assert_eq!(status(&seen), DriveStatus::CloningSrc);
        seen.drive.state = DriveState::Cloning;
        assert_eq!(status(&seen), DriveStatus::CloningDst, "a new clone is not the source of another");
    }

    #[test]
    fn a_drive_shows_its_clones_and_what_is_kept_of_it() {
        let mut of = picture(DriveState::Ready);
        let (clone, create) = (JobId::new(), JobId::new());
        of.jobs = vec![clone, create];
        of.snapshots = vec![SnapshotId::new()];
        of.snapshots_used = 1 << 20;
        let (id, owner, time) = (TagId::new(), of.drive.owner, Timestamp(0));
        of.tags = vec![Tag { id, number: 1, owner, name: "t".into(), attributes: json!({}), created: time, updated: time }];
        let shown = drive(&of, &HashSet::from([clone, JobId::new()]));
        assert_eq!(shown.jobs, [Link::to(Noun::Jobs, clone.0)]);
        assert_eq!(shown.tags, [Link::to(Noun::Tags, id.0)]);
        assert_eq!(shown.owner, Some(Link::to(Noun::User, owner.0)));
        assert_eq!((shown.meta, shown.affinities), (Meta::from([("k".into(), "v".into())]), vec!["ssd".to_owned()]));
        assert_eq!((shown.snapshots.len(), shown.runtime.snapshots_allocated_size), (1, 1 << 20));
        assert_eq!(shown.runtime.is_snapshotable, Some(true));
        assert_eq!(drive(&picture(DriveState::Creating), &HashSet::new()).runtime.is_snapshotable, None);
    }

    #[test]
    fn what_is_being_worked_with_is_not_deleted() {
        for state in [DriveState::Ready, DriveState::Uploading, DriveState::Unavailable] {
            assert!(deletable(&picture(state)).is_ok());
        }
        for state in [DriveState::Creating, DriveState::Cloning, DriveState::Resizing] {
            assert!(deletable(&picture(state)).is_err());
        }
        let mut mounted = picture(DriveState::Ready);
        mounted.mounted_on.push((MachineId::new(), "m".to_owned()));
        assert!(deletable(&mounted).is_ok(), "a server that does not run lets go of it");
        assert!(deletable(&DrivePicture { running: true, ..mounted.clone() }).is_err());
        assert!(deletable(&DrivePicture { cloning: true, ..mounted }).is_err());
    }

    #[test]
    fn sizes_are_whole_16_kib() {
        for (size, expected) in [(1, 16_384), (16_384, 16_384), (1_207_959_631, 1_207_975_936), (1 << 62, 1 << 62)] {
            assert_eq!(rounded(size), expected);
        }
    }
}
