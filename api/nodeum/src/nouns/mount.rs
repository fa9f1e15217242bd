//! Mounts: the view of a pool as a directory of the host; a share, a bucket or a tape is mounted where its pool is. A mount that fails is a status with the reason, not an error.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Reference, Routes};
use serde::Serialize;
use utoipa::ToSchema;

use super::cloud_bucket::BucketsOf;
use super::nas_share::SharesOf;
use super::tape::TapesOf;
use super::{At, Who};
use crate::answer::Answer;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub enum MountKind {
    #[serde(rename = "cifs")]
    Cifs,
    #[serde(rename = "nfs")]
    Nfs,
    #[serde(rename = "fuse.s3fs")]
    FuseS3fs,
    #[serde(rename = "fuse.core_fuse")]
    FuseCoreFuse,
    #[serde(rename = "fuse")]
    Fuse,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = mount_info)]
pub struct MountInfo {
    pub id: i64,
    /// Device numbers of the mount, such as `0:189`.
    pub major_minor: Option<String>,
    /// Where it is mounted.
    pub target: String,
    pub source: String,
    pub options: String,
    #[serde(rename = "type")]
    pub kind: MountKind,
    pub pool_id: Option<i64>,
    pub pool_name: Option<String>,
    pub nas_id: Option<i64>,
    pub nas_name: Option<String>,
    pub nas_share_id: Option<i64>,
    pub nas_share_name: Option<String>,
    pub cloud_connector_id: Option<i64>,
    pub cloud_connector_name: Option<String>,
    pub cloud_bucket_id: Option<i64>,
    pub cloud_bucket_name: Option<String>,
    pub tape_id: Option<i64>,
    pub tape_barcode: Option<String>,
    pub tape_library_id: Option<i64>,
    pub tape_library_name: Option<String>,
    pub tape_library_serial: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = mount_status)]
pub struct MountStatus {
    pub mounted: bool,
    /// Empty, or why it is not mounted.
    pub message: String,
    pub status: Option<MountInfo>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = mount_collection)]
struct MountCollection {
    mounts: Vec<MountInfo>,
}

#[async_trait]
pub trait Mounts: Send + Sync + 'static {
    async fn index(&self, caller: &Caller) -> Answer<Vec<MountInfo>>;
    async fn status(&self, caller: &Caller, pool: &Reference) -> Answer<MountStatus>;
    async fn mount(&self, caller: &Caller, pool: &Reference) -> Answer<MountStatus>;
    async fn unmount(&self, caller: &Caller, pool: &Reference) -> Answer<MountStatus>;
    async fn share_status(&self, caller: &Caller, of: SharesOf, share: &Reference) -> Answer<MountStatus>;
    async fn bucket_status(&self, caller: &Caller, of: BucketsOf, bucket: &Reference) -> Answer<MountStatus>;
    async fn tape_status(&self, caller: &Caller, of: TapesOf, tape: &Reference) -> Answer<MountStatus>;
}

type Shared = State<Arc<dyn Mounts>>;
type Pair = At<(Reference, Reference)>;

pub(crate) fn routes(mounts: Arc<dyn Mounts>) -> Routes {
    let path = "/pools/{pool_id}/mount";
    let of_share = |path, id| {
        Operation::get(path, id, Access::Scope("nas_shares", "mount_status"))
            .summary("Tells whether a NAS share is mounted, in the view of its pool.")
            .answers::<MountStatus>(200, "How it stands.")
    };
    let of_bucket = |path, id| {
        Operation::get(path, id, Access::Scope("cloud_buckets", "mount_status"))
            .summary("Tells whether a cloud bucket is mounted, in the view of its pool.")
            .answers::<MountStatus>(200, "How it stands.")
    };
    let of_tape = |path, id| {
        Operation::get(path, id, Access::Scope("tapes", "mount_status"))
            .summary("Tells whether a tape is mounted, in the view of its pool.")
            .answers::<MountStatus>(200, "How it stands.")
    };
    Routes::new()
        .on(
            Operation::get("/mounts", "index_mounts", Access::Scope("mounts", "index"))
                .summary("Lists what is mounted.")
                .answers::<MountCollection>(200, "Mounts."),
            index,
        )
        .on(
            Operation::get(path, "mount_status_pool", Access::Scope("pools", "mount_status"))
                .summary("Tells whether a pool is mounted.")
                .answers::<MountStatus>(200, "How it stands."),
            status,
        )
        .on(
            Operation::put(path, "mount_pool", Access::Scope("pools", "mount"))
                .summary("Mounts a pool.")
                .answers::<MountStatus>(200, "How it stands now; when it could not be mounted, why."),
            mount,
        )
        .on(
            Operation::delete(path, "unmount_pool", Access::Scope("pools", "unmount"))
                .summary("Unmounts a pool.")
                .answers::<MountStatus>(200, "How it stands now."),
            unmount,
        )
        .on(of_share("/nas_shares/{nas_share_id}/mount", "mount_status_nas_share"), share)
        .on(of_share("/nas/{nas_id}/nas_shares/{nas_share_id}/mount", "mount_status_nas_share_by_nas"), share_of_nas)
        .on(of_share("/pools/{pool_id}/nas_shares/{nas_share_id}/mount", "mount_status_nas_share_by_pool"), share_of_pool)
        .on(of_bucket("/cloud_buckets/{cloud_bucket_id}/mount", "mount_status_cloud_bucket"), bucket)
        .on(
            of_bucket(
                "/cloud_connectors/{cloud_connector_id}/cloud_buckets/{cloud_bucket_id}/mount",
                "mount_status_cloud_bucket_by_cloud_connector",
            ),
            bucket_of_connector,
        )
        .on(
            of_bucket("/pools/{pool_id}/cloud_buckets/{cloud_bucket_id}/mount", "mount_status_cloud_bucket_by_pool"),
            bucket_of_pool,
        )
        .on(of_tape("/tapes/{tape_id}/mount", "mount_status_tape"), tape)
        .on(
            of_tape("/tape_libraries/{tape_library_id}/tapes/{tape_id}/mount", "mount_status_tape_by_tape_library"),
            tape_of_library,
        )
        .on(of_tape("/pools/{pool_id}/tapes/{tape_id}/mount", "mount_status_tape_by_pool"), tape_of_pool)
        .with_state(mounts)
}

