//! Files of sites and spaces.

use std::time::Duration;

use async_trait::async_trait;
use capstan_api_http::Caller;
use capstan_api_hub::{Answer, Error, FileEntry, FileQuery, Files, Folder, Link, Page, RemoteLocation, Window, Within};
use capstan_app::space_files::{FileWish, SeenFile, inside, is_hidden};
use capstan_domain::failure::Kind;
use capstan_domain::identity;
use capstan_domain::site::Site;
use capstan_domain::space_profile::ManagedSpace;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use serde_json::Map;

use super::Door;
use super::failures::{error, missing, wrong_field};
use super::words::{entry_kind, file_kind, file_status, moment};
use crate::telling::sentence;

/// Seconds that a look may take when nothing is said, and at most.
const USUAL_TIMEOUT: u64 = 10;
const TIMEOUT_MAX: u64 = 300;

/// Where a path was looked for.
struct Place {
    site: String,
    space: ManagedSpace,
    /// Within the space.
    path: String,
}

impl Place {
    fn absolute(&self, path: &str) -> String {
        let mountpoint = self.space.profile.mountpoint.as_deref().unwrap_or_default();
        if path.is_empty() { mountpoint.to_owned() } else { format!("{mountpoint}/{path}") }
    }

    /// What is told of a path that nothing could be found out about.
    fn unknown(&self, path: &str, error: Option<String>) -> FileEntry {
        let absolute = self.absolute(path);
        FileEntry {
            url: Link::file(&self.site, &absolute),
            site: self.site.clone(),
            name: absolute.rsplit('/').next().unwrap_or_default().to_owned(),
            path_depth: Some(absolute.split('/').filter(|name| !name.is_empty()).count() as u64),
            path: absolute,
            kind: None,
            size: None,
            data_size: None,
            disk_usage: None,
            total_files: None,
            atime: None,
            ctime: None,
            mtime: None,
            status: None,
            remote_locations: Vec::new(),
            deleted: false,
            restricted: is_hidden(path),
            error,
            time_refreshed: Some(moment(Timestamp::now())),
            metadata: Map::new(),
            thumbnail: None,
            image_preview: None,
            video_preview: None,
        }
    }

    fn entry(&self, seen: SeenFile) -> FileEntry {
        let mut entry = self.unknown(&seen.path, None);
        let is_root = seen.path.is_empty();
        let is_file = seen.kind == Some(capstan_domain::entry::EntryKind::File);
        entry.kind = seen.kind.map(file_kind);
        entry.size = is_file.then_some(seen.size);
        let Some(known) = seen.known else { return entry };
        entry.mtime = Some(moment(seen.modified));
        entry.ctime = seen.changed.map(moment);
        entry.total_files = is_root.then_some(self.space.space.file_count);
        entry.error = known.failure.as_ref().map(sentence);
        if is_file {
            entry.data_size = Some(seen.size);
            entry.disk_usage = known.allocated;
            entry.status = Some(file_status(known.state));
            let copy = |copy: capstan_app::space_files::Copied| RemoteLocation {
                external_target: copy.external_target,
                bucket: copy.bucket,
                path: copy.key,
                size: copy.size,
                verified: copy.verified.map(moment),
            };
            entry.remote_locations = known.copies.into_iter().map(copy).collect();
        }
        entry
    }
}

impl Door {
    /// What is in no space that the caller may look at is not there.
    async fn place(&self, caller: &identity::Caller, query: &FileQuery) -> Answer<Place> {
        let place = match &query.within {
            Within::Site(name) => {
                let site = self.site_named(caller, name).await?;
                let (space, path) = self.app.space_files.place(&site, &query.path).await.map_err(missing("file"))?;
                Place { site: site.name, space, path }
            }
            Within::Space { space, site } => {
                let space = self.app.spaces.managed(*space).await.map_err(missing("space"))?;
                let site = self.site_of(caller, &space, site.as_deref()).await?;
                let below = || query.path.trim_matches('/').to_owned();
                let path = inside(&space, &query.path).unwrap_or_else(below);
                Place { site: site.name, space, path }
            }
        };
        caller.check_on("spaces", "show", place.space.space.number).map_err(missing("file"))?;
        Ok(place)
    }

    async fn site_named(&self, caller: &identity::Caller, name: &str) -> Answer<Site> {
        let site = self.app.sites.named(name).await.map_err(|failure| match failure.kind {
            Kind::NotFound => Error::field("site", format!("There is no site {name}.")),
            _ => error(failure),
        })?;
        caller.may_some("spaces", "show").then_some(site).ok_or_else(Error::forbidden)
    }

    /// The one that is asked for, or any that the space is on.
    async fn site_of(&self, caller: &identity::Caller, space: &ManagedSpace, asked: Option<&str>) -> Answer<Site> {
        match (asked, space.sites.first()) {
            (Some(name), _) => {
                let site = self.site_named(caller, name).await?;
                let there = space.sites.contains(&site.number);
                there.then_some(site).ok_or_else(|| Error::field("site", format!("The space is not on the site {name}.")))
            }
            (None, Some(first)) => self.app.sites.get(*first).await.map_err(error),
            (None, None) => Err(Error::not_found("file")),
        }
    }

    async fn seen(&self, place: &Place, wish: FileWish, timeout: Duration) -> Outcome<Folder> {
        let look = self.app.space_files.show(&place.space, &wish);
        let (seen, children) = tokio::time::timeout(timeout, look).await.map_err(|_| {
            Failure::new(Kind::TimedOut, format!("{} was not found out in {} s", place.absolute(&place.path), timeout.as_secs()))
        })??;
        let entries = children.items.into_iter().map(|child| place.entry(child)).collect();
        Ok(Folder { entry: place.entry(seen), children: Page { count: children.count, items: entries } })
    }
}

#[async_trait]
impl Files for Door {
    async fn show(&self, caller: &Caller, query: FileQuery, asked: Window) -> Answer<Folder> {
        let place = self.place(&self.caller(caller)?, &query).await?;
        let wish = FileWish {
            path: place.path.clone(),
            kind: query.kind.map(entry_kind),
            hidden: query.restricted,
            details: query.details,
            offset: asked.offset,
            limit: asked.limit,
        };
        let timeout = Duration::from_secs(query.timeout_seconds.unwrap_or(USUAL_TIMEOUT).clamp(1, TIMEOUT_MAX));
        match self.seen(&place, wish, timeout).await {
            Ok(folder) => Ok(folder),
            Err(failure) if failure.kind == Kind::NotFound => Err(Error::not_found("file")),
            Err(failure) if failure.kind == Kind::Invalid => Err(wrong_field(&[("bad-path", "path")])(failure)),
            Err(failure) if query.raise_exception => Err(error(failure)),
            Err(failure) if failure.kind == Kind::TimedOut => {
                Ok(Folder { entry: place.unknown(&place.path, Some(sentence(&failure))), children: Page::empty() })
            }
            Err(failure) => Err(error(failure)),
        }
    }
}
