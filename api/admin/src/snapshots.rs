//! Snapshots of drives: what a drive held at a moment, and the way back to it.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Json as Input, Operation, PathOf, Routes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AdminError;
use crate::jobs::Job;
use crate::listing::{Page, Window};

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    pub id: String,
    pub number: i64,
    pub name: String,
    /// Id of the drive.
    pub drive: String,
    /// Bytes of the drive when it was taken.
    pub size: u64,
    /// Bytes that it took in its target when it was taken, where that tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<u64>,
    /// `creating`, `ready` or `unavailable`.
    pub state: String,
    /// Why it is unavailable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<AdminError>,
    pub created: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct NewSnapshot {
    /// Not unique; left out: the moment, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A drive by number, id or name, as everywhere here; a snapshot by the same, among those of its drive.
#[async_trait]
pub trait Snapshots: Send + Sync + 'static {
    /// Oldest first.
    async fn list_snapshots(&self, caller: &Caller, drive: &str, window: Window) -> Result<Page<Snapshot>, AdminError>;
    async fn show_snapshot(&self, caller: &Caller, drive: &str, snapshot: &str) -> Result<Snapshot, AdminError>;
    async fn create_snapshot(&self, caller: &Caller, drive: &str, snapshot: NewSnapshot) -> Result<Snapshot, AdminError>;
    async fn remove_snapshot(&self, caller: &Caller, drive: &str, snapshot: &str) -> Result<(), AdminError>;
    /// The job that does it.
    async fn restore_snapshot(&self, caller: &Caller, drive: &str, snapshot: &str) -> Result<Job, AdminError>;
}

pub(crate) fn routes() -> Routes<Arc<dyn Snapshots>> {
    let scope = |verb| Access::Scope("snapshots", verb);
    let all = "/drives/{drive}/snapshots";
    let one = "/drives/{drive}/snapshots/{snapshot}";
    Routes::new()
        .on(
            Window::asked_of(Operation::get(all, "list_snapshots", scope("index")))
                .summary("Lists the snapshots of a drive, oldest first.")
                .answers::<Page<Snapshot>>(200, "Snapshots."),
            list,
        )
        .on(
            Operation::post(all, "create_snapshot", scope("create"))
                .summary("Takes a snapshot of a drive, which may be mounted: it has what was flushed.")
                .takes::<NewSnapshot>()
                .answers::<Snapshot>(201, "The snapshot, which is being created.")
                .answers::<AdminError>(409, "The drive is not ready."),
            create,
        )
        .on(
            Operation::get(one, "show_snapshot", scope("show"))
                .summary("Shows one snapshot of a drive, by number, id or name.")
                .answers::<Snapshot>(200, "The snapshot.")
                .answers::<AdminError>(409, "Several have the name."),
            show,
        )
        .on(
            Operation::delete(one, "remove_snapshot", scope("destroy"))
                .summary("Deletes a snapshot; the drive stays as it is.")
                .answers_nothing(204, "Begun; it is not there any more.")
                .answers::<AdminError>(409, "It is being created, or a drive gets its bytes."),
            remove,
        )
        .on(
            Operation::post(
                "/drives/{drive}/snapshots/{snapshot}/restore",
                "restore_snapshot",
                Access::Scope("drives", "update"),
            )
            .summary("Gives a drive the bytes of its snapshot back. What was written since is lost; the snapshot stays.")
            .answers::<Job>(202, "The job that does it.")
            .answers::<AdminError>(409, "The drive is attached, on a machine that runs, or not ready; or the snapshot is not."),
            restore,
        )
}

async fn list(
    State(snapshots): State<Arc<dyn Snapshots>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: drive, .. }: PathOf<String, AdminError>,
    uri: Uri,
) -> Result<Json<Page<Snapshot>>, AdminError> {
    let window = Window::of(&uri)?;
    snapshots.list_snapshots(&caller, &drive, window).await.map(Json)
}

async fn create(
    State(snapshots): State<Arc<dyn Snapshots>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: drive, .. }: PathOf<String, AdminError>,
    Input { 0: snapshot, .. }: Input<NewSnapshot, AdminError>,
) -> Result<(StatusCode, Json<Snapshot>), AdminError> {
    snapshots.create_snapshot(&caller, &drive, snapshot).await.map(|snapshot| (StatusCode::CREATED, Json(snapshot)))
}

async fn show(
    State(snapshots): State<Arc<dyn Snapshots>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: (drive, snapshot), .. }: PathOf<(String, String), AdminError>,
) -> Result<Json<Snapshot>, AdminError> {
    snapshots.show_snapshot(&caller, &drive, &snapshot).await.map(Json)
}

async fn remove(
    State(snapshots): State<Arc<dyn Snapshots>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: (drive, snapshot), .. }: PathOf<(String, String), AdminError>,
) -> Result<StatusCode, AdminError> {
    snapshots.remove_snapshot(&caller, &drive, &snapshot).await.map(|()| StatusCode::NO_CONTENT)
}

async fn restore(
    State(snapshots): State<Arc<dyn Snapshots>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: (drive, snapshot), .. }: PathOf<(String, String), AdminError>,
) -> Result<(StatusCode, Json<Job>), AdminError> {
    snapshots.restore_snapshot(&caller, &drive, &snapshot).await.map(|job| (StatusCode::ACCEPTED, Json(job)))
}
