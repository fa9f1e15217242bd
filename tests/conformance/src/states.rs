//! What plugins keep in `capstan:host/state`, as long as the runtime runs.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use capstan_domain::Outcome;
use capstan_domain::failure::{Failure, Kind};
use capstan_domain::ids::TargetId;
use capstan_domain::ports::{StateStore, StateValue};

#[derive(Default)]
pub(crate) struct States {
    values: Mutex<BTreeMap<(TargetId, String), StateValue>>,
    /// Targets that are one to the plugin: their state is the other's.
    same: Mutex<BTreeMap<TargetId, TargetId>>,
}

impl States {
    fn all(&self) -> MutexGuard<'_, BTreeMap<(TargetId, String), StateValue>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on `again` is `target`, opened once more: to the runtime it is another one, to the plugin it is not.
    pub(crate) fn is_same(&self, again: TargetId, target: TargetId) {
        self.same.lock().unwrap_or_else(PoisonError::into_inner).insert(again, target);
    }

    fn owner(&self, target: TargetId) -> TargetId {
        self.same.lock().unwrap_or_else(PoisonError::into_inner).get(&target).copied().unwrap_or(target)
    }
}

#[async_trait]
impl StateStore for States {
    async fn get(&self, target: TargetId, key: &str) -> Outcome<Option<StateValue>> {
        let target = self.owner(target);
        Ok(self.all().get(&(target, key.to_owned())).cloned())
    }

    async fn set(&self, target: TargetId, key: &str, data: Vec<u8>, expect: Option<u64>, _most_keys: u64) -> Outcome<u64> {
        let target = self.owner(target);
        let mut all = self.all();
        let now = all.get(&(target, key.to_owned())).map_or(0, |value| value.version);
        if expect.is_some_and(|expect| expect != now) {
            return Err(Failure::new(Kind::Conflict, "The state has another version."));
        }
        all.insert((target, key.to_owned()), StateValue { data, version: now + 1 });
        Ok(now + 1)
    }

    async fn remove(&self, target: TargetId, key: &str, _expect: Option<u64>) -> Outcome<()> {
        let target = self.owner(target);
        self.all().remove(&(target, key.to_owned()));
        Ok(())
    }

    async fn keys(&self, target: TargetId, prefix: &str, after: Option<&str>, limit: u32) -> Outcome<Vec<String>> {
        let target = self.owner(target);
        let wanted = |key: &&String| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after);
        let all = self.all();
        let keys = all.keys().filter(|(owner, _)| *owner == target).map(|(_, key)| key).filter(wanted);
        Ok(keys.take(limit as usize).cloned().collect())
    }
}
