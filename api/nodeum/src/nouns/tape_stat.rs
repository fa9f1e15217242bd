//! Statistics of tapes: what a drive last told of each. A tape that no drive told anything of yet has none.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Reference, Routes};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::tape::TapesOf;
use super::{At, Who};
use crate::answer::{Answer, Page};
use crate::listing::{Field, Listing, date, listed, text};
use crate::moment::Moment;

/// As a drive told it at `log_time`, over the life of the tape unless said otherwise. Null is what it does not tell. A megabyte has 1,000,000 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = tape_stat)]
pub struct TapeStat {
    pub log_time: Moment,
    pub barcode: String,
    pub mounts: Option<i64>,
    pub datasets_written: Option<i64>,
    pub datasets_read: Option<i64>,
    pub recovered_write_data_errors: Option<i64>,
    pub unrecovered_write_data_errors: Option<i64>,
    pub write_servo_errors: Option<i64>,
    pub unrecovered_write_servo_errors: Option<i64>,
    pub recovered_read_errors: Option<i64>,
    pub unrecovered_read_errors: Option<i64>,
    pub last_mount_unrecovered_write_errors: Option<i64>,
    pub last_mount_unrecovered_read_errors: Option<i64>,
    pub last_mount_mbytes_written: Option<i64>,
    pub last_mount_mbytes_read: Option<i64>,
    pub lifetime_mbytes_written: Option<i64>,
    pub lifetime_mbytes_read: Option<i64>,
    /// Hundredths, as all ratios here.
    pub last_load_write_compression_ratio: Option<i64>,
    pub last_load_read_compression_ratio: Option<i64>,
    /// Milliseconds.
    pub medium_mount_time: Option<i64>,
    pub medium_ready_time: Option<i64>,
    /// Megabytes.
    pub total_native_capacity: Option<i64>,
    pub total_used_native_capacity: Option<i64>,
    /// 0 or 1.
    pub write_protect: Option<i64>,
    /// 0 or 1.
    pub worm: Option<i64>,
    pub beginning_of_medium_passes: Option<i64>,
    pub middle_of_tape_passes: Option<i64>,
    /// Since the last mount, as what was transferred.
    pub read_compression_ratio: Option<i64>,
    pub write_compression_ratio: Option<i64>,
    /// Whole megabytes; the bytes beyond them follow.
    pub mbytes_transferred_to_app_client: Option<i64>,
    pub bytes_transferred_to_app_client: Option<i64>,
    pub mbytes_read_from_medium: Option<i64>,
    pub bytes_read_from_medium: Option<i64>,
    pub mbytes_transferred_from_app_client: Option<i64>,
    pub bytes_transferred_from_app_client: Option<i64>,
    pub mbytes_written_to_medium: Option<i64>,
    pub bytes_written_to_medium: Option<i64>,
    /// 0 or 1.
    pub data_compression_enabled: Option<i64>,
    pub write_retries: Option<i64>,
    pub write_perms: Option<i64>,
    pub suspended_writes: Option<i64>,
    pub fatal_suspended_writes: Option<i64>,
    pub read_retries: Option<i64>,
    pub read_perms: Option<i64>,
    pub suspended_reads: Option<i64>,
    pub fatal_suspended_reads: Option<i64>,
    /// Mebibytes, as drives tell room.
    pub partition_0_remaining_capacity: Option<i64>,
    pub partition_1_remaining_capacity: Option<i64>,
    pub partition_0_maximum_capacity: Option<i64>,
    pub partition_1_maximum_capacity: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tape_stat_collection)]
struct TapeStatCollection {
    count: u64,
    tape_stats: Vec<TapeStat>,
}

const FIELDS: &[Field] = &[text("barcode"), date("log_time")];

#[async_trait]
pub trait TapeStats: Send + Sync + 'static {
    /// Of the tapes that have any.
    async fn index(&self, caller: &Caller, listing: Listing) -> Answer<Page<TapeStat>>;
    /// Not found where the tape has none yet.
    async fn show(&self, caller: &Caller, of: TapesOf, tape: &Reference) -> Answer<TapeStat>;
}

type Shared = State<Arc<dyn TapeStats>>;
type Pair = At<(Reference, Reference)>;

pub(crate) fn routes(stats: Arc<dyn TapeStats>) -> Routes {
    let scope = |verb| Access::Scope("tape_stats", verb);
    let one = |path, id| {
        let operation = Operation::get(path, id, scope("show")).summary("Shows the statistics of a tape.");
        operation.answers::<TapeStat>(200, "The latest.")
    };
    let list = listed(Operation::get("/tape_stats", "index_tape_stats", scope("index")), FIELDS);
    Routes::new()
        .on(list.summary("Lists the statistics of tapes.").answers::<TapeStatCollection>(200, "The latest of each tape."), index)
        .on(one("/tapes/{tape_id}/tape_stat", "show_tape_stat"), show)
        .on(one("/tape_libraries/{tape_library_id}/tapes/{tape_id}/tape_stat", "show_tape_stat_by_tape_library"), show_of_library)
        .on(one("/pools/{pool_id}/tapes/{tape_id}/tape_stat", "show_tape_stat_by_pool"), show_of_pool)
        .with_state(stats)
}

async fn index(State(stats): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<TapeStatCollection>> {
    let page = stats.index(&caller, Listing::of(&uri, FIELDS)?).await?;
    Ok(Json(TapeStatCollection { count: page.count, tape_stats: page.items }))
}

async fn show(State(stats): Shared, Extension(caller): Who, at: At<Reference>) -> Answer<Json<TapeStat>> {
    stats.show(&caller, TapesOf::All, &at.0).await.map(Json)
}

async fn show_of_library(State(stats): Shared, Extension(caller): Who, at: Pair) -> Answer<Json<TapeStat>> {
    let (library, tape) = at.0;
    stats.show(&caller, TapesOf::Library(library), &tape).await.map(Json)
}

async fn show_of_pool(State(stats): Shared, Extension(caller): Who, at: Pair) -> Answer<Json<TapeStat>> {
    let (pool, tape) = at.0;
    stats.show(&caller, TapesOf::Pool(pool), &tape).await.map(Json)
}
