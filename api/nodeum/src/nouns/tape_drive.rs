//! Tape drives of a library: they come from its inventory; one that is taken out of the list is left to others, and listed as a device.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Reference, Routes};
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::active_job::{self, ActiveJob, AskedJob};
use super::tape_library::LibraryStatus;
use super::{At, Body, Who};
use crate::answer::{Accepted, Answer, Created, Nothing, Page};
use crate::errors::{Code, Error};
use crate::listing::{Field, Listing, integer, listed, text};
use crate::validation::{Check, For};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = tape_drive_device)]
pub struct TapeDriveDevice {
    pub serial: String,
    /// Address of its element in the library.
    pub scsi_address: Option<i64>,
    pub vendor: String,
    pub product: String,
    pub firmware: Option<String>,
    pub device: Option<String>,
    pub sgdevice: Option<String>,
}

/// What a drive is used for is shown while a task uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = tape_drive)]
pub struct TapeDrive {
    pub id: i64,
    pub tape_library_id: i64,
    pub name: String,
    pub comment: Option<String>,
    pub libso: Option<String>,
    pub acs: Option<i64>,
    pub lsm: Option<i64>,
    pub panel: Option<i64>,
    pub transport: Option<i64>,
    pub status: LibraryStatus,
    /// 0 or 1.
    pub full: u8,
    pub mount_count: i64,
    pub use_to: Option<String>,
    pub use_by: Option<String>,
    /// Of the tape that is in.
    pub barcode: Option<String>,
    pub task_id: Option<i64>,
    pub use_file_processed_size: Option<i64>,
    pub use_file_size_to_process: Option<i64>,
    pub use_file_name_processed: Option<String>,
    pub bandwidth: Option<i64>,
    #[serde(flatten)]
    pub device: TapeDriveDevice,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = tape_drive_input)]
pub struct TapeDriveInput {
    pub name: Option<String>,
    pub comment: Option<String>,
    pub libso: Option<String>,
    pub acs: Option<i64>,
    pub lsm: Option<i64>,
    pub panel: Option<i64>,
    pub transport: Option<i64>,
    /// Only when it is created, as the list of devices has it.
    pub serial: Option<String>,
}

impl TapeDriveInput {
    fn check(&self, purpose: For) -> Answer<()> {
        let mut check = Check::new(purpose);
        if self.name.is_some() {
            check.name("name", self.name.as_deref());
        }
        check.text("comment", self.comment.as_deref());
        check.text("libso", self.libso.as_deref());
        check.text("serial", self.serial.as_deref());
        if purpose == For::Create && self.serial.as_deref().unwrap_or_default().is_empty() {
            check.refuse("serial", Code::Blank);
        }
        check.finish()
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tape_drive_collection)]
struct TapeDriveCollection {
    count: u64,
    tape_drives: Vec<TapeDrive>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tape_drive_device_collection)]
struct TapeDriveDeviceCollection {
    tape_drives: Vec<TapeDriveDevice>,
}

/// What a look at the devices of a library has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundDrives {
    Devices(Vec<TapeDriveDevice>),
    /// Not done, or failed.
    NotYet(ActiveJob),
}

impl IntoResponse for FoundDrives {
    fn into_response(self) -> Response {
        match self {
            Self::Devices(tape_drives) => Json(TapeDriveDeviceCollection { tape_drives }).into_response(),
            Self::NotYet(job) => active_job::no_devices(job),
        }
    }
}

/// Whose drives are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DrivesOf {
    All,
    Library(Reference),
}

/// Of a library too, where its id filters nothing more, as the published reference has it.
const FIELDS: &[Field] = &[
    integer("id"),
    integer("tape_library_id"),
    text("name"),
    text("serial"),
    text("comment"),
    integer("scsi_address"),
    text("vendor"),
    text("product"),
    text("firmware"),
    text("device"),
    text("sgdevice"),
    text("libso"),
    integer("acs"),
    integer("lsm"),
    integer("panel"),
    integer("transport"),
    text("status"),
    integer("full"),
    integer("mount_count"),
    text("use_to"),
    text("use_by"),
    text("barcode"),
    integer("task_id"),
    integer("use_file_processed_size"),
    integer("use_file_size_to_process"),
    text("use_file_name_processed"),
    integer("bandwidth"),
];

