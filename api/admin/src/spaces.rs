//! Spaces: what their buckets say of them beside the copies of their files, and spaces made anew from that.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Json as Input, Operation, PathOf, Routes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AdminError;

#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct NewExport {
    /// Number or name of a bucket; left out: all that hold copies of the space's files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
}

/// What was written into one bucket.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Export {
    /// Its name.
    pub bucket: String,
    /// Files with a copy there.
    pub files: u64,
    /// Objects that the manifest has.
    pub written: u64,
    /// Objects that it replaced.
    pub removed: u64,
    /// Files that the catalogue has and the space has not. With any, nothing is removed.
    pub missing: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ExportList {
    pub exports: Vec<Export>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct NewRebuild {
    /// Number or name of a bucket; left out: all that the space's external targets lead to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// Id of the space that the manifest was written for, where the bucket has several that could be meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// What was made from one bucket.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Rebuild {
    /// Its name.
    pub bucket: String,
    /// Ids of the spaces whose manifests were read.
    pub from: Vec<String>,
    /// Objects that were read.
    pub batches: u64,
    /// Objects that are torn, and of which nothing was believed.
    pub torn: u64,
    /// Files that were made, as stubs.
    pub made: u64,
    /// Files that were there with the same content.
    pub there: u64,
    /// Files that were there with another content, and stayed.
    pub kept: u64,
    /// Files that could not be made.
    pub failed: u64,
    /// The first of what is torn, kept and failed.
    pub left: Vec<Left>,
}

/// Something that nothing was made of.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Left {
    /// In the space, or of an object in the bucket.
    pub path: String,
    pub failure: AdminError,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RebuildList {
    pub rebuilds: Vec<Rebuild>,
}

/// A space by number or name.
#[async_trait]
pub trait Spaces: Send + Sync + 'static {
    async fn export_space(&self, caller: &Caller, space: &str, export: NewExport) -> Result<ExportList, AdminError>;
    async fn rebuild_space(&self, caller: &Caller, space: &str, rebuild: NewRebuild) -> Result<RebuildList, AdminError>;
}

pub(crate) fn routes() -> Routes<Arc<dyn Spaces>> {
    let change = Access::Scope("spaces", "update");
    Routes::new()
        .on(
            Operation::post("/spaces/{space}/export", "export_space", change)
                .summary(
                    "Writes the whole manifest of a space anew beside the copies of its files, and removes what it replaces.",
                )
                .takes::<NewExport>()
                .answers::<ExportList>(200, "Written.")
                .answers::<AdminError>(409, "Its manifests are being exported or read.")
                .answers::<AdminError>(503, "A bucket could not be reached, or the space is not open on this host."),
            export,
        )
        .on(
            Operation::post("/spaces/{space}/rebuild", "rebuild_space", change)
                .summary("Makes the files of a space anew, as stubs, from what its buckets say of them. What is there stays.")
                .takes::<NewRebuild>()
                .answers::<RebuildList>(200, "Made; what was not is told.")
                .answers::<AdminError>(409, "Several manifests could be meant, or they are being exported or read.")
                .answers::<AdminError>(503, "A bucket could not be reached, or the space is not open on this host."),
            rebuild,
        )
}

async fn export(
    State(spaces): State<Arc<dyn Spaces>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: space, .. }: PathOf<String, AdminError>,
    Input { 0: asked, .. }: Input<NewExport, AdminError>,
) -> Result<Json<ExportList>, AdminError> {
    spaces.export_space(&caller, &space, asked).await.map(Json)
}

async fn rebuild(
    State(spaces): State<Arc<dyn Spaces>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: space, .. }: PathOf<String, AdminError>,
    Input { 0: asked, .. }: Input<NewRebuild, AdminError>,
) -> Result<Json<RebuildList>, AdminError> {
    spaces.rebuild_space(&caller, &space, asked).await.map(Json)
}
