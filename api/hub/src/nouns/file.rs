//! Files and folders of a site or a space: what they are, where their copies lie, and for a folder one page of what is in it.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Kind, Operation, Routes};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::{At, Object, Who};
use crate::answer::{Answer, Page};
use crate::link::Link;
use crate::moment::Moment;
use crate::paging::{Paging, Window, paged};
use crate::query::Query;
use crate::validation::{REQUIRED, leaves};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = file_kind)]
pub enum FileKind {
    File,
    Directory,
    Symlink,
}

pub(crate) const KINDS: &[(&str, FileKind)] =
    &[("file", FileKind::File), ("directory", FileKind::Directory), ("symlink", FileKind::Symlink)];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = file_status)]
pub enum FileStatus {
    /// Its data is here alone.
    Normal,
    /// Here, and the same in a bucket.
    Premigrated,
    /// In a bucket; here is a stub.
    Migrated,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = remote_location)]
pub struct RemoteLocation {
    /// Id of the external target; null when it was deleted since.
    pub external_target: Option<i64>,
    /// Name of the bucket.
    pub bucket: String,
    /// Name of the copy in it.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// When it was last read back and found to be the same.
    pub verified: Option<Moment>,
}

/// A member that nobody asked for, or that a thing of this kind does not have, is null.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = file_entry)]
pub struct FileEntry {
    pub url: Link,
    /// Name of the site.
    pub site: String,
    /// Absolute.
    pub path: String,
    pub name: String,
    pub path_depth: Option<u64>,
    /// Null when it could not be found out.
    #[serde(rename = "type")]
    pub kind: Option<FileKind>,
    /// Bytes, as the file says.
    pub size: Option<u64>,
    /// Bytes of data, here or elsewhere.
    pub data_size: Option<u64>,
    /// Bytes of disk.
    pub disk_usage: Option<u64>,
    /// In a folder and below it.
    pub total_files: Option<u64>,
    pub atime: Option<Moment>,
    pub ctime: Option<Moment>,
    pub mtime: Option<Moment>,
    pub status: Option<FileStatus>,
    pub remote_locations: Vec<RemoteLocation>,
    pub deleted: bool,
    /// Hidden from those who do not ask for it.
    pub restricted: bool,
    /// Why members are missing or old.
    pub error: Option<String>,
    /// When all this was found out.
    pub time_refreshed: Option<Moment>,
    #[schema(value_type = Object)]
    pub metadata: Object,
    pub thumbnail: Option<String>,
    pub image_preview: Option<String>,
    pub video_preview: Option<String>,
}

/// A file or folder, and of a folder one page of what is in it; `count`, `next` and `previous` speak of that.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = file)]
struct File {
    #[serde(flatten)]
    entry: FileEntry,
    children: Vec<FileEntry>,
    count: u64,
    next: Option<String>,
    previous: Option<String>,
}

/// What the implementer answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Folder {
    pub entry: FileEntry,
    /// Empty when it is no folder.
    pub children: Page<FileEntry>,
}

/// Where a path is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Within {
    /// By name, at an absolute path.
    Site(String),
    /// By id, at an absolute path below its mountpoint or at one that begins there; on this site, or on whichever has it.
    Space { space: i64, site: Option<String> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileQuery {
    pub within: Within,
    /// Absolute, without the steps `.` and `..`; the root of a space when it is `/`.
    pub path: String,
    /// Children with all members, not only name, path, type and size.
    pub details: bool,
    pub restricted: bool,
    /// Of the children.
    pub kind: Option<FileKind>,
    /// What was found out before may be as old as this.
    pub cache_seconds: Option<u64>,
    pub timeout_seconds: Option<u64>,
    /// A time-out is an error, not a member of the answer.
    pub raise_exception: bool,
    /// Do not wait for sites whose workers do not answer.
    pub available_sites_only: bool,
}

#[async_trait]
pub trait Files: Send + Sync + 'static {
    /// `window` is of the children.
    async fn show(&self, caller: &Caller, query: FileQuery, window: Window) -> Answer<Folder>;
}