#[async_trait]
pub trait TapeDrives: Send + Sync + 'static {
    async fn index(&self, caller: &Caller, of: DrivesOf, listing: Listing) -> Answer<Page<TapeDrive>>;
    async fn create(&self, caller: &Caller, library: &Reference, input: TapeDriveInput) -> Answer<TapeDrive>;
    async fn show(&self, caller: &Caller, of: DrivesOf, drive: &Reference) -> Answer<TapeDrive>;
    /// Members that are none stay as they are.
    async fn update(&self, caller: &Caller, of: DrivesOf, drive: &Reference, input: TapeDriveInput) -> Answer<TapeDrive>;
    /// The host loads nothing into it from then on.
    async fn destroy(&self, caller: &Caller, of: DrivesOf, drive: &Reference) -> Answer<()>;
    /// Begins to look which drives the library has.
    async fn look_for_devices(&self, caller: &Caller, library: &Reference) -> Answer<ActiveJob>;
    async fn devices(&self, caller: &Caller, library: &Reference, job: &str) -> Answer<FoundDrives>;
}

type Drives = State<Arc<dyn TapeDrives>>;
type Pair = At<(Reference, Reference)>;

pub(crate) fn routes(drives: Arc<dyn TapeDrives>) -> Routes {
    let scope = |verb| Access::Scope("tape_drives", verb);
    let (of_library, devices) =
        ("/tape_libraries/{tape_library_id}/tape_drives", "/tape_libraries/{tape_library_id}/tape_drives/-/devices");
    let (one, one_of_library) = ("/tape_drives/{tape_drive_id}", "/tape_libraries/{tape_library_id}/tape_drives/{tape_drive_id}");
    let list =
        |path, id| listed(Operation::get(path, id, scope("index")), FIELDS).answers::<TapeDriveCollection>(200, "Tape drives.");
    let shows = |path, id| {
        Operation::get(path, id, scope("show")).summary("Shows a tape drive.").answers::<TapeDrive>(200, "The tape drive.")
    };
    let updates = |path, id| {
        Operation::put(path, id, scope("update"))
            .summary("Changes the members that are given.")
            .takes::<TapeDriveInput>()
            .answers::<TapeDrive>(200, "The tape drive as it is now.")
    };
    let destroys = |path, id| {
        Operation::delete(path, id, scope("destroy"))
            .summary("Leaves a tape drive to others: nothing is loaded into it by itself.")
            .answers_nothing(204, "Taken out of the list.")
    };
    Routes::new()
        .on(list("/tape_drives", "index_tape_drives").summary("Lists tape drives."), index)
        .on(
            list(of_library, "index_tape_drives_by_tape_library").summary("Lists the drives of a tape library."),
            index_of_library,
        )
        .on(
            Operation::post(of_library, "create_tape_drive_by_tape_library", scope("create"))
                .summary("Takes a drive of the list of devices into use again.")
                .takes::<TapeDriveInput>()
                .answers::<TapeDrive>(201, "The tape drive."),
            create,
        )
        .on(
            Operation::put(devices, "look_for_tape_drive_devices", scope("devices"))
                .summary("Begins to look which drives a tape library has.")
                .answers::<ActiveJob>(202, "The look, to be asked about with GET."),
            look_for_devices,
        )
        .on(
            active_job::documented_devices(Operation::get(devices, "index_tape_drive_devices", scope("devices")))
                .summary("Lists the drives of a tape library that are not in use.")
                .answers::<TapeDriveDeviceCollection>(200, "Devices."),
            devices_found,
        )
        .on(shows(one, "show_tape_drive"), show)
        .on(shows(one_of_library, "show_tape_drive_by_tape_library"), show_of_library)
        .on(updates(one, "update_tape_drive"), update)
        .on(updates(one_of_library, "update_tape_drive_by_tape_library"), update_of_library)
        .on(destroys(one, "destroy_tape_drive"), destroy)
        .on(destroys(one_of_library, "destroy_tape_drive_by_tape_library"), destroy_of_library)
        .with_state(drives)
}

