//! Tapes: they come from the inventory of their library and are never made here; one that is gone can be deleted.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Reference, Routes};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::{At, Who};
use crate::answer::{Answer, Nothing, Page};
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

/// Whose tapes are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TapesOf {
    All,
    Library(Reference),
    Pool(Reference),
    /// That a copy of this file lies on, among those of the pool.
    File {
        pool: Reference,
        file: i64,
    },
}

/// Fields of a list, which has none for what its path says.
macro_rules! fields {
    ($($own:expr),*) => {
        &[
            integer("id"),
            $($own,)*
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
        ]
    };
}

const FIELDS: &[Field] = fields![integer("tape_library_id"), integer("pool_id")];
const FIELDS_OF_LIBRARY: &[Field] = fields![integer("pool_id")];
const FIELDS_OF_POOL: &[Field] = fields![integer("tape_library_id")];

/// By its id, or by its barcode.
#[async_trait]
pub trait Tapes: Send + Sync + 'static {
    async fn index(&self, caller: &Caller, of: TapesOf, listing: Listing) -> Answer<Page<Tape>>;
    async fn show(&self, caller: &Caller, of: TapesOf, tape: &Reference) -> Answer<Tape>;
    /// Only one that is gone from its library.
    async fn destroy(&self, caller: &Caller, tape: &Reference) -> Answer<()>;
}

type Shared = State<Arc<dyn Tapes>>;
type Pair = At<(Reference, Reference)>;

pub(crate) fn routes(tapes: Arc<dyn Tapes>) -> Routes {
    let scope = |verb| Access::Scope("tapes", verb);
    let list =
        |path, id, fields| listed(Operation::get(path, id, scope("index")), fields).answers::<TapeCollection>(200, "Tapes.");
    let one = |path, id| Operation::get(path, id, scope("show")).summary("Shows a tape.").answers::<Tape>(200, "The tape.");
    Routes::new()
        .on(list("/tapes", "index_tapes", FIELDS).summary("Lists tapes."), index)
        .on(
            list("/tape_libraries/{tape_library_id}/tapes", "index_tapes_by_tape_library", FIELDS_OF_LIBRARY)
                .summary("Lists the tapes of a tape library."),
            index_of_library,
        )
        .on(
            list("/pools/{pool_id}/tapes", "index_tapes_by_pool", FIELDS_OF_POOL).summary("Lists the tapes of a pool."),
            index_of_pool,
        )
        .on(
            Operation::get(
                "/pools/{pool_id}/files/{file_id}/tapes",
                "index_tapes_by_file_by_pool",
                Access::Scope("files", "tapes"),
            )
            .summary("Lists the tapes of a pool that a file lies on.")
            .answers::<TapeCollection>(200, "Tapes."),
            index_of_file,
        )
        .on(one("/tapes/{tape_id}", "show_tape"), show)
        .on(one("/tape_libraries/{tape_library_id}/tapes/{tape_id}", "show_tape_by_tape_library"), show_of_library)
        .on(one("/pools/{pool_id}/tapes/{tape_id}", "show_tape_by_pool"), show_of_pool)
        .on(
            Operation::delete("/tapes/{tape_id}", "destroy_tape", scope("destroy"))
                .summary("Forgets a tape that is gone from its library, is in no pool, and holds no copy.")
                .answers_nothing(204, "Forgotten."),
            destroy,
        )
        .with_state(tapes)
}

fn collection(page: Page<Tape>) -> Json<TapeCollection> {
    Json(TapeCollection { count: page.count, tapes: page.items })
}

async fn index(State(tapes): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<TapeCollection>> {
    tapes.index(&caller, TapesOf::All, Listing::of(&uri, FIELDS)?).await.map(collection)
}

async fn index_of_library(
    State(tapes): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    uri: Uri,
) -> Answer<Json<TapeCollection>> {
    tapes.index(&caller, TapesOf::Library(at.0), Listing::of(&uri, FIELDS_OF_LIBRARY)?).await.map(collection)
}

async fn index_of_pool(
    State(tapes): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    uri: Uri,
) -> Answer<Json<TapeCollection>> {
    tapes.index(&caller, TapesOf::Pool(at.0), Listing::of(&uri, FIELDS_OF_POOL)?).await.map(collection)
}

async fn index_of_file(
    State(tapes): Shared,
    Extension(caller): Who,
    at: At<(Reference, i64)>,
    uri: Uri,
) -> Answer<Json<TapeCollection>> {
    let (pool, file) = at.0;
    tapes.index(&caller, TapesOf::File { pool, file }, Listing::of(&uri, &[])?).await.map(collection)
}

async fn show(State(tapes): Shared, Extension(caller): Who, at: At<Reference>) -> Answer<Json<Tape>> {
    tapes.show(&caller, TapesOf::All, &at.0).await.map(Json)
}

async fn show_of_library(State(tapes): Shared, Extension(caller): Who, at: Pair) -> Answer<Json<Tape>> {
    let (library, tape) = at.0;
    tapes.show(&caller, TapesOf::Library(library), &tape).await.map(Json)
}

async fn show_of_pool(State(tapes): Shared, Extension(caller): Who, at: Pair) -> Answer<Json<Tape>> {
    let (pool, tape) = at.0;
    tapes.show(&caller, TapesOf::Pool(pool), &tape).await.map(Json)
}

async fn destroy(State(tapes): Shared, Extension(caller): Who, at: At<Reference>) -> Answer<Nothing> {
    tapes.destroy(&caller, &at.0).await.map(|()| Nothing)
}
