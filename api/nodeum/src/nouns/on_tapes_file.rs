//! Files that were found on the tapes of a pool and that nothing else knew: another host's, or those of a catalogue that is gone.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Reference, Routes};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::file::FileKind;
use super::{At, Who};
use crate::answer::{Answer, Page};
use crate::listing::{Field, Listing, filtered, integer, text};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = on_tapes_file)]
pub struct OnTapesFile {
    pub id: i64,
    pub name: String,
    #[serde(rename = "type")]
    pub kind: FileKind,
    /// Bytes.
    pub size: i64,
    /// Of the tapes that it lies on. Folders have none of their own.
    pub barcodes: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = on_tapes_file_collection)]
struct OnTapesFileCollection {
    count: u64,
    on_tapes_files: Vec<OnTapesFile>,
}

const FIELDS: &[Field] = &[text("name"), text("type"), integer("size")];

#[async_trait]
pub trait OnTapesFiles: Send + Sync + 'static {
    /// What lies in a folder, or at the top.
    async fn index(&self, caller: &Caller, pool: &Reference, folder: Option<i64>, listing: Listing) -> Answer<Page<OnTapesFile>>;
    async fn show(&self, caller: &Caller, pool: &Reference, file: i64) -> Answer<OnTapesFile>;
}

type Shared = State<Arc<dyn OnTapesFiles>>;

pub(crate) fn routes(files: Arc<dyn OnTapesFiles>) -> Routes {
    let list = |path, id| {
        filtered(Operation::get(path, id, Access::Scope("on_tapes_files", "index")), FIELDS)
            .answers::<OnTapesFileCollection>(200, "Files and folders.")
    };
    Routes::new()
        .on(
            list("/pools/{pool_id}/on_tapes_files", "index_on_tapes_files_by_pool")
                .summary("Lists what was found at the top of the tapes of a pool, and was known nowhere else."),
            index,
        )
        .on(
            list("/pools/{pool_id}/on_tapes_files/{file_parent_id}/children", "on_tapes_files_children_by_pool")
                .summary("Lists what was found in a folder."),
            children,
        )
        .on(
            Operation::get(
                "/pools/{pool_id}/on_tapes_files/{file_id}",
                "show_on_tape_file_by_pool",
                Access::Scope("on_tapes_files", "show"),
            )
            .summary("Shows a file or folder that was found on the tapes of a pool.")
            .answers::<OnTapesFile>(200, "The file or folder."),
            show,
        )
        .with_state(files)
}

fn collection(page: Page<OnTapesFile>) -> Json<OnTapesFileCollection> {
    Json(OnTapesFileCollection { count: page.count, on_tapes_files: page.items })
}

async fn index(State(files): Shared, Extension(caller): Who, at: At<Reference>, uri: Uri) -> Answer<Json<OnTapesFileCollection>> {
    files.index(&caller, &at.0, None, Listing::of(&uri, FIELDS)?).await.map(collection)
}

async fn children(
    State(files): Shared,
    Extension(caller): Who,
    at: At<(Reference, i64)>,
    uri: Uri,
) -> Answer<Json<OnTapesFileCollection>> {
    let (pool, folder) = at.0;
    files.index(&caller, &pool, Some(folder), Listing::of(&uri, FIELDS)?).await.map(collection)
}

async fn show(State(files): Shared, Extension(caller): Who, at: At<(Reference, i64)>) -> Answer<Json<OnTapesFile>> {
    let (pool, file) = at.0;
    files.show(&caller, &pool, file).await.map(Json)
}