fn collection(page: Page<TapeDrive>) -> Json<TapeDriveCollection> {
    Json(TapeDriveCollection { count: page.count, tape_drives: page.items })
}

async fn index(State(drives): Drives, Extension(caller): Who, uri: Uri) -> Answer<Json<TapeDriveCollection>> {
    drives.index(&caller, DrivesOf::All, Listing::of(&uri, FIELDS)?).await.map(collection)
}

async fn index_of_library(
    State(drives): Drives,
    Extension(caller): Who,
    at: At<Reference>,
    uri: Uri,
) -> Answer<Json<TapeDriveCollection>> {
    drives.index(&caller, DrivesOf::Library(at.0), Listing::of(&uri, FIELDS)?).await.map(collection)
}

async fn create(
    State(drives): Drives,
    Extension(caller): Who,
    at: At<Reference>,
    input: Body<TapeDriveInput>,
) -> Answer<Created<TapeDrive>> {
    input.0.check(For::Create)?;
    drives.create(&caller, &at.0, input.0).await.map(Created)
}

async fn show(State(drives): Drives, Extension(caller): Who, at: At<Reference>) -> Answer<Json<TapeDrive>> {
    drives.show(&caller, DrivesOf::All, &at.0).await.map(Json)
}

async fn show_of_library(State(drives): Drives, Extension(caller): Who, at: Pair) -> Answer<Json<TapeDrive>> {
    let (library, drive) = at.0;
    drives.show(&caller, DrivesOf::Library(library), &drive).await.map(Json)
}

async fn update(
    State(drives): Drives,
    Extension(caller): Who,
    at: At<Reference>,
    input: Body<TapeDriveInput>,
) -> Answer<Json<TapeDrive>> {
    input.0.check(For::Update)?;
    drives.update(&caller, DrivesOf::All, &at.0, input.0).await.map(Json)
}

async fn update_of_library(
    State(drives): Drives,
    Extension(caller): Who,
    at: Pair,
    input: Body<TapeDriveInput>,
) -> Answer<Json<TapeDrive>> {
    input.0.check(For::Update)?;
    let (library, drive) = at.0;
    drives.update(&caller, DrivesOf::Library(library), &drive, input.0).await.map(Json)
}

async fn destroy(State(drives): Drives, Extension(caller): Who, at: At<Reference>) -> Answer<Nothing> {
    drives.destroy(&caller, DrivesOf::All, &at.0).await.map(|()| Nothing)
}

async fn destroy_of_library(State(drives): Drives, Extension(caller): Who, at: Pair) -> Answer<Nothing> {
    let (library, drive) = at.0;
    drives.destroy(&caller, DrivesOf::Library(library), &drive).await.map(|()| Nothing)
}

async fn look_for_devices(State(drives): Drives, Extension(caller): Who, at: At<Reference>) -> Answer<Accepted<ActiveJob>> {
    drives.look_for_devices(&caller, &at.0).await.map(Accepted)
}

async fn devices_found(
    State(drives): Drives,
    Extension(caller): Who,
    at: At<Reference>,
    query: AskedJob,
) -> Result<Response, Error> {
    match active_job::asked_if_any(query) {
        Some(job) => drives.devices(&caller, &at.0, &job).await.map(IntoResponse::into_response),
        None => drives.look_for_devices(&caller, &at.0).await.map(|job| Accepted(job).into_response()),
    }
}
