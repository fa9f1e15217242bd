//! Files: the catalogue of what lies in containers and primary pools. Rows come from scans and tasks; nothing is written here.

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
use crate::listing::{Field, Listing, date, filtered, integer, text};
use crate::moment::Moment;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    File,
    Folder,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = nodeum_file)]
pub struct File {
    pub id: i64,
    pub name: String,
    /// The folder it lies in.
    pub parent: Option<i64>,
    /// The root of the primary pool it lies in.
    pub primary_id: Option<i64>,
    #[serde(rename = "type")]
    pub kind: FileKind,
    /// The mode in octal digits, read as a decimal number: `100666`.
    pub permission: Option<i64>,
    pub size: i64,
    pub change_date: Option<Moment>,
    pub modification_date: Option<Moment>,
    pub access_date: Option<Moment>,
    pub uid: Option<i64>,
    pub gid: Option<i64>,
    /// `in_cache` when the bytes are on the host's disks, else `not_in_cache`.
    pub in_cache: String,
    /// `online` when the bytes can be read at once, else `offline`.
    pub offline: String,
    #[serde(rename = "extern")]
    pub external: i64,
    /// Each as `algorithm:hex`.
    pub checksums: Vec<String>,
    /// Names of the storage that holds a copy.
    pub tapes: Vec<String>,
    pub cloud_buckets: Vec<String>,
    pub nas_shares: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = nodeum_file_with_path)]
pub struct FileWithPath {
    #[serde(flatten)]
    pub file: File,
    /// From the name of the container or pool on: `/my-container/my-file.txt`.
    pub file_path: String,
}

/// A file that lies on a tape and in no catalogue yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = import_file)]
pub struct ImportFile {
    pub id: i64,
    pub name: String,
    pub parent: Option<i64>,
    pub primary_id: Option<i64>,
    #[serde(rename = "type")]
    pub kind: FileKind,
    pub permission: Option<i64>,
    pub size: i64,
    pub change_date: Option<Moment>,
    pub modification_date: Option<Moment>,
    pub access_date: Option<Moment>,
    pub uid: Option<i64>,
    pub gid: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = nodeum_file_collection)]
struct FileCollection {
    count: u64,
    files: Vec<File>,
}

/// Which files are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilesOf {
    /// The roots of all trees.
    Roots,
    Folder(i64),
    Container(Reference),
    Pool(Reference),
}

const FIELDS: &[Field] = &[
    integer("file_id"),
    text("name"),
    text("type"),
    integer("permission"),
    integer("size"),
    date("change_date"),
    date("modification_date"),
    date("access_date"),
    integer("gid"),
    integer("uid"),
];

#[async_trait]
pub trait Files: Send + Sync + 'static {
    async fn index(&self, caller: &Caller, of: FilesOf, listing: Listing) -> Answer<Page<File>>;
    async fn show(&self, caller: &Caller, file: i64) -> Answer<FileWithPath>;
}

type Shared = State<Arc<dyn Files>>;

pub(crate) fn routes(files: Arc<dyn Files>) -> Routes {
    let list = |path, id| {
        filtered(Operation::get(path, id, Access::Scope("files", "index")), FIELDS)
            .answers::<FileCollection>(200, "Files and folders.")
    };
    Routes::new()
        .on(list("/files", "index_files").summary("Lists the roots of containers and primary pools."), index)
        .on(
            Operation::get("/files/{file_id}", "show_file", Access::Scope("files", "show"))
                .summary("Shows a file or folder.")
                .answers::<FileWithPath>(200, "The file or folder."),
            show,
        )
        .on(list("/files/{file_parent_id}/children", "files_children").summary("Lists what lies in a folder."), children)
        .on(
            list("/containers/{container_id}/files", "index_files_by_container")
                .summary("Lists what lies at the top of a container."),
            index_of_container,
        )
        .on(
            list("/pools/{pool_id}/files", "index_files_by_pool").summary("Lists what lies at the top of a primary pool."),
            index_of_pool,
        )
        .with_state(files)
}

fn collection(page: Page<File>) -> Json<FileCollection> {
    Json(FileCollection { count: page.count, files: page.items })
}

async fn index(State(files): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<FileCollection>> {
    files.index(&caller, FilesOf::Roots, Listing::of(&uri, FIELDS)?).await.map(collection)
}

async fn children(State(files): Shared, Extension(caller): Who, at: At<i64>, uri: Uri) -> Answer<Json<FileCollection>> {
    files.index(&caller, FilesOf::Folder(at.0), Listing::of(&uri, FIELDS)?).await.map(collection)
}

async fn index_of_container(
    State(files): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    uri: Uri,
) -> Answer<Json<FileCollection>> {
    files.index(&caller, FilesOf::Container(at.0), Listing::of(&uri, FIELDS)?).await.map(collection)
}

async fn index_of_pool(
    State(files): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    uri: Uri,
) -> Answer<Json<FileCollection>> {
    files.index(&caller, FilesOf::Pool(at.0), Listing::of(&uri, FIELDS)?).await.map(collection)
}

async fn show(State(files): Shared, Extension(caller): Who, at: At<i64>) -> Answer<Json<FileWithPath>> {
    files.show(&caller, at.0).await.map(Json)
}
