//! Mounts: pools and spaces shown as directories of the host's machine, for people and their programs.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Json as Input, Operation, PathOf, Routes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AdminError;

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Mount {
    pub number: i64,
    /// What is mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space: Option<String>,
    /// On the machine of the host.
    pub directory: String,
    /// Such as `server:/export`, `//server/share`, or names of buckets; of several, a plus stands between them.
    pub source: String,
    /// Of the file system, as the kernel's table of mounts has it: `fuse`, or `fuse.capstan` where fusermount mounted it.
    #[serde(rename = "type")]
    pub kind: String,
    /// Mount options, separated by commas; the first is `rw` or `ro`.
    pub options: String,
    /// Device numbers, such as `0:189`.
    pub device: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewMount {
    /// Number or name of a pool, or of a space where no pool has it.
    pub of: String,
    /// A space is meant.
    #[serde(default)]
    pub space: bool,
    /// Absolute, on the machine of the host, there, and empty.
    pub directory: String,
    #[serde(default)]
    pub read_only: bool,
    /// For all users of the machine, as the modes of files allow; else for the user alone who runs the host.
    #[serde(default)]
    pub for_all: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MountList {
    pub mounts: Vec<Mount>,
}

#[async_trait]
pub trait Mounts: Send + Sync + 'static {
    async fn list_mounts(&self, caller: &Caller) -> Result<MountList, AdminError>;
    async fn create_mount(&self, caller: &Caller, mount: NewMount) -> Result<Mount, AdminError>;
    /// By number.
    async fn remove_mount(&self, caller: &Caller, mount: &str) -> Result<(), AdminError>;
}

pub(crate) fn routes() -> Routes<Arc<dyn Mounts>> {
    Routes::new()
        .on(
            Operation::get("/mounts", "list_mounts", Access::Scope("mounts", "index"))
                .summary("Lists what is mounted.")
                .answers::<MountList>(200, "Mounts."),
            list,
        )
        .on(
            Operation::post("/mounts", "create_mount", Access::Scope("mounts", "create"))
                .summary("Mounts a pool or a space in an empty directory of the host's machine, to be read and written.")
                .takes::<NewMount>()
                .answers::<Mount>(201, "Mounted.")
                .answers::<AdminError>(409, "Something is mounted there.")
                .answers::<AdminError>(503, "A target could not be reached."),
            create,
        )
        .on(
            Operation::delete("/mounts/{mount}", "remove_mount", Access::Scope("mounts", "destroy"))
                .summary("Unmounts, by number; files that are open in it fail from then on.")
                .answers_nothing(204, "Unmounted."),
            remove,
        )
}

async fn list(
    State(mounts): State<Arc<dyn Mounts>>,
    Extension(caller): Extension<Arc<Caller>>,
) -> Result<Json<MountList>, AdminError> {
    mounts.list_mounts(&caller).await.map(Json)
}

async fn create(
    State(mounts): State<Arc<dyn Mounts>>,
    Extension(caller): Extension<Arc<Caller>>,
    Input { 0: mount, .. }: Input<NewMount, AdminError>,
) -> Result<(StatusCode, Json<Mount>), AdminError> {
    mounts.create_mount(&caller, mount).await.map(|mount| (StatusCode::CREATED, Json(mount)))
}

async fn remove(
    State(mounts): State<Arc<dyn Mounts>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: mount, .. }: PathOf<String, AdminError>,
) -> Result<StatusCode, AdminError> {
    mounts.remove_mount(&caller, &mount).await.map(|()| StatusCode::NO_CONTENT)
}
