//! Drives: block volumes, each in a target. What is asked for is checked and recorded with the job that does it; the answer shows
//! the state that the drive is in from then on.

mod alike;
mod change;
mod choice;
mod find;
mod known;
mod picture;
mod storage_types;
mod usage;
mod work;

use std::sync::Arc;

use capstan_catalogue::Catalogue;
use capstan_domain::drive::{Drive, DriveChange, DriveEdit, DriveState, Media, NewDrive};
use capstan_domain::identity::Caller;
use capstan_domain::ids::{DriveId, TagId, Uuid};
use capstan_domain::job::{NewJob, Work};
use capstan_domain::listing::{Listing, Operator, Page};
use capstan_domain::{Failure, Outcome};
use capstan_jobs::Jobs as Engine;
use serde_json::{Value, json};

use crate::audit::Audit;
use crate::ownership::{check_attributes, check_name, missing, seen, visible, without_deleting};
use crate::tags::Tags;
use crate::targets::Targets;
use known::Known;

pub use alike::{GroupPart, GroupParts};
pub use picture::DrivePicture;
pub use storage_types::StorageType;
pub use usage::DriveUsage;

/// Drives of one request; more are refused.
const TOGETHER_MAX: usize = 256;

#[derive(Clone)]
pub struct Drives {
    pub(crate) catalogue: Catalogue,
    pub(crate) audit: Audit,
    pub(crate) targets: Targets,
    pub(crate) engine: Engine,
    tags: Tags,
    /// What new drives are whose maker does not say; none: what the host finds.
    default_type: Option<String>,
    known: Arc<Known>,
}

/// What a caller gives for a new drive.
#[derive(Clone, Debug)]
pub struct DriveWish {
    pub name: String,
    pub media: Media,
    /// Bytes; what the target cannot make exactly is rounded up.
    pub size: u64,
    /// None: the default.
    pub storage_type: Option<String>,
    /// Drives and machines that it had better share no target with, the most important first.
    pub avoid: Vec<Uuid>,
    pub allow_multimount: bool,
    pub attributes: Value,
    pub tags: Vec<TagId>,
}

/// What is `None` is as the source has it.
#[derive(Clone, Debug, Default)]
pub struct CloneWish {
    pub name: Option<String>,
    pub media: Option<Media>,
    /// Not below the source's.
    pub size: Option<u64>,
    pub storage_type: Option<String>,
    /// As of `DriveWish`.
    pub avoid: Option<Vec<Uuid>>,
    pub allow_multimount: Option<bool>,
    pub attributes: Option<Value>,
    pub tags: Option<Vec<TagId>>,
}

impl Drives {
    pub(crate) fn new(
        catalogue: Catalogue,
        audit: Audit,
        targets: Targets,
        engine: Engine,
        tags: Tags,
        default_type: Option<String>,
    ) -> Self {
        Self { catalogue, audit, targets, engine, tags, default_type, known: Arc::default() }
    }

    /// The caller's; of an administrator all. Those that are being deleted only for a listing that names the state.
    pub async fn list(&self, caller: &Caller, listing: Listing) -> Outcome<Page<Drive>> {
        self.catalogue.drives(&without_deleting(visible(caller, listing))).await
    }

    pub async fn get(&self, caller: &Caller, id: DriveId) -> Outcome<Drive> {
        let drive = self.catalogue.drive(id).await?;
        seen(caller, drive.owner, "drive")?;
        if drive.state == DriveState::Deleting {
            return Err(missing("drive"));
        }
        Ok(drive)
    }

    /// All of them or none. `NoSpace` "no-target" where no target of the storage type can take one; `Invalid` "storage-type",
    /// "size-too-small", "size-too-large".
    pub async fn create(&self, caller: &Caller, wishes: Vec<DriveWish>) -> Outcome<Vec<Drive>> {
        if wishes.is_empty() {
            return Err(Failure::invalid("there is no drive to make").with_code("blank"));
        }
        if wishes.len() > TOGETHER_MAX {
            return Err(Failure::invalid(format!("at most {TOGETHER_MAX} drives are made at once")).with_code("too-many"));
        }
        let mut new = Vec::with_capacity(wishes.len());
        for wish in &wishes {
            check_name(&wish.name)?;
            check_attributes(&wish.attributes)?;
            self.tags.are_callers(caller, &wish.tags).await?;
            let storage_type = match &wish.storage_type {
                Some(given) => given.clone(),
                None => self.default_type().await?,
            };
            let chosen = self.choose(caller, &storage_type, wish.size, &wish.avoid).await?;
            let drive = NewDrive {
                id: DriveId::new(),
                owner: caller.user,
                name: wish.name.clone(),
                media: wish.media,
                size: chosen.size,
                storage_type,
                target: chosen.target,
                location: chosen.location,
                state: DriveState::Creating,
                allow_multimount: wish.allow_multimount,
                attributes: wish.attributes.clone(),
                tags: wish.tags.clone(),
            };
            let job = job(drive.id, format!("create {}", drive.name), DriveChange::Create);
            new.push((drive, job, Vec::new()));
        }
        let made: Vec<Drive> = self.catalogue.create_drives(new).await?.into_iter().map(|(drive, _)| drive).collect();
        self.engine.ring();
        for drive in &made {
            self.audit.done(caller, "create", "drive", &drive.name, detail(drive)).await?;
        }
        Ok(made)
    }

    /// Only what is given. The media of a drive that a running machine has stays as it is.
    pub async fn edit(&self, caller: &Caller, id: DriveId, mut edit: DriveEdit) -> Outcome<Drive> {
        let drive = self.get(caller, id).await?;
        if let Some(name) = &edit.name {
            check_name(name)?;
        }
        if let Some(attributes) = &edit.attributes {
            check_attributes(attributes)?;
        }
        if edit.media.is_some_and(|media| media != drive.media) && self.is_running(id).await? {
            edit.media = None;
        }
        let drive = self.catalogue.update_drive(id, edit).await?;
        self.audit.done(caller, "update", "drive", &drive.name, json!({ "number": drive.number })).await?;
        Ok(drive)
    }

    /// Whether a machine that runs has it.
    pub async fn is_running(&self, id: DriveId) -> Outcome<bool> {
        let listing = Listing::first(1).with("drive", Operator::Equal, id).with("running", Operator::Equal, true);
        Ok(!self.catalogue.machines(&listing).await?.items.is_empty())
    }
}

fn job(drive: DriveId, name: String, change: DriveChange) -> NewJob {
    NewJob { definition: None, name, work: Work::Drive { drive, change } }
}

fn detail(drive: &Drive) -> Value {
    json!({ "number": drive.number, "id": drive.id, "size": drive.size, "storage_type": drive.storage_type })
}