type Shared = State<Arc<dyn Files>>;

pub(crate) fn routes(files: Arc<dyn Files>) -> Routes {
    let scope = Access::Scope("files", "index");
    let asked = |operation| {
        paged(operation)
            .query("details", Kind::Boolean, false, "Show children with all members.")
            .query("restricted", Kind::Boolean, false, "Show what is restricted too.")
            .query("type", Kind::Text, false, "Only children that are file, directory or symlink.")
            .answers::<File>(200, "The file or folder, with a page of what is in it.")
    };
    Routes::new()
        .on(
            asked(Operation::get("/file/", "show_file", scope))
                .summary("Shows a file or folder of a site.")
                .query("path", Kind::Text, true, "Absolute path.")
                .query("site", Kind::Text, true, "Name of the site.")
                .query("cache_ttl", Kind::Integer, false, "Seconds that an earlier answer may be old."),
            of_site,
        )
        .on(
            asked(Operation::get("/spaces/{id}/files/", "show_space_file", scope))
                .summary("Shows a file or folder of a space.")
                .query("path", Kind::Text, false, "Absolute path; the root of the space when it is left out.")
                .query("site", Kind::Text, false, "Name of the site; whichever has it when it is left out.")
                .query("check_available_sites", Kind::Boolean, false, "Do not wait for sites that do not answer.")
                .query("custom_refresh_period", Kind::Integer, false, "Seconds that an earlier answer may be old.")
                .query("custom_timeout", Kind::Integer, false, "Seconds to wait at most.")
                .query("raise_exception", Kind::Boolean, false, "Answer a time-out with an error."),
            of_space,
        )
        .with_state(files)
}

/// What both routes ask for. `site` and `path` are filled in by them.
fn read(query: &mut Query, within: Within, path: Option<String>) -> FileQuery {
    let path = path.unwrap_or_else(|| "/".to_owned());
    if !path.starts_with('/') || leaves(&path) {
        query.check.refuse("path", "Enter an absolute path without the steps . and ..");
    }
    FileQuery {
        within,
        path,
        details: query.flag("details").unwrap_or(false),
        restricted: query.flag("restricted").unwrap_or(false),
        kind: query.word("type", KINDS),
        cache_seconds: query.count("cache_ttl").or_else(|| query.count("custom_refresh_period")),
        timeout_seconds: query.count("custom_timeout"),
        raise_exception: query.flag("raise_exception").unwrap_or(false),
        available_sites_only: query.flag("check_available_sites").unwrap_or(false),
    }
}

async fn of_site(State(files): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<File>> {
    let mut query = Query::of(&uri);
    let (site, path) = (query.text("site"), query.text("path"));
    for (field, missing) in [("site", site.is_none()), ("path", path.is_none())] {
        if missing {
            query.check.refuse(field, REQUIRED);
        }
    }
    let asked = read(&mut query, Within::Site(site.unwrap_or_default()), path);
    query.finish()?;
    show(&*files, &caller, asked, &uri).await
}

async fn of_space(State(files): Shared, Extension(caller): Who, at: At, uri: Uri) -> Answer<Json<File>> {
    let mut query = Query::of(&uri);
    let (site, path) = (query.text("site"), query.text("path"));
    let asked = read(&mut query, Within::Space { space: at.0, site }, path);
    query.finish()?;
    show(&*files, &caller, asked, &uri).await
}

async fn show(files: &dyn Files, caller: &Caller, query: FileQuery, uri: &Uri) -> Answer<Json<File>> {
    let paging = Paging::of(uri)?;
    let Folder { entry, children } = files.show(caller, query, paging.window()).await?;
    let listed = paging.listed(children)?;
    let (count, next, previous) = (listed.count, listed.next, listed.previous);
    Ok(Json(File { entry, children: listed.results, count, next, previous }))
}
