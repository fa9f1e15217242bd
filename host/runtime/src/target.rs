//! A configured target: what its calls go to just now, and how that is exchanged under them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

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
use crate::reach::Reach;

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
    /// Replaced, while their calls, or bodies that came out of them, go on: what is revoked is revoked from them too.
    former: Mutex<Vec<Weak<Incarnation>>>,
    renewing: AtomicBool,
    reach: Reach,
    limits: Arc<Limits>,
}

impl TargetSlot {
    pub(crate) fn new(settings: TargetSettings, current: Current, limits: Arc<Limits>) -> Arc<Self> {
        Arc::new(Self {
            settings: Mutex::new(Arc::new(settings)),
            current: ArcSwap::from_pointee(current),
            handover: Arc::default(),
            former: Mutex::default(),
            renewing: AtomicBool::new(false),
            reach: Reach::default(),
            limits,
        })
    }

    pub(crate) fn settings(&self) -> Arc<TargetSettings> {
        Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }

    pub(crate) fn set_settings(&self, settings: TargetSettings) {
        self.reach.forget();
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
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
        self.reach.replaced();
        let exclusive = |current: &Current| current.as_ref().is_ok_and(|incarnation| incarnation.prepared.exclusive);
        if let Ok(old) = self.current() {
            let mut former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
            former.retain(|old| old.strong_count() > 0);
            former.push(Arc::downgrade(&old));
        }
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

    /// What serves, and what was replaced and has not ended.
    pub(crate) fn incarnations(&self) -> Vec<Arc<Incarnation>> {
        let former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
        former.iter().filter_map(Weak::upgrade).chain(self.current().ok()).collect()
    }

    /// Makes the call; answers who answered as well.
    pub(crate) async fn call<C: Call>(self: &Arc<Self>, call: C, how: How) -> Outcome<(C::Value, Arc<Incarnation>)> {
        let mut incarnation = self.current()?;
        let mut lease = None;
        if incarnation.prepared.exclusive {
            lease = Some(self.lease().await?);
            // Who waited for the lease may find another version behind it.
            incarnation = self.current()?;
        }
        let outcome = incarnation.call(call, how, lease).await;
        self.reach.heard(&outcome);
        if incarnation.is_spent() && !self.renewing.swap(true, Ordering::AcqRel) {
            tokio::spawn(Arc::clone(self).renew(Arc::clone(&incarnation)));
        }
        outcome.map(|value| (value, incarnation))
    }

    /// Gives an exclusive session from a spent store to a fresh one, while new calls wait.
    async fn renew(self: Arc<Self>, spent: Arc<Incarnation>) {
        let drained = tokio::time::timeout(self.limits.drain_deadline, self.handover.write()).await;
        if spent.is_spent() {
            spent.renew().await;
        }
        self.renewing.store(false, Ordering::Release);
        drop(drained);
    }

    async fn lease(&self) -> Outcome<OwnedRwLockReadGuard<()>> {
        tokio::time::timeout(self.limits.queue_wait, Arc::clone(&self.handover).read_owned()).await.map_err(|_| {
            Failure::new(Kind::Busy, "The target's session is being handed over.").with_blame(Blame::Host).with_code("handover")
        })
    }
}
