//! Tape libraries: robots that were found among the devices and registered.
//!
//! A device is registered by what the list of devices says of it: its serial number, or its `device`. Beside devices of the list,
//! `device` may be an address of iSCSI, `iscsi://host:port/name`.

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
use super::{At, Body, Who};
use crate::answer::{Accepted, Answer, Created, Nothing, Page};
use crate::errors::{Code, Error};
use crate::listing::{Field, Listing, integer, listed, text};
use crate::validation::{Check, For};

/// How a library is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LibraryProtocol {
    Scsi,
    Acsls,
}

/// Of a library, or of a drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LibraryStatus {
    Offline,
    Online,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = tape_library_device)]
pub struct TapeLibraryDevice {
    pub serial: Option<String>,
    pub protocol: LibraryProtocol,
    pub vendor: String,
    pub product: String,
    pub firmware: Option<String>,
    /// Where it is: `/dev/sg3`, or `target:name` of a target of this host.
    pub device: Option<String>,
    /// Of a library behind ACSLS.
    pub acs: Option<i64>,
    pub storage_slots: Option<i64>,
    /// Address of the first one.
    pub storage_slots_address: Option<i64>,
    /// Slots through which tapes are put in and taken out.
    pub io_slots: Option<i64>,
    pub io_slots_address: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = tape_library)]
pub struct TapeLibrary {
    pub id: i64,
    pub name: String,
    pub comment: Option<String>,
    pub libso: Option<String>,
    pub status: LibraryStatus,
    /// For each GB and month.
    pub price: Option<String>,
    #[serde(flatten)]
    pub device: TapeLibraryDevice,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = tape_library_input)]
pub struct TapeLibraryInput {
    /// Left out: the serial number.
    pub name: Option<String>,
    pub comment: Option<String>,
    pub libso: Option<String>,
    pub price: Option<String>,
    /// Only when it is created, as the list of devices has it.
    pub serial: Option<String>,
    pub device: Option<String>,
    pub protocol: Option<LibraryProtocol>,
}

impl TapeLibraryInput {
    fn check(&self, purpose: For) -> Answer<()> {
        let mut check = Check::new(purpose);
        if self.name.is_some() {
            check.name("name", self.name.as_deref());
        }
        for (attribute, value) in [
            ("comment", &self.comment),
            ("libso", &self.libso),
            ("price", &self.price),
            ("serial", &self.serial),
            ("device", &self.device),
        ] {
            check.text(attribute, value.as_deref());
        }
        if self.protocol == Some(LibraryProtocol::Acsls) {
            check.explain("protocol", Code::Invalid, "Libraries behind ACSLS are not served; protocol has to be scsi");
        }
        let named = |value: &Option<String>| value.as_ref().is_some_and(|text| !text.is_empty());
        if purpose == For::Create && !named(&self.serial) && !named(&self.device) {
            check.explain("serial", Code::Blank, "serial or device must be given, as the list of devices has them");
        }
        check.finish()
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tape_library_collection)]
struct TapeLibraryCollection {
    count: u64,
    tape_libraries: Vec<TapeLibrary>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tape_library_device_collection)]
struct TapeLibraryDeviceCollection {
    tape_libraries: Vec<TapeLibraryDevice>,
}

/// What a look at the devices has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundLibraries {
    Devices(Vec<TapeLibraryDevice>),
    /// Not done, or failed.
    NotYet(ActiveJob),
}

impl IntoResponse for FoundLibraries {
    fn into_response(self) -> Response {
        match self {
            Self::Devices(tape_libraries) => Json(TapeLibraryDeviceCollection { tape_libraries }).into_response(),
            Self::NotYet(job) => active_job::no_devices(job),
        }
    }
}

const FIELDS: &[Field] = &[
    integer("id"),
    text("name"),
    text("serial"),
    text("comment"),
    text("protocol"),
    text("vendor"),
    text("product"),
    text("firmware"),
    text("device"),
    text("libso"),
    integer("acs"),
    text("status"),
    integer("storage_slots"),
    integer("storage_slots_address"),
    integer("io_slots"),
    integer("io_slots_address"),
    text("price"),
];

