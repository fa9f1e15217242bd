//! Credentials that were verified a moment ago, so that a client's thousand calls do not cost a thousand argon2id runs.
//!
//! Entries are found by keyed hash, never by the password itself; they live at most `FRESH`, there are at most `ENTRIES_MAX`, and a
//! change of a user drops all of them at once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use capstan_domain::identity::Caller;

/// How long a verified credential is believed.
pub(crate) const FRESH: Duration = Duration::from_secs(60);
/// Entries; when it is full it is emptied, which costs a verification each and nothing else.
pub(crate) const ENTRIES_MAX: usize = 4096;

type Digest = [u8; 32];

#[derive(Default)]
pub(crate) struct Verified {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<Digest, (Instant, Caller)>,
    /// Grows when a user changes; a verification that began before must not be kept.
    generation: u64,
}

impl Verified {
    /// Ask before verifying; hand it to `keep`.
    pub(crate) fn generation(&self) -> u64 {
        self.lock().generation
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<Caller> {
        let inner = self.lock();
        let (since, caller) = inner.entries.get(digest)?;
        (since.elapsed() < FRESH).then(|| caller.clone())
    }

    pub(crate) fn keep(&self, generation: u64, digest: Digest, caller: Caller) {
        let mut inner = self.lock();
        if inner.generation != generation {
            return;
        }
        if inner.entries.len() >= ENTRIES_MAX {
            inner.entries.clear();
        }
        inner.entries.insert(digest, (Instant::now(), caller));
    }

    /// A user or a key changed: nothing verified before counts any more.
    pub(crate) fn forget_all(&self) {
        let mut inner = self.lock();
        inner.generation += 1;
        inner.entries.clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use capstan_domain::identity::{Proof, Role};
    use capstan_domain::ids::UserId;

    use super::*;

    fn caller() -> Caller {
        Caller {
            user: UserId::new(),
            name: "admin".into(),
            role: Role::Administrator,
            proof: Proof::Password,
            key: None,
            scopes: None,
            given: std::sync::Arc::default(),
        }
    }

    #[test]
    fn a_verification_that_began_before_a_user_changed_is_not_kept() {
        let verified = Verified::default();
        let generation = verified.generation();
        verified.forget_all();
        verified.keep(generation, [1; 32], caller());
        assert!(verified.get(&[1; 32]).is_none());
        verified.keep(verified.generation(), [1; 32], caller());
        assert!(verified.get(&[1; 32]).is_some());
        verified.forget_all();
        assert!(verified.get(&[1; 32]).is_none());
    }

    #[test]
    fn the_cache_is_bounded() {
        let verified = Verified::default();
        for index in 0..ENTRIES_MAX + 10 {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&(index as u64).to_le_bytes());
            verified.keep(verified.generation(), digest, caller());
        }
        assert!(verified.lock().entries.len() <= ENTRIES_MAX);
    }
}
