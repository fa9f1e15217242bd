//! Tapes, as far as a pool shows its members.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Reference, Routes};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::{At, Who};
use crate::answer::{Answer, Page};
use crate::listing::{Field, Listing, date, integer, listed, text};
use crate::moment::Moment;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TapeKind {
    Unknown,
    Data,
    Cleaning,
    Diagnostic,
    DataLto1,
    DataLto2,
    DataLto3,
    DataLto4,
    DataLto5,
    DataLto6,
    DataLto7,
    DataLto8,
    DataLto9,
    DataLto10,
    DataLto11,
    DataLto12,
}

/// Flags are 0 or 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = tape)]
pub struct Tape {
    pub id: i64,
    pub tape_library_id: Option<i64>,
    pub pool_id: Option<i64>,
    pub barcode: String,
    /// Such as `Slot 2`.
    pub location: Option<String>,
    #[serde(rename = "type")]
    pub kind: TapeKind,
    pub locked: u8,
    pub scratch: u8,
    pub cleaning: u8,
    /// Reasons.
    pub write_protect: Vec<String>,
    pub mounted: u8,
    pub ejected: u8,
    pub known: u8,
    pub mount_count: i64,
    pub date_in: Option<Moment>,
    pub date_move: Option<Moment>,
    /// Bytes.
    pub free: Option<i64>,
    pub max: Option<i64>,
    pub last_size_update: Option<Moment>,
    pub last_maintenance: Option<Moment>,
    pub last_repack: Option<Moment>,
    pub repack_status: u8,
    pub hash: Option<String>,
    pub force_import_type: u8,
    pub need_to_check: u8,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tape_collection)]
struct TapeCollection {
    count: u64,
    tapes: Vec<Tape>,
}

const FIELDS: &[Field] = &[
    integer("id"),
    integer("tape_library_id"),
    text("barcode"),
    text("location"),
    text("type"),
    integer("locked"),
    integer("scratch"),
    integer("cleaning"),
    text("write_protect"),
    integer("mounted"),
    integer("ejected"),
    integer("known"),
    integer("mount_count"),
    date("date_in"),
    date("date_move"),
    integer("free"),
    integer("max"),
    date("last_size_update"),
    date("last_maintenance"),
    date("last_repack"),
    integer("repack_status"),
    text("hash"),
    integer("force_import_type"),
    integer("need_to_check"),
];

#[async_trait]
pub trait Tapes: Send + Sync + 'static {
    async fn index_of_pool(&self, caller: &Caller, pool: &Reference, listing: Listing) -> Answer<Page<Tape>>;
}

pub(crate) fn routes(tapes: Arc<dyn Tapes>) -> Routes {
    Routes::new()
        .on(
            listed(Operation::get("/pools/{pool_id}/tapes", "index_tapes_by_pool", Access::Scope("tapes", "index")), FIELDS)
                .summary("Lists the tapes of a pool.")
                .answers::<TapeCollection>(200, "Tapes."),
            index_of_pool,
        )
        .with_state(tapes)
}

async fn index_of_pool(
    State(tapes): State<Arc<dyn Tapes>>,
    Extension(caller): Who,
    at: At<Reference>,
    uri: Uri,
) -> Answer<Json<TapeCollection>> {
    let Page { count, items } = tapes.index_of_pool(&caller, &at.0, Listing::of(&uri, FIELDS)?).await?;
    Ok(Json(TapeCollection { count, tapes: items }))
}