#[async_trait]
pub trait TapeLibraries: Send + Sync + 'static {
    async fn index(&self, caller: &Caller, listing: Listing) -> Answer<Page<TapeLibrary>>;
    /// Its drives and tapes appear with its first inventory, a little later.
    async fn create(&self, caller: &Caller, input: TapeLibraryInput) -> Answer<TapeLibrary>;
    async fn show(&self, caller: &Caller, library: &Reference) -> Answer<TapeLibrary>;
    /// Members that are none stay as they are.
    async fn update(&self, caller: &Caller, library: &Reference, input: TapeLibraryInput) -> Answer<TapeLibrary>;
    async fn destroy(&self, caller: &Caller, library: &Reference) -> Answer<()>;
    /// Begins to look for libraries that are not registered.
    async fn look_for_devices(&self, caller: &Caller) -> Answer<ActiveJob>;
    async fn devices(&self, caller: &Caller, job: &str) -> Answer<FoundLibraries>;
}

type Libraries = State<Arc<dyn TapeLibraries>>;

pub(crate) fn routes(libraries: Arc<dyn TapeLibraries>) -> Routes {
    let scope = |verb| Access::Scope("tape_libraries", verb);
    let (all, one, devices) = ("/tape_libraries", "/tape_libraries/{tape_library_id}", "/tape_libraries/-/devices");
    Routes::new()
        .on(
            listed(Operation::get(all, "index_tape_libraries", scope("index")), FIELDS)
                .summary("Lists tape libraries.")
                .answers::<TapeLibraryCollection>(200, "Tape libraries."),
            index,
        )
        .on(
            Operation::post(all, "create_tape_library", scope("create"))
                .summary("Registers a tape library of the list of devices.")
                .takes::<TapeLibraryInput>()
                .answers::<TapeLibrary>(201, "The new tape library."),
            create,
        )
        .on(
            Operation::put(devices, "look_for_tape_library_devices", scope("devices"))
                .summary("Begins to look for tape libraries that are not registered.")
                .answers::<ActiveJob>(202, "The look, to be asked about with GET."),
            look_for_devices,
        )
        .on(
            active_job::documented_devices(Operation::get(devices, "index_tape_library_devices", scope("devices")))
                .summary("Lists the tape libraries that a look found and that are not registered.")
                .answers::<TapeLibraryDeviceCollection>(200, "Devices."),
            devices_found,
        )
        .on(
            Operation::get(one, "show_tape_library", scope("show"))
                .summary("Shows a tape library.")
                .answers::<TapeLibrary>(200, "The tape library."),
            show,
        )
        .on(
            Operation::put(one, "update_tape_library", scope("update"))
                .summary("Changes the members that are given.")
                .takes::<TapeLibraryInput>()
                .answers::<TapeLibrary>(200, "The tape library as it is now."),
            update,
        )
        .on(
            Operation::delete(one, "destroy_tape_library", scope("destroy"))
                .summary("Forgets a tape library, its drives and its tapes; nothing in it is touched.")
                .answers_nothing(204, "Forgotten."),
            destroy,
        )
        .with_state(libraries)
}

async fn index(State(libraries): Libraries, Extension(caller): Who, uri: Uri) -> Answer<Json<TapeLibraryCollection>> {
    let Page { count, items } = libraries.index(&caller, Listing::of(&uri, FIELDS)?).await?;
    Ok(Json(TapeLibraryCollection { count, tape_libraries: items }))
}

async fn create(
    State(libraries): Libraries,
    Extension(caller): Who,
    input: Body<TapeLibraryInput>,
) -> Answer<Created<TapeLibrary>> {
    input.0.check(For::Create)?;
    libraries.create(&caller, input.0).await.map(Created)
}

async fn show(State(libraries): Libraries, Extension(caller): Who, at: At<Reference>) -> Answer<Json<TapeLibrary>> {
    libraries.show(&caller, &at.0).await.map(Json)
}

async fn update(
    State(libraries): Libraries,
    Extension(caller): Who,
    at: At<Reference>,
    input: Body<TapeLibraryInput>,
) -> Answer<Json<TapeLibrary>> {
    input.0.check(For::Update)?;
    libraries.update(&caller, &at.0, input.0).await.map(Json)
}

async fn destroy(State(libraries): Libraries, Extension(caller): Who, at: At<Reference>) -> Answer<Nothing> {
    libraries.destroy(&caller, &at.0).await.map(|()| Nothing)
}

async fn look_for_devices(State(libraries): Libraries, Extension(caller): Who) -> Answer<Accepted<ActiveJob>> {
    libraries.look_for_devices(&caller).await.map(Accepted)
}

async fn devices_found(State(libraries): Libraries, Extension(caller): Who, query: AskedJob) -> Result<Response, Error> {
    match active_job::asked_if_any(query) {
        Some(job) => libraries.devices(&caller, &job).await.map(IntoResponse::into_response),
        None => libraries.look_for_devices(&caller).await.map(|job| Accepted(job).into_response()),
    }
}