async fn index(State(mounts): Shared, Extension(caller): Who) -> Answer<Json<MountCollection>> {
    let mounts = mounts.index(&caller).await?;
    Ok(Json(MountCollection { mounts }))
}

async fn status(State(mounts): Shared, Extension(caller): Who, at: At<Reference>) -> Answer<Json<MountStatus>> {
    mounts.status(&caller, &at.0).await.map(Json)
}

async fn mount(State(mounts): Shared, Extension(caller): Who, at: At<Reference>) -> Answer<Json<MountStatus>> {
    mounts.mount(&caller, &at.0).await.map(Json)
}

async fn unmount(State(mounts): Shared, Extension(caller): Who, at: At<Reference>) -> Answer<Json<MountStatus>> {
    mounts.unmount(&caller, &at.0).await.map(Json)
}

async fn share(State(mounts): Shared, Extension(caller): Who, at: At<Reference>) -> Answer<Json<MountStatus>> {
    mounts.share_status(&caller, SharesOf::All, &at.0).await.map(Json)
}

async fn share_of_nas(State(mounts): Shared, Extension(caller): Who, at: Pair) -> Answer<Json<MountStatus>> {
    let (nas, share) = at.0;
    mounts.share_status(&caller, SharesOf::Nas(nas), &share).await.map(Json)
}

async fn share_of_pool(State(mounts): Shared, Extension(caller): Who, at: Pair) -> Answer<Json<MountStatus>> {
    let (pool, share) = at.0;
    mounts.share_status(&caller, SharesOf::Pool(pool), &share).await.map(Json)
}

async fn bucket(State(mounts): Shared, Extension(caller): Who, at: At<Reference>) -> Answer<Json<MountStatus>> {
    mounts.bucket_status(&caller, BucketsOf::All, &at.0).await.map(Json)
}

async fn bucket_of_connector(State(mounts): Shared, Extension(caller): Who, at: Pair) -> Answer<Json<MountStatus>> {
    let (connector, bucket) = at.0;
    mounts.bucket_status(&caller, BucketsOf::Connector(connector), &bucket).await.map(Json)
}

async fn bucket_of_pool(State(mounts): Shared, Extension(caller): Who, at: Pair) -> Answer<Json<MountStatus>> {
    let (pool, bucket) = at.0;
    mounts.bucket_status(&caller, BucketsOf::Pool(pool), &bucket).await.map(Json)
}

async fn tape(State(mounts): Shared, Extension(caller): Who, at: At<Reference>) -> Answer<Json<MountStatus>> {
    mounts.tape_status(&caller, TapesOf::All, &at.0).await.map(Json)
}

async fn tape_of_library(State(mounts): Shared, Extension(caller): Who, at: Pair) -> Answer<Json<MountStatus>> {
    let (library, tape) = at.0;
    mounts.tape_status(&caller, TapesOf::Library(library), &tape).await.map(Json)
}

async fn tape_of_pool(State(mounts): Shared, Extension(caller): Who, at: Pair) -> Answer<Json<MountStatus>> {
    let (pool, tape) = at.0;
    mounts.tape_status(&caller, TapesOf::Pool(pool), &tape).await.map(Json)
}
