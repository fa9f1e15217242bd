//! Tape drives. What a client says of a drive beside its name is kept for it; the host needs none of it.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{
    ActiveJob, ActiveJobState, Answer, Code, DrivesOf, Error, FoundDrives, LibraryStatus, Listing, MAX_LIMIT, Page, TapeDrive,
    TapeDriveDevice, TapeDriveInput, TapeDrives,
};
use capstan_app::tape_drives::TapeDriveChange;
use capstan_domain::job::Work;
use capstan_domain::listing::{self, Operator};
use capstan_domain::tape_drive;
use serde::{Deserialize, Serialize};

use super::failures::error;
use super::listing::{Column, Columns, listing};
use super::words::count;
use super::{Door, attributes, jobs};

const COLUMNS: Columns = &[
    ("id", Column::Is("number")),
    ("tape_library_id", Column::Is("library_number")),
    ("name", Column::Is("name")),
    ("serial", Column::Is("serial")),
    ("comment", Column::Is("attributes/nodeum/comment")),
    ("scsi_address", Column::Is("element")),
    ("vendor", Column::Is("vendor")),
    ("product", Column::Is("product")),
    ("firmware", Column::Is("revision")),
    ("device", Column::Absent),
    ("sgdevice", Column::Absent),
    ("libso", Column::Is("attributes/nodeum/libso")),
    ("acs", Column::Kept("attributes/nodeum/acs")),
    ("lsm", Column::Kept("attributes/nodeum/lsm")),
    ("panel", Column::Kept("attributes/nodeum/panel")),
    ("transport", Column::Kept("attributes/nodeum/transport")),
    ("status", Column::Is("status")),
    ("full", Column::Is("full")),
    ("mount_count", Column::Is("loads")),
    // Which file of which task a drive is at work on, only the plugin knows.
    ("use_to", Column::Absent),
    ("use_by", Column::Absent),
    ("barcode", Column::Is("cartridge")),
    ("task_id", Column::Absent),
    ("use_file_processed_size", Column::Absent),
    ("use_file_size_to_process", Column::Absent),
    ("use_file_name_processed", Column::Absent),
    ("bandwidth", Column::Absent),
];

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    comment: Option<String>,
    libso: Option<String>,
    acs: Option<i64>,
    lsm: Option<i64>,
    panel: Option<i64>,
    transport: Option<i64>,
}

impl Kept {
    fn change(self, input: &TapeDriveInput) -> Self {
        Self {
            comment: input.comment.clone().or(self.comment),
            libso: input.libso.clone().or(self.libso),
            acs: input.acs.or(self.acs),
            lsm: input.lsm.or(self.lsm),
            panel: input.panel.or(self.panel),
            transport: input.transport.or(self.transport),
        }
    }
}

fn device(drive: &tape_drive::TapeDrive) -> TapeDriveDevice {
    TapeDriveDevice {
        serial: drive.serial.clone(),
        scsi_address: drive.element.map(i64::from),
        vendor: drive.vendor.clone(),
        product: drive.product.clone(),
        firmware: drive.revision.clone(),
        device: None,
        sgdevice: None,
    }
}

fn shown(drive: &tape_drive::TapeDrive) -> TapeDrive {
    let kept: Kept = attributes::read(&drive.attributes);
    TapeDrive {
        id: drive.number,
        tape_library_id: drive.library_number,
        name: drive.name.clone(),
        comment: kept.comment,
        libso: kept.libso,
        acs: kept.acs,
        lsm: kept.lsm,
        panel: kept.panel,
        transport: kept.transport,
        status: if drive.is_online() { LibraryStatus::Online } else { LibraryStatus::Offline },
        full: u8::from(drive.cartridge.is_some()),
        mount_count: count(drive.loads),
        use_to: None,
        use_by: None,
        barcode: drive.cartridge.clone(),
        task_id: None,
        use_file_processed_size: None,
        use_file_size_to_process: None,
        use_file_name_processed: None,
        bandwidth: None,
        device: device(drive),
    }
}

impl Door {
    async fn drives_of(&self, of: &DrivesOf, asked: listing::Listing, registered: bool) -> Answer<listing::Listing> {
        let asked = asked.with("registered", Operator::Equal, registered);
        Ok(match of {
            DrivesOf::All => asked,
            DrivesOf::Library(at) => asked.with("library", Operator::Equal, self.library(at).await?.id),
        })
    }

