//! What targets said of the drives that they can make, kept for a moment, so that a drive is recorded without waiting for an
//! engine.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use capstan_domain::drive::Drive;
use capstan_domain::ids::TargetId;
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::ports::{Connection, DriveLimits};
use capstan_domain::target::Target;
use capstan_domain::{Failure, Kind, Outcome};
use futures::StreamExt;

use super::Drives;
use super::choice::no_target;
use crate::targets::Targets;

/// What is older is asked for again, beside whoever needs it.
const FRESH: Duration = Duration::from_secs(5);
/// What is older is not relied on.
const STALE: Duration = Duration::from_secs(600);
/// How long somebody waits for a target that was not heard of yet.
const ASK: Duration = Duration::from_secs(10);
/// Locations of one target that are looked at.
const LOCATIONS_MAX: usize = 256;
/// Targets of one storage type that are looked at.
const TARGETS_MAX: u32 = 256;
/// Targets that are asked at a time.
const AT_ONCE: usize = 8;

/// One place where drives can be made.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) target: Target,
    pub(super) location: String,
    pub(super) limits: DriveLimits,
    /// A drive takes the room of what is written to it.
    pub(super) thin: bool,
    pub(super) snapshots: bool,
}

/// What a target said last.
#[derive(Clone)]
struct Heard {
    at: Instant,
    /// Somebody is asking again.
    asking: bool,
    locations: Vec<(String, DriveLimits)>,
    thin: bool,
    snapshots: bool,
}

#[derive(Default)]
pub(super) struct Known {
    heard: Mutex<HashMap<TargetId, Heard>>,
}

impl Drives {
    /// Asks all targets once, so that the first drive that somebody wants need not wait for them.
    pub(crate) async fn warm(self) {
        if let Err(failure) = self.storage_types().await {
            tracing::debug!(%failure, "what drives can be made is not known yet");
        }
    }

    /// Where drives of this type can be made just now: the locations of all targets that serve and answer.
    pub(super) async fn places(&self, storage_type: &str) -> Outcome<Vec<Place>> {
        let listing = Listing::first(TARGETS_MAX).with("plugin", Operator::Equal, storage_type);
        let targets = self.catalogue.targets(&listing).await?.items;
        let serving: Vec<Target> = targets.into_iter().filter(|target| self.targets.unavailable(target).is_none()).collect();
        let looks: Vec<(Target, Outcome<Heard>)> = futures::stream::iter(serving)
            .map(|target| async move {
                let heard = self.hear(target.id).await;
                (target, heard)
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut places = Vec::new();
        for (target, heard) in looks {
            match heard {
                Ok(heard) => places.extend(spread(&target, heard)),
                Err(failure) => tracing::debug!(target = target.name, %failure, "a target does not say what drives it can make"),
            }
        }
        Ok(places)
    }

    /// Where a drive lies.
    pub(super) async fn place_of(&self, drive: &Drive) -> Outcome<Place> {
        let target = self.catalogue.target(drive.target).await?;
        if let Some(away) = self.targets.unavailable(&target) {
            return Err(no_target(&drive.storage_type).with_detail(away.failure.message));
        }
        let heard = self.hear(target.id).await?;
        let found = spread(&target, heard).into_iter().find(|place| place.location == drive.location);
        found.ok_or_else(|| Failure::new(Kind::Unavailable, format!("the pool of {} is not found in its target", drive.name)))
    }

    /// Whether a target's drives have snapshots, as far as it was heard; nobody is asked.
    pub(super) fn snapshots_heard(&self, target: TargetId) -> Option<bool> {
        let all = self.known.heard.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&target).map(|heard| heard.snapshots)
    }

    async fn hear(&self, target: TargetId) -> Outcome<Heard> {
        if let Some((heard, renew)) = self.known.recall(target) {
            if renew {
                let (known, targets) = (Arc::clone(&self.known), self.targets.clone());
                tokio::spawn(async move {
                    if let Err(failure) = known.ask(&targets, target).await {
                        tracing::debug!(%target, %failure, "a target does not say again what drives it can make");
                    }
                });
            }
            return Ok(heard);
        }
        self.known.ask(&self.targets, target).await
    }
}

impl Known {
    /// What is known of a target, if it can be relied on, and whether the caller is to ask again.
    fn recall(&self, target: TargetId) -> Option<(Heard, bool)> {
        let mut all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = all.get_mut(&target).filter(|heard| heard.at.elapsed() < STALE)?;
        let renew = !heard.asking && heard.at.elapsed() >= FRESH;
        heard.asking |= renew;
        Some((heard.clone(), renew))
    }

    async fn ask(&self, targets: &Targets, target: TargetId) -> Outcome<Heard> {
        let late = || Failure::new(Kind::TimedOut, "the target did not say in time what drives it can make");
        let asked = tokio::time::timeout(ASK, look(targets, target)).await.unwrap_or_else(|_| Err(late()));
        let mut all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        match &asked {
            Ok(heard) => {
                all.retain(|_, old| old.at.elapsed() < STALE);
                all.insert(target, heard.clone());
            }
            // It will be asked again by whoever needs it, and waited for.
            Err(_) => {
                all.remove(&target);
            }
        }
        asked
    }
}

async fn look(targets: &Targets, target: TargetId) -> Outcome<Heard> {
    let connection = targets.connect(target).await?;
    let drives = connection.drives().ok_or_else(|| Failure::unsupported("the plugin of the target holds no drives"))?;
    let mut locations = Vec::new();
    for location in drives.list_locations().await?.into_iter().take(LOCATIONS_MAX) {
        let limits = drives.limits(&location.name).await?;
        locations.push((location.name, limits));
    }
    let (thin, snapshots) = (can(&*connection, "thin"), can(&*connection, "snapshots"));
    Ok(Heard { at: Instant::now(), asking: false, locations, thin, snapshots })
}

fn can(connection: &dyn Connection, what: &str) -> bool {
    connection.capabilities().iter().any(|(name, value)| name == what && value == "true")
}

fn spread(target: &Target, heard: Heard) -> Vec<Place> {
    let Heard { locations, thin, snapshots, .. } = heard;
    locations.into_iter().map(|(location, limits)| Place { target: target.clone(), location, limits, thin, snapshots }).collect()
}
