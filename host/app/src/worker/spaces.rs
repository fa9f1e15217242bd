//! The spaces of the site, opened as they come and closed as they go.

use std::collections::HashMap;
use std::time::Duration;

use capstan_catalogue::Catalogue;
use capstan_domain::Outcome;
use capstan_domain::ids::{Number, SpaceId};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::space_profile::ManagedSpace;

use crate::managed_spaces::SpaceViews;
use crate::space_work::OpenSpaces;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(2);
/// Spaces of a site; with more, none beyond is opened.
const SPACES_MAX: u32 = capstan_catalogue::WINDOW;

pub(super) struct Shown {
    catalogue: Catalogue,
    spaces: OpenSpaces,
    site: Number,
    open: HashMap<SpaceId, ManagedSpace>,
    /// What kept a space from being opened, so that it is told once.
    kept: HashMap<SpaceId, String>,
}

impl Shown {
    pub(super) fn new(catalogue: Catalogue, spaces: OpenSpaces, site: Number) -> Self {
        Self { catalogue, spaces, site, open: HashMap::new(), kept: HashMap::new() }
    }

    /// For as long as the worker runs.
    pub(super) async fn watch(mut self) {
        loop {
            tokio::time::sleep(PAUSE).await;
            if let Err(failure) = self.look().await {
                tracing::warn!(%failure, detail = failure.detail, "the spaces of the site cannot be looked at");
            }
        }
    }

    /// One that cannot be opened is tried again at the next look, and keeps no other from being opened.
    pub(super) async fn look(&mut self) -> Outcome<()> {
        let listing = Listing::first(SPACES_MAX).with("site_number", Operator::Equal, self.site);
        let there = self.catalogue.managed_spaces(&listing).await?.items;
        let gone: Vec<SpaceId> =
            self.open.keys().filter(|id| !there.iter().any(|space| space.space.id == **id)).copied().collect();
        for id in gone {
            self.close(id).await;
        }
        // Where nobody sees it there is nothing to open it for. One that is being deleted stays until its jobs have ended.
        for space in there.into_iter().filter(|space| space.profile.mountpoint.is_some()) {
            let id = space.space.id;
            if space.deleting.is_some() || self.open.contains_key(&id) {
                continue;
            }
            match self.spaces.open(&space).await {
                Ok(()) => {
                    self.kept.remove(&id);
                    self.open.insert(id, space);
                }
                Err(failure) => {
                    let told = failure.to_string();
                    if self.kept.insert(id, told.clone()).is_none_or(|before| before != told) {
                        tracing::error!(space = space.space.name, %failure, detail = failure.detail, "a space cannot be opened");
                    }
                }
            }
        }
        Ok(())
    }

    /// Its directory goes if nothing is in it, as that of the host does.
    async fn close(&mut self, id: SpaceId) {
        let Some(space) = self.open.remove(&id) else { return };
        if let Err(failure) = self.spaces.close(id).await {
            tracing::warn!(space = space.space.name, %failure, "a space could not be closed well");
        }
        let directory = self.spaces.directory(&space);
        let kept = tokio::task::spawn_blocking(move || std::fs::remove_dir(directory).is_err()).await.unwrap_or(true);
        tracing::info!(space = space.space.name, directory_kept = kept, "a space left the site");
    }
}
