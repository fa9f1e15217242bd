//! Drives: block volumes, whatever their owner. Attached they are reached over NBD; their images are read and put into them.

mod image;

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Json as Input, Operation, PathOf, Routes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AdminError;
use crate::listing::{Page, Window};

pub use image::{Image, Part, Span};

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Drive {
    pub id: String,
    pub number: i64,
    pub name: String,
    /// Id of the user.
    pub owner: String,
    /// Bytes.
    pub size: u64,
    /// Id of the plugin behind it, such as `nvme`.
    pub storage_type: String,
    /// `creating`, `cloning`, `uploading`, `resizing`, `ready` or `unavailable`.
    pub state: String,
    /// A machine lists it, or it is attached.
    pub mounted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment: Option<Attachment>,
    /// Why it is unavailable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<AdminError>,
    pub created: String,
}

/// Where a drive is reached.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Attachment {
    /// `unix:/path` or `tcp:ADDRESS:PORT`, on the machine of the host.
    pub address: String,
    /// The same for clients of NBD.
    pub uri: String,
    pub read_only: bool,
    pub created: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct NewAttachment {
    /// `unix:/path`, of a socket that is not there, or `tcp:ADDRESS:PORT`, where port 0 takes a free one; left out: a socket in the
    /// host's data directory. Administrators alone choose. Beyond the host's machine clients have to use TLS and show a
    /// certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(default)]
    pub read_only: bool,
}

/// How far an image has come that is put into a drive.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Upload {
    /// Bytes of the image.
    pub size: u64,
    /// Bytes that are in the drive for good, from the first on.
    pub received: u64,
    /// All of it is there, and the drive is ready.
    pub complete: bool,
}

/// What a drive takes in its target: bytes, as far as that tells.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// Bytes that the drive has.
    pub size: u64,
    /// Bytes that it takes, without its snapshots where the target counts those apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<u64>,
    /// How many it has.
    pub snapshots: u64,
    /// Bytes that they took when they were taken, those of which it is known.
    pub snapshots_used: u64,
}

#[async_trait]
pub trait Drives: Send + Sync + 'static {
    async fn list_drives(&self, caller: &Caller, window: Window) -> Result<Page<Drive>, AdminError>;
    /// By number, id or name, as everywhere here.
    async fn show_drive(&self, caller: &Caller, drive: &str) -> Result<Drive, AdminError>;
    /// Asks the drive's target.
    async fn show_usage(&self, caller: &Caller, drive: &str) -> Result<Usage, AdminError>;
    async fn attach_drive(&self, caller: &Caller, drive: &str, attachment: NewAttachment) -> Result<Attachment, AdminError>;
    async fn detach_drive(&self, caller: &Caller, drive: &str) -> Result<(), AdminError>;
    /// None: all of it.
    async fn read_image(&self, caller: &Caller, drive: &str, span: Option<Span>) -> Result<Image, AdminError>;
    async fn write_image(&self, caller: &Caller, drive: &str, part: Part, bytes: Body) -> Result<Upload, AdminError>;
    async fn show_upload(&self, caller: &Caller, drive: &str) -> Result<Upload, AdminError>;
}

pub(crate) fn routes() -> Routes<Arc<dyn Drives>> {
    Routes::new()
        .on(
            Window::asked_of(Operation::get("/drives", "list_drives", Access::Scope("drives", "index")))
                .summary("Lists drives: an administrator's list has all, anybody else's their own.")
                .answers::<Page<Drive>>(200, "Drives."),
            list,
        )
        .on(
            Operation::get("/drives/{drive}", "show_drive", Access::Scope("drives", "show"))
                .summary("Shows one drive, by number, id or name.")
                .answers::<Drive>(200, "The drive.")
                .answers::<AdminError>(409, "Several have the name."),
            show,
        )
        .on(
            Operation::get("/drives/{drive}/usage", "show_usage", Access::Scope("drives", "show"))
                .summary("Asks the drive's target what the drive takes there.")
                .answers::<Usage>(200, "Bytes."),
            usage,
        )
        .on(
            Operation::post("/drives/{drive}/attachment", "attach_drive", Access::Scope("drives", "update"))
                .summary("Exports a drive over NBD until it is detached or the host ends. It is mounted meanwhile.")
                .takes::<NewAttachment>()
                .answers::<Attachment>(201, "Attached.")
                .answers::<AdminError>(409, "It is mounted, or not ready."),
            attach,
        )
        .on(
            Operation::delete("/drives/{drive}/attachment", "detach_drive", Access::Scope("drives", "update"))
                .summary("Ends the export and its connections; what was flushed is durable.")
                .answers_nothing(204, "Detached, or it was not attached."),
            detach,
        )
        .on(image::reading(), image::read)
        .on(image::writing(), image::write)
        .on(
            Operation::get("/drives/{drive}/upload", "show_upload", Access::Scope("drives", "show"))
                .summary("Tells how far an image has come that is put into the drive.")
                .answers::<Upload>(200, "The upload."),
            upload,
        )
}

async fn list(
    State(drives): State<Arc<dyn Drives>>,
    Extension(caller): Extension<Arc<Caller>>,
    uri: Uri,
) -> Result<Json<Page<Drive>>, AdminError> {
    let window = Window::of(&uri)?;
    drives.list_drives(&caller, window).await.map(Json)
}

async fn show(
    State(drives): State<Arc<dyn Drives>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: drive, .. }: PathOf<String, AdminError>,
) -> Result<Json<Drive>, AdminError> {
    drives.show_drive(&caller, &drive).await.map(Json)
}

async fn usage(
    State(drives): State<Arc<dyn Drives>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: drive, .. }: PathOf<String, AdminError>,
) -> Result<Json<Usage>, AdminError> {
    drives.show_usage(&caller, &drive).await.map(Json)
}

async fn attach(
    State(drives): State<Arc<dyn Drives>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: drive, .. }: PathOf<String, AdminError>,
    Input { 0: attachment, .. }: Input<NewAttachment, AdminError>,
) -> Result<(StatusCode, Json<Attachment>), AdminError> {
    drives.attach_drive(&caller, &drive, attachment).await.map(|attachment| (StatusCode::CREATED, Json(attachment)))
}

async fn detach(
    State(drives): State<Arc<dyn Drives>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: drive, .. }: PathOf<String, AdminError>,
) -> Result<StatusCode, AdminError> {
    drives.detach_drive(&caller, &drive).await.map(|()| StatusCode::NO_CONTENT)
}

async fn upload(
    State(drives): State<Arc<dyn Drives>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: drive, .. }: PathOf<String, AdminError>,
) -> Result<Json<Upload>, AdminError> {
    drives.show_upload(&caller, &drive).await.map(Json)
}
