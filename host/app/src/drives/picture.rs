//! Drives with all that is around them, for a whole page in a handful of questions.

use std::collections::HashMap;

use capstan_domain::Outcome;
use capstan_domain::drive::{Drive, DriveAttachment};
use capstan_domain::identity::Caller;
use capstan_domain::ids::{DriveId, JobId, MachineId, SnapshotId};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::tag::{Tag, Tagged};

use super::Drives;
use crate::ownership::{one_of, seen, without_deleting};

/// Rows read at a time.
const PAGE: u32 = 10_000;

#[derive(Clone, Debug)]
pub struct DrivePicture {
    pub drive: Drive,
    /// Newest first, ended ones of the last days too.
    pub jobs: Vec<JobId>,
    /// Machines that list it, with their names, oldest first.
    pub mounted_on: Vec<(MachineId, String)>,
    /// Whether one of those machines runs.
    pub running: bool,
    /// That the host lets somebody reach its bytes.
    pub attachment: Option<DriveAttachment>,
    /// It is read for a clone.
    pub cloning: bool,
    /// Oldest first.
    pub snapshots: Vec<SnapshotId>,
    /// Bytes that these take, as far as their targets tell.
    pub snapshots_used: u64,
    /// That its target takes snapshots; none while that is not known.
    pub snapshotable: Option<bool>,
    pub tags: Vec<Tag>,
}

impl DrivePicture {
    pub fn attached(&self) -> bool {
        self.attachment.is_some()
    }

    /// Whether anybody has it: then it is not to be deleted.
    pub fn mounted(&self) -> bool {
        self.attached() || !self.mounted_on.is_empty()
    }
}

impl Drives {
    /// In the order of `drives`, which the caller was given before.
    pub async fn picture(&self, caller: &Caller, drives: &[Drive]) -> Outcome<Vec<DrivePicture>> {
        let mine: Vec<&Drive> = drives.iter().filter(|drive| seen(caller, drive.owner, "drive").is_ok()).collect();
        if mine.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<DriveId> = mine.iter().map(|drive| drive.id).collect();
        let mut around: HashMap<DriveId, DrivePicture> = mine.into_iter().map(|drive| (drive.id, bare(drive))).collect();
        for picture in around.values_mut() {
            picture.snapshotable = self.snapshots_heard(picture.drive.target);
        }
        for of in self.catalogue.jobs_of_drives(&ids).await? {
            if let Some(picture) = around.get_mut(&of.drive) {
                picture.jobs.push(of.job);
            }
        }
        for (drive, machine, name) in self.catalogue.machine_mounts_of(&ids).await? {
            if let Some(picture) = around.get_mut(&drive) {
                picture.mounted_on.push((machine, name));
            }
        }
        for attachment in self.catalogue.drive_attachments(&ids).await? {
            if let Some(picture) = around.get_mut(&attachment.drive) {
                picture.attachment = Some(attachment);
            }
        }
        for source in self.catalogue.active_sources(&ids).await? {
            if let Some(picture) = around.get_mut(&source) {
                picture.cloning = true;
            }
        }
        let tagged: Vec<Tagged> = ids.iter().copied().map(Tagged::Drive).collect();
        for (resource, tag) in self.catalogue.tags_of(&tagged).await? {
            if let Tagged::Drive(drive) = resource
                && let Some(picture) = around.get_mut(&drive)
            {
                picture.tags.push(tag);
            }
        }
        self.running(&mut around).await?;
        self.snapshots(&ids, &mut around).await?;
        Ok(ids.iter().filter_map(|id| around.remove(id)).collect())
    }

    async fn running(&self, around: &mut HashMap<DriveId, DrivePicture>) -> Outcome<()> {
        let mounted: Vec<DriveId> =
            around.values().filter(|picture| !picture.mounted_on.is_empty()).map(|picture| picture.drive.id).collect();
        if mounted.is_empty() {
            return Ok(());
        }
        let mut listing = one_of(Listing::first(PAGE), "drive", mounted).with("running", Operator::Equal, true);
        loop {
            let page = self.catalogue.machines(&listing).await?;
            for mount in page.items.iter().flat_map(|machine| &machine.mounts) {
                if let Some(picture) = around.get_mut(&mount.drive) {
                    picture.running = true;
                }
            }
            listing.offset += u64::from(PAGE);
            if listing.offset >= page.count {
                return Ok(());
            }
        }
    }

    async fn snapshots(&self, ids: &[DriveId], around: &mut HashMap<DriveId, DrivePicture>) -> Outcome<()> {
        let mut listing = without_deleting(one_of(Listing::first(PAGE), "drive", ids.iter().copied()));
        loop {
            let page = self.catalogue.snapshots(&listing).await?;
            for snapshot in page.items {
                if let Some(picture) = around.get_mut(&snapshot.drive) {
                    picture.snapshots.push(snapshot.id);
                    picture.snapshots_used = picture.snapshots_used.saturating_add(snapshot.used.unwrap_or(0));
                }
            }
            listing.offset += u64::from(PAGE);
            if listing.offset >= page.count {
                return Ok(());
            }
        }
    }
}

fn bare(drive: &Drive) -> DrivePicture {
    DrivePicture {
        drive: drive.clone(),
        jobs: Vec::new(),
        mounted_on: Vec::new(),
        running: false,
        attachment: None,
        cloning: false,
        snapshots: Vec::new(),
        snapshots_used: 0,
        snapshotable: None,
        tags: Vec::new(),
    }
}