    async fn tape_drive(&self, of: &DrivesOf, at: &Reference) -> Answer<tape_drive::TapeDrive> {
        let among = self.drives_of(of, listing::Listing::first(1), true).await?;
        let mut ways = Vec::with_capacity(2);
        if let Some(number) = at.number() {
            ways.push(among.clone().with("number", Operator::Equal, number));
        }
        ways.push(among.with("name", Operator::Equal, at.text()));
        for asked in ways {
            if let Some(found) = self.app.tape_drives.list(asked).await.map_err(error)?.items.into_iter().next() {
                return Ok(found);
            }
        }
        Err(Error::not_found("tape_drive_id", at.text()))
    }

    async fn change_drive(
        &self,
        caller: &Caller,
        old: &tape_drive::TapeDrive,
        input: TapeDriveInput,
    ) -> Answer<tape_drive::TapeDrive> {
        if input.serial.as_ref().is_some_and(|serial| *serial != old.serial) {
            return Err(Error::because("serial", Code::Frozen, "A drive keeps its serial number"));
        }
        let kept = attributes::read::<Kept>(&old.attributes).change(&input);
        let change = TapeDriveChange {
            name: input.name,
            attributes: Some(attributes::write(&old.attributes, &kept)?),
            registered: Some(true),
        };
        self.app.tape_drives.update(&self.caller(caller)?, old.id, change).await.map_err(error)
    }
}

#[async_trait]
impl TapeDrives for Door {
    async fn index(&self, _: &Caller, of: DrivesOf, given: Listing) -> Answer<Page<TapeDrive>> {
        let asked = self.drives_of(&of, listing(&given, COLUMNS)?, true).await?;
        let page = self.app.tape_drives.list(asked).await.map_err(error)?;
        Ok(Page { count: page.count, items: page.items.iter().map(shown).collect() })
    }

    async fn create(&self, caller: &Caller, at: &Reference, input: TapeDriveInput) -> Answer<TapeDrive> {
        let library = self.library(at).await?;
        let serial = input.serial.clone().unwrap_or_default();
        let asked =
            listing::Listing::first(1).with("library", Operator::Equal, library.id).with("serial", Operator::Equal, &serial);
        let found = self.app.tape_drives.list(asked).await.map_err(error)?.items.into_iter().next();
        match found {
            Some(drive) if drive.registered => Err(Error::because("serial", Code::Taken, format!("{serial} is in use already"))),
            Some(drive) => self.change_drive(caller, &drive, input).await.map(|drive| shown(&drive)),
            None => Err(Error::because("serial", Code::NotFound, format!("The library {} has no drive {serial}", library.name))),
        }
    }

    async fn show(&self, _: &Caller, of: DrivesOf, at: &Reference) -> Answer<TapeDrive> {
        self.tape_drive(&of, at).await.map(|drive| shown(&drive))
    }

    async fn update(&self, caller: &Caller, of: DrivesOf, at: &Reference, input: TapeDriveInput) -> Answer<TapeDrive> {
        let old = self.tape_drive(&of, at).await?;
        self.change_drive(caller, &old, input).await.map(|drive| shown(&drive))
    }

    async fn destroy(&self, caller: &Caller, of: DrivesOf, at: &Reference) -> Answer<()> {
        let old = self.tape_drive(&of, at).await?;
        let change = TapeDriveChange { registered: Some(false), ..TapeDriveChange::default() };
        self.app.tape_drives.update(&self.caller(caller)?, old.id, change).await.map(|_| ()).map_err(error)
    }

    async fn look_for_devices(&self, caller: &Caller, at: &Reference) -> Answer<ActiveJob> {
        let library = self.library(at).await?;
        let job = self.app.libraries.take_inventory(&self.caller(caller)?, library.id).await.map_err(error)?;
        Ok(jobs::request(&job, ActiveJobState::Queued))
    }

    async fn devices(&self, _: &Caller, at: &Reference, job: &str) -> Answer<FoundDrives> {
        let library = self.library(at).await?;
        let job = self.job(job, |job| job.work == Work::TakeInventory { library: library.id }).await?;
        let active = jobs::active(&job);
        if active.status != ActiveJobState::Completed {
            return Ok(FoundDrives::NotYet(active));
        }
        let asked = self.drives_of(&DrivesOf::Library(at.clone()), listing::Listing::first(MAX_LIMIT), false).await?;
        let page = self.app.tape_drives.list(asked).await.map_err(error)?;
        Ok(FoundDrives::Devices(page.items.iter().map(device).collect()))
    }
}
