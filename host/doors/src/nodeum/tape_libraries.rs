//! Tape libraries, and the devices that may become some.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{
    ActiveJob, ActiveJobState, Answer, Code, Error, FoundLibraries, LibraryProtocol, LibraryStatus, Listing, Page, TapeLibraries,
    TapeLibrary, TapeLibraryDevice, TapeLibraryInput,
};
use capstan_app::libraries::{LibraryChange, Registration, ScsiDevice};
use capstan_domain::Failure;
use capstan_domain::failure::Kind;
use capstan_domain::job::Work;
use capstan_domain::library::{FoundLibrary, Library};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failures::{error, missing, sentence};
use super::listing::{Column, Columns, listing};
use super::tape_devices::{self, Device};
use super::{Door, attributes, jobs};

const COLUMNS: Columns = &[
    ("id", Column::Is("number")),
    ("name", Column::Is("name")),
    ("serial", Column::Is("serial")),
    ("comment", Column::Is("attributes/nodeum/comment")),
    ("protocol", Column::Always("scsi")),
    ("vendor", Column::Is("vendor")),
    ("product", Column::Is("product")),
    ("firmware", Column::Is("revision")),
    ("device", Column::Is("attributes/nodeum/device")),
    ("libso", Column::Is("attributes/nodeum/libso")),
    ("acs", Column::Absent),
    ("status", Column::Is("status")),
    ("storage_slots", Column::Is("slots")),
    ("storage_slots_address", Column::Is("slots_first")),
    ("io_slots", Column::Is("mail_slots")),
    ("io_slots_address", Column::Is("mail_slots_first")),
    ("price", Column::Is("attributes/nodeum/price")),
];

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    comment: Option<String>,
    libso: Option<String>,
    price: Option<String>,
    /// As it was when the library was registered.
    device: Option<String>,
}

impl Kept {
    fn change(self, input: &TapeLibraryInput) -> Self {
        Self {
            comment: input.comment.clone().or(self.comment),
            libso: input.libso.clone().or(self.libso),
            price: input.price.clone().or(self.price),
            device: self.device,
        }
    }
}

fn shown(library: &Library) -> TapeLibrary {
    let kept: Kept = attributes::read(&library.attributes);
    let seen = |count: u32| library.seen.map(|_| i64::from(count));
    TapeLibrary {
        id: library.number,
        name: library.name.clone(),
        comment: kept.comment,
        libso: kept.libso,
        status: if library.is_online() { LibraryStatus::Online } else { LibraryStatus::Offline },
        price: kept.price,
        device: TapeLibraryDevice {
            serial: Some(library.serial.clone()),
            protocol: LibraryProtocol::Scsi,
            vendor: library.vendor.clone(),
            product: library.product.clone(),
            firmware: library.revision.clone(),
            device: kept.device,
            acs: None,
            storage_slots: seen(library.slots.count),
            storage_slots_address: library.slots.first.map(i64::from),
            io_slots: seen(library.mail_slots.count),
            io_slots_address: library.mail_slots.first.map(i64::from),
        },
    }
}

fn of_target(found: FoundLibrary) -> TapeLibraryDevice {
    TapeLibraryDevice {
        serial: Some(found.serial),
        protocol: LibraryProtocol::Scsi,
        vendor: found.vendor,
        product: found.product,
        firmware: found.revision,
        device: Some(tape_devices::of_target(&found.target_name)),
        acs: None,
        storage_slots: Some(i64::from(found.slots.count)),
        storage_slots_address: found.slots.first.map(i64::from),
        io_slots: Some(i64::from(found.mail_slots.count)),
        io_slots_address: found.mail_slots.first.map(i64::from),
    }
}

fn of_machine(robot: ScsiDevice) -> TapeLibraryDevice {
    TapeLibraryDevice {
        serial: robot.serial,
        protocol: LibraryProtocol::Scsi,
        vendor: robot.vendor,
        product: robot.product,
        firmware: Some(robot.revision).filter(|revision| !revision.is_empty()),
        device: Some(robot.device),
        acs: None,
        storage_slots: None,
        storage_slots_address: None,
        io_slots: None,
        io_slots_address: None,
    }
}

