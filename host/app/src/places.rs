//! Places as trees: where a definition's ends lie on disks and in targets.
//!
//! A primary pool shows each of its locations as a folder, so the first name of a path in it is a location. A secondary pool is one
//! place over all its locations. No path leads out of where it begins.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use capstan_catalogue::Catalogue;
use capstan_domain::cartridge::FULL;
use capstan_domain::entry::Tree as Entries;
use capstan_domain::failure::Retry;
use capstan_domain::ids::{LocationId, PoolId, SpaceId, TargetId};
use capstan_domain::job::Place;
use capstan_domain::location::Location;
use capstan_domain::pool::PoolRole;
use capstan_domain::ports::Connection;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_jobs::{Ground, Places, Plot};
use capstan_mover::names::{checked, join};
use capstan_mover::{FileTree, LocalTree, ObjectTree, Tree};

use crate::targets::Targets;

pub(crate) struct Grounds {
    pub(crate) catalogue: Catalogue,
    pub(crate) targets: Targets,
}

#[async_trait]
impl Places for Grounds {
    async fn source(&self, place: &Place) -> Outcome<Ground> {
        match place {
            Place::Space { space, path } => {
                let (space, path) = (self.catalogue.space(*space).await?, checked(path)?.to_owned());
                let id = space_tree(space.id, "");
                let tree = on_disk(move || LocalTree::open(id, Path::new(&space.directory))).await?;
                Ok(Ground {
                    plots: vec![Plot { tree, path, shown_under: String::new() }],
                    catalogued: Some(Entries::Space(space.id)),
                })
            }
            Place::Pool { pool, path } => self.pool_source(*pool, checked(path)?).await,
            Place::Location { location, path } => {
                let (location, path) = (self.catalogue.location(*location).await?, checked(path)?.to_owned());
                let (catalogued, shown_under) = self.shown(&location).await?;
                let tree = self.tree(&location, "").await?;
                Ok(Ground { plots: vec![Plot { tree, path, shown_under }], catalogued })
            }
        }
    }

    async fn destination(&self, place: &Place) -> Outcome<Ground> {
        match place {
            Place::Space { space, path } => {
                let (space, path) = (self.catalogue.space(*space).await?, checked(path)?.to_owned());
                let (id, under) = (space_tree(space.id, &path), path.clone());
                let tree = on_disk(move || LocalTree::open_under(id, Path::new(&space.directory), &under)).await?;
                let plot = Plot { tree, path: String::new(), shown_under: path };
                Ok(Ground { plots: vec![plot], catalogued: Some(Entries::Space(space.id)) })
            }
            Place::Pool { pool, path } => self.pool_destination(*pool, checked(path)?).await,
            Place::Location { location, path } => {
                let (location, path) = (self.catalogue.location(*location).await?, checked(path)?);
                if let Some(failure) = self.unwritable(&location).await? {
                    return Err(failure);
                }
                let (catalogued, shown) = self.shown(&location).await?;
                let shown_under = if catalogued.is_some() { join(&shown, path) } else { path.to_owned() };
                let tree = self.tree(&location, path).await?;
                Ok(Ground { plots: vec![Plot { tree, path: String::new(), shown_under }], catalogued })
            }
        }
    }

    async fn connect(&self, target: TargetId) -> Outcome<Arc<dyn Connection>> {
        self.targets.connect(target).await
    }
}

impl Grounds {
    async fn pool_source(&self, pool: PoolId, path: &str) -> Outcome<Ground> {
        let (primary, members) = self.members(pool).await?;
        let mut plots = Vec::with_capacity(members.len());
        if primary {
            let (name, rest) = split(path);
            let chosen = choose(&members, name)?;
            for location in chosen {
                let tree = self.tree(location, "").await?;
                plots.push(Plot { tree, path: rest.to_owned(), shown_under: location.name.clone() });
            }
        } else {
            let holding = self.holding(pool, path).await?;
            for location in members.iter().filter(|member| holding.is_empty() || holding.contains(&member.id)) {
                let tree = self.tree(location, "").await?;
                plots.push(Plot { tree, path: path.to_owned(), shown_under: String::new() });
            }
        }
        Ok(Ground { plots, catalogued: primary.then_some(Entries::Pool(pool)) })
    }

    async fn pool_destination(&self, pool: PoolId, path: &str) -> Outcome<Ground> {
        let (primary, members) = self.members(pool).await?;
        let mut plots = Vec::with_capacity(members.len());
        if primary {
            let (name, rest) = split(path);
            let chosen = choose(&members, name)?;
            for location in chosen {
                let tree = self.tree(location, rest).await?;
                plots.push(Plot { tree, path: String::new(), shown_under: join(&location.name, rest) });
            }
        } else {
            let mut refused = None;
            for location in &members {
                if let Some(failure) = self.unwritable(location).await? {
                    refused.get_or_insert(failure);
                    continue;
                }
                let tree = self.tree(location, path).await?;
                plots.push(Plot { tree, path: String::new(), shown_under: path.to_owned() });
            }
            if let Some(failure) = refused.filter(|_| plots.is_empty()) {
                let message = format!("no tape of the pool can be written to: {}", failure.message);
                return Err(Failure { message, ..failure });
            }
        }
        Ok(Ground { plots, catalogued: primary.then_some(Entries::Pool(pool)) })
    }

