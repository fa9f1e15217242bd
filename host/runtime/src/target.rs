//! A configured target: what its calls go to just now, and how that is exchanged under them.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use capstan_domain::Outcome;
use capstan_domain::failure::{Blame, Failure, Kind};
use capstan_domain::ids::TargetId;
use capstan_domain::secret::SecretText;
use capstan_grants::Granted;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use crate::call::Call;
use crate::incarnation::{How, Incarnation};
use crate::limits::Limits;

/// What a target is opened with.
#[derive(Clone, Debug)]
pub struct TargetSettings {
    pub id: TargetId,
    pub name: String,
    pub plugin: String,
    /// A version it stays on, whichever is active.
    pub pinned: Option<String>,
    /// The plugin's configuration, secrets left out.
    pub configuration: serde_json::Value,
    pub secrets: Vec<(String, SecretText)>,
    pub grants: Vec<Granted>,
}

impl TargetSettings {
    /// Do both make the same stores? Grants do not count: they change under running ones.
    pub(crate) fn same_stores(&self, other: &Self) -> bool {
        self.name == other.name
            && self.plugin == other.plugin
            && self.pinned == other.pinned
            && self.configuration == other.configuration
            && self.secrets == other.secrets
    }
}

/// Whether a target can be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetStatus {
    /// By this version of its plugin.
    Serving {
        version: String,
    },
    Unavailable {
        failure: Failure,
    },
}

pub(crate) type Current = Result<Arc<Incarnation>, Failure>;

pub(crate) struct TargetSlot {
    pub settings: Mutex<Arc<TargetSettings>>,
    current: ArcSwap<Current>,
    /// Held for reading by every call of an exclusive target, for writing while its one session is handed over.
    handover: Arc<RwLock<()>>,
    limits: Arc<Limits>,
}

impl TargetSlot {
    pub(crate) fn new(settings: TargetSettings, current: Current, limits: Arc<Limits>) -> Arc<Self> {
        Arc::new(Self {
            settings: Mutex::new(Arc::new(settings)),
            current: ArcSwap::from_pointee(current),
            handover: Arc::default(),
            limits,
        })
    }

    pub(crate) fn settings(&self) -> Arc<TargetSettings> {
        Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_settings(&self, settings: TargetSettings) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    pub(crate) fn current(&self) -> Current {
        Current::clone(&self.current.load())
    }

    pub(crate) fn status(&self) -> TargetStatus {
        match self.current() {
            Err(failure) => TargetStatus::Unavailable { failure },
            Ok(incarnation) => match incarnation.prepared.quarantined.load_full() {
                Some(failure) => TargetStatus::Unavailable { failure: (*failure).clone() },
                None => TargetStatus::Serving { version: incarnation.prepared.description.version.clone() },
            },
        }
    }

    /// Puts `next` in place. Calls that run go on where they are; new ones go to `next`. An exclusive session is drained first, while
    /// new calls wait: two stores must never hold it together.
    pub(crate) async fn exchange(&self, next: Current) {
        let exclusive = |current: &Current| current.as_ref().is_ok_and(|incarnation| incarnation.prepared.exclusive);
        if exclusive(&next) || exclusive(&self.current()) {
            let drained = tokio::time::timeout(self.limits.drain_deadline, self.handover.write()).await;
            if let Ok(old) = self.current() {
                old.finish().await;
            }
            self.current.store(Arc::new(next));
            drop(drained);
        } else {
            let old = self.current.swap(Arc::new(next));
            if let Ok(old) = &*old {
                Arc::clone(old).drain();
            }
        }
    }

    pub(crate) async fn call<C: Call>(&self, call: C, how: How) -> Outcome<C::Value> {
        let mut incarnation = self.current()?;
        let mut lease = None;
        if incarnation.prepared.exclusive {
            lease = Some(self.lease().await?);
            // Who waited for the lease may find another version behind it.
            incarnation = self.current()?;
        }
        incarnation.call(call, how, lease).await
    }

    async fn lease(&self) -> Outcome<OwnedRwLockReadGuard<()>> {
        tokio::time::timeout(self.limits.queue_wait, Arc::clone(&self.handover).read_owned()).await.map_err(|_| {
            Failure::new(Kind::Busy, "The target's session is being handed over.").with_blame(Blame::Host).with_code("handover")
        })
    }
}
