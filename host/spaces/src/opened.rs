//! A space that is open on this host.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use capstan_domain::entry::Tree;
use capstan_domain::failure::Kind;
use capstan_domain::file_state::{FileState, NewFileState};
use capstan_domain::ids::SpaceId;
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::space_profile::ManagedSpace;
use capstan_domain::{Failure, Outcome};
use capstan_mover::LocalTree;
use capstan_space_view::MountedSpace;
use capstan_stub::{RawTree, Repaired};

use crate::Inner;
use crate::claim::Claim;
use crate::manifest::Manifests;
use crate::on_disk::on_disk;
use crate::pace::Pace;
use crate::recall::Recalls;
use crate::view;

/// Files that were being recalled, looked at together.
const REPAIRED_TOGETHER: u32 = 1000;
/// How long it is waited for that what was done through the view is recorded.
const TOLD_WITHIN: Duration = Duration::from_secs(2);
/// In the root of a raw tree, what begins so waits until it is moved on.
const MOVING: &str = ".capstan-moving-";

pub(crate) struct OpenSpace {
    pub(crate) id: SpaceId,
    /// In the catalogue.
    pub(crate) tree: Tree,
    pub(crate) raw: RawTree,
    /// The same directory, for what is no file: folders, links, names.
    pub(crate) names: Arc<LocalTree>,
    /// What stands before a path to make it the one that clients see; without a slash at its end.
    above: String,
    /// This is the site whose states the catalogue has.
    pub(crate) is_home: bool,
    pub(crate) recalls: Recalls,
    pub(crate) pace: Pace,
    pub(crate) manifests: Manifests,
    view: Mutex<Option<MountedSpace>>,
    claim: Mutex<Option<Claim>>,
}

impl OpenSpace {
    pub(crate) async fn open(inner: &Arc<Inner>, space: &ManagedSpace, raw: &Path) -> Outcome<Arc<Self>> {
        let (id, directory) = (space.space.id, raw.to_owned());
        let (raw, claim, names) = on_disk(move || {
            let raw = RawTree::create(&directory)?;
            let claim = Claim::take(&directory)?;
            Ok::<_, Failure>((raw, claim, LocalTree::open(format!("space:{id}"), &directory)?))
        })
        .await??;
        let mountpoint = space.profile.mountpoint.as_ref().unwrap_or(&space.space.directory);
        let opened = Arc::new(Self {
            id,
            tree: Tree::Space(id),
            raw,
            names: Arc::new(names),
            above: mountpoint.trim_end_matches('/').to_owned(),
            is_home: space.sites.first().is_none_or(|home| *home == inner.settings.site),
            recalls: Recalls::new(&inner.settings.limits),
            pace: Pace::default(),
            manifests: Manifests::new(inner, id, &space.space.name),
            view: Mutex::new(None),
            claim: Mutex::new(Some(claim)),
        });
        opened.repair(inner).await?;
        if let Some(mountpoint) = &space.profile.mountpoint {
            let view = view::show(inner, &opened, mountpoint).await?;
            *opened.view.lock().unwrap_or_else(PoisonError::into_inner) = Some(view);
        }
        Ok(opened)
    }

    /// A path as clients see it.
    pub(crate) fn absolute(&self, path: &str) -> String {
        format!("{}/{path}", self.above)
    }

    /// Whether the catalogue knows everything that was done through the view before this call, also by the time that a host before this
    /// one died; it is waited for a while. Until then a file may rest, under another name, on a copy that by the catalogue is nobody
    /// else's.
    pub(crate) async fn is_told(&self) -> bool {
        let telling = self.view.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(MountedSpace::telling);
        match telling {
            Some(telling) => telling.told_so_far(TOLD_WITHIN).await,
            None => true,
        }
    }

    /// The tree is free for another process after it. The view tells what was done through it before the manifests are closed.
    pub(crate) async fn unmount(&self) {
        let view = self.view.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(view) = view {
            view.unmount().await;
        }
        self.manifests.close().await;
        self.claim.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// What was being recalled when a process died is a stub again. Somebody else may be at it, on a host that shares the tree: then it is
    /// left to them.
    async fn repair(&self, inner: &Inner) -> Outcome<()> {
        if !self.is_home {
            return Ok(());
        }
        loop {
            let recalling = Listing::first(REPAIRED_TOGETHER).with("space", Operator::Equal, self.id).with(
                "state",
                Operator::Equal,
                "recalling",
            );
            let found = inner.catalogue.stateful_files(&recalling).await?.items;
            if found.is_empty() {
                return Ok(());
            }
            let raw = self.raw.clone();
            let states = on_disk(move || {
                let repaired = found.into_iter().filter_map(|file| {
                    let state = match raw.repair(&file.path) {
                        Ok(Repaired::StubAgain) => FileState::Migrated,
                        // Perhaps it came to its end, and only that was not recorded.
                        Ok(_) => match raw.look(&file.path) {
                            Ok(look) if look.is_data() && look.record().is_none() => FileState::Resident,
                            Ok(look) if look.is_data() => FileState::Premigrated,
                            _ => FileState::Migrated,
                        },
                        Err(failure) if failure.kind == Kind::Busy => return None,
                        Err(failure) => {
                            tracing::warn!(%failure, path = %file.path, "a file that was being recalled could not be repaired");
                            FileState::Migrated
                        }
                    };
                    Some(NewFileState { path: file.path, state, replica: None, leading: file.leading, failure: None })
                });
                repaired.collect::<Vec<_>>()
            })
            .await?;
            if states.is_empty() {
                return Ok(());
            }
            if let Err(failure) = inner.catalogue.set_file_states(self.tree, states).await {
                tracing::warn!(%failure, space = %self.id, "files that were being recalled stay recorded as such");
                return Ok(());
            }
        }
    }
}

/// A path of a task, within the space; `Invalid` for one that climbs, and for what the host keeps in the tree for itself.
pub(crate) fn checked(path: &str) -> Outcome<&str> {
    let path = known(path)?;
    if is_of_the_host(path) { Err(reserved(path)) } else { Ok(path) }
}

/// The same, and what is being moved may wait in the root of the tree under a name of the host's.
pub(crate) fn known(path: &str) -> Outcome<&str> {
    let path = capstan_mover::names::checked(path)?;
    let is_under_way = |name: &str| capstan_stub::is_temporary(OsStr::new(name));
    let waits = path.starts_with(MOVING);
    if path.is_empty() || path.split('/').any(is_under_way) || (is_of_the_host(path) && !waits) {
        return Err(reserved(path));
    }
    Ok(path)
}

fn is_of_the_host(path: &str) -> bool {
    path.split('/').next().is_some_and(|first| capstan_stub::is_own(OsStr::new(first)))
}

fn reserved(path: &str) -> Failure {
    Failure::invalid(format!("{path:?} is a name that the host keeps for itself")).with_code("reserved-name")
}