    /// The locations of a pool that are known to hold something at a path; empty where nobody knows. So a tape is not put into a drive
    /// for what it does not hold.
    async fn holding(&self, pool: PoolId, path: &str) -> Outcome<Vec<LocationId>> {
        if path.is_empty() || self.catalogue.pool(pool).await?.root.is_none() {
            return Ok(Vec::new());
        }
        self.catalogue.holding_under(Entries::Pool(pool), path).await
    }

    /// Why nothing is written to a location: it is a tape that is full, protected, or away.
    async fn unwritable(&self, location: &Location) -> Outcome<Option<Failure>> {
        let cartridge = match self.catalogue.cartridge(location.id).await {
            Ok(cartridge) => cartridge,
            Err(failure) if failure.kind == Kind::NotFound => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let barcode = &cartridge.barcode;
        let refused = |kind, message, code: &str, next: &str| {
            let failure = Failure::new(kind, message).with_code(code).with_retry(Retry::Never).with_next_step(next);
            Ok(Some(failure))
        };
        if cartridge.write_protect.iter().any(|why| why == FULL) {
            let message = format!("tape {barcode} is full");
            return refused(Kind::NoSpace, message, "tape-full", "put another tape into the pool");
        }
        if !cartridge.write_protect.is_empty() {
            let message = format!("tape {barcode} is write-protected: {}", cartridge.write_protect.join(", "));
            return refused(Kind::Denied, message, "write-protected", "set the tape's switch, or put another tape into the pool");
        }
        if !cartridge.known || cartridge.ejected {
            let message = format!("tape {barcode} is not in its library");
            return refused(Kind::Offline, message, "outside", "put it into the library, or another tape into the pool");
        }
        Ok(None)
    }

    /// Whether the pool is primary, and its locations; a pool without one is no place.
    async fn members(&self, pool: PoolId) -> Outcome<(bool, Vec<Location>)> {
        let pool = self.catalogue.pool(pool).await?;
        let members = self.catalogue.members(pool.id).await?;
        if members.is_empty() {
            return Err(Failure::invalid(format!("pool {} has no location", pool.name))
                .with_code("empty-pool")
                .with_next_step("add a bucket or a share to it"));
        }
        Ok((pool.role == PoolRole::Primary, members))
    }

    /// The catalogued tree in which a location is seen, and its folder there.
    pub(crate) async fn shown(&self, location: &Location) -> Outcome<(Option<Entries>, String)> {
        let Some(pool) = location.pool else { return Ok((None, String::new())) };
        if self.catalogue.pool(pool).await?.role == PoolRole::Primary {
            Ok((Some(Entries::Pool(pool)), location.name.clone()))
        } else {
            Ok((None, String::new()))
        }
    }

    /// What lies in a bucket, below its folder.
    pub(crate) async fn bucket(&self, location: LocationId) -> Outcome<Arc<dyn Tree>> {
        let bucket = self.catalogue.bucket(location).await?;
        let location = self.catalogue.location(location).await?;
        self.tree(&location, bucket.profile.folder.as_deref().unwrap_or_default()).await
    }

    /// A location below `prefix`, by whichever facet its plugin has.
    pub(crate) async fn tree(&self, location: &Location, prefix: &str) -> Outcome<Arc<dyn Tree>> {
        let connection = self.targets.connect(location.target).await?;
        let id = format!("location:{}:{prefix}", location.id);
        if let Some(objects) = connection.objects() {
            let (uploads, capabilities) = (connection.uploads(), connection.capabilities());
            return Ok(Arc::new(ObjectTree::new(
                id,
                Some(location.id),
                location.name.clone(),
                prefix,
                objects,
                uploads,
                &capabilities,
            )));
        }
        match connection.files() {
            Some(files) => {
                let capabilities = connection.capabilities();
                let tree = FileTree::new(id, Some(location.id), location.name.clone(), prefix, files, &capabilities);
                Ok(Arc::new(tree.planned_by(connection.media())))
            }
            // One that does not run has no facet at all; it says why itself.
            None => Err(connection.probe().await.err().unwrap_or_else(|| {
                Failure::unsupported(format!("the plugin of location {} holds neither objects nor files", location.name))
            })),
        }
    }
}

fn space_tree(space: SpaceId, path: &str) -> String {
    format!("space:{space}:{path}")
}

fn split(path: &str) -> (&str, &str) {
    path.split_once('/').unwrap_or((path, ""))
}

/// The location a primary pool shows under this name; with no name, all.
fn choose<'a>(members: &'a [Location], name: &str) -> Outcome<Vec<&'a Location>> {
    if name.is_empty() {
        return Ok(members.iter().collect());
    }
    match members.iter().find(|location| location.name == name) {
        Some(location) => Ok(vec![location]),
        None => Err(Failure::not_found(format!("the pool has no location {name}")).with_code("not-found")),
    }
}

async fn on_disk(open: impl FnOnce() -> Outcome<LocalTree> + Send + 'static) -> Outcome<Arc<dyn Tree>> {
    let tree =
        tokio::task::spawn_blocking(open).await.map_err(|error| Failure::host("a directory could not be opened", error))??;
    Ok(Arc::new(tree))
}