/// A failure of registering: what cannot be found there is the device's fault, in the words of a request.
fn refused(failure: Failure) -> Error {
    match (failure.kind, failure.code.as_deref()) {
        (Kind::Invalid, Some("serial")) => Error::because("serial", Code::NotFound, sentence(&failure)),
        (Kind::NotFound, _) => Error::because("serial", Code::NotFound, sentence(&failure)),
        (Kind::AlreadyExists, _) => Error::because("name", Code::Taken, sentence(&failure)),
        (Kind::Invalid, Some("plugin")) | (Kind::Unsupported, _) => Error::because("device", Code::Invalid, sentence(&failure)),
        _ => error(failure),
    }
}

impl Door {
    pub(super) async fn library(&self, at: &Reference) -> Answer<Library> {
        self.app.libraries.find(at.text()).await.map_err(missing("tape_library_id", at.text()))
    }
}

#[async_trait]
impl TapeLibraries for Door {
    async fn index(&self, _: &Caller, given: Listing) -> Answer<Page<TapeLibrary>> {
        let page = self.app.libraries.list(listing(&given, COLUMNS)?).await.map_err(error)?;
        Ok(Page { count: page.count, items: page.items.iter().map(shown).collect() })
    }

    async fn create(&self, caller: &Caller, input: TapeLibraryInput) -> Answer<TapeLibrary> {
        let caller = self.caller(caller)?;
        let serial = input.serial.clone().filter(|serial| !serial.is_empty());
        let device = input.device.clone().filter(|device| !device.is_empty());
        let kept = Kept { device: device.clone(), ..Kept::default().change(&input) };
        let attributes = attributes::write(&Value::Null, &kept)?;
        let registration = |name| Registration { name, serial: serial.clone(), attributes };
        let libraries = &self.app.libraries;
        let made = match (device.as_deref().map(tape_devices::read).transpose()?, &serial) {
            (Some(Device::Target(name)), _) => {
                let target = self.app.targets.find(&name).await.map_err(|failure| match failure.kind {
                    Kind::NotFound => Error::because("device", Code::NotFound, format!("There is no target {name}")),
                    _ => error(failure),
                })?;
                libraries.register(&caller, target.id, registration(input.name)).await
            }
            (Some(Device::Apart(configuration)), _) => {
                let name = input.name.clone().or_else(|| serial.clone()).or(device).unwrap_or_default();
                let target = tape_devices::target(name.replace('/', ":"), configuration, &caller);
                libraries.register_with(&caller, target, registration(input.name)).await
            }
            (None, Some(serial)) => {
                let target = libraries.target_with(serial).await.map_err(refused)?;
                libraries.register(&caller, target, registration(input.name)).await
            }
            (None, None) => return Err(Error::attribute("serial", Code::Blank)),
        };
        made.map(|library| shown(&library)).map_err(refused)
    }

    async fn show(&self, _: &Caller, at: &Reference) -> Answer<TapeLibrary> {
        self.library(at).await.map(|library| shown(&library))
    }

    async fn update(&self, caller: &Caller, at: &Reference, input: TapeLibraryInput) -> Answer<TapeLibrary> {
        let old = self.library(at).await?;
        if input.serial.as_ref().is_some_and(|serial| *serial != old.serial) {
            return Err(Error::because("serial", Code::Frozen, "A library keeps its serial number; register the other one"));
        }
        let kept = attributes::read::<Kept>(&old.attributes).change(&input);
        let change = LibraryChange { name: input.name, attributes: Some(attributes::write(&old.attributes, &kept)?) };
        let changed = self.app.libraries.update(&self.caller(caller)?, old.id, change).await.map_err(error)?;
        Ok(shown(&changed))
    }

    async fn destroy(&self, caller: &Caller, at: &Reference) -> Answer<()> {
        let library = self.library(at).await?;
        self.app.libraries.delete(&self.caller(caller)?, library.id).await.map_err(error)
    }

    async fn look_for_devices(&self, caller: &Caller) -> Answer<ActiveJob> {
        let job = self.app.libraries.look_for(&self.caller(caller)?).await.map_err(error)?;
        Ok(jobs::request(&job, ActiveJobState::Queued))
    }

    async fn devices(&self, _: &Caller, job: &str) -> Answer<FoundLibraries> {
        let job = self.job(job, |job| job.work == Work::FindLibraries {}).await?;
        let active = jobs::active(&job);
        if active.status != ActiveJobState::Completed {
            return Ok(FoundLibraries::NotYet(active));
        }
        let found = self.app.libraries.found(&job).await.map_err(error)?;
        let devices = found.libraries.into_iter().map(of_target).chain(found.robots.into_iter().map(of_machine));
        Ok(FoundLibraries::Devices(devices.collect()))
    }
}
