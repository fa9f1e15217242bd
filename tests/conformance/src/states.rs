//! What plugins keep in `capstan:host/state`, as long as the runtime runs.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use capstan_domain::Outcome;
use capstan_domain::failure::{Failure, Kind};
use capstan_domain::ids::TargetId;
use capstan_domain::ports::{StateStore, StateValue};

#[derive(Default)]
pub(crate) struct States(Mutex<BTreeMap<(TargetId, String), StateValue>>);

impl States {
    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<(TargetId, String), StateValue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl StateStore for States {
    async fn get(&self, target: TargetId, key: &str) -> Outcome<Option<StateValue>> {
        Ok(self.all().get(&(target, key.to_owned())).cloned())
    }

    async fn set(&self, target: TargetId, key: &str, data: Vec<u8>, expect: Option<u64>, _most_keys: u64) -> Outcome<u64> {
        let mut all = self.all();
        let now = all.get(&(target, key.to_owned())).map_or(0, |value| value.version);
        if expect.is_some_and(|expect| expect != now) {
            return Err(Failure::new(Kind::Conflict, "The state has another version."));
        }
        all.insert((target, key.to_owned()), StateValue { data, version: now + 1 });
        Ok(now + 1)
    }

    async fn remove(&self, target: TargetId, key: &str, _expect: Option<u64>) -> Outcome<()> {
        self.all().remove(&(target, key.to_owned()));
        Ok(())
    }

    async fn keys(&self, target: TargetId, prefix: &str, after: Option<&str>, limit: u32) -> Outcome<Vec<String>> {
        let wanted = |key: &&String| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after);
        let all = self.all();
        let keys = all.keys().filter(|(owner, _)| *owner == target).map(|(_, key)| key).filter(wanted);
        Ok(keys.take(limit as usize).cloned().collect())
    }
}
