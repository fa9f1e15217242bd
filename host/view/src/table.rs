//! Which inode number stands for which path. The kernel says when it has forgotten one; then it is forgotten here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The root's number, by the protocol.
pub(crate) const ROOT: u64 = 1;

/// Where something stands: which of the trees shown, and its path there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// The view's root, above the trees.
    Top,
    In {
        tree: usize,
        path: String,
    },
}

#[derive(Default)]
pub(crate) struct Table {
    known: Mutex<HashMap<u64, (Spot, u64)>>,
}

impl Table {
    /// The same number for the same spot, always: listings and look-ups agree without asking each other.
    pub(crate) fn number(tree: usize, path: &str) -> u64 {
        let hash = blake3::Hasher::new().update(&tree.to_le_bytes()).update(path.as_bytes()).finalize();
        let mut short = [0; 8];
        short.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(short).max(ROOT + 1)
    }

    pub(crate) fn spot(&self, ino: u64) -> Option<Spot> {
        self.lock().get(&ino).map(|(spot, _)| spot.clone())
    }

    pub(crate) fn hold(&self, ino: u64, spot: Spot) {
        self.lock().entry(ino).or_insert((spot, 0)).1 += 1;
    }

    pub(crate) fn forget(&self, ino: u64, times: u64) {
        let mut known = self.lock();
        if let Some((_, held)) = known.get_mut(&ino) {
            *held = held.saturating_sub(times);
            if *held == 0 && ino != ROOT {
                known.remove(&ino);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, (Spot, u64)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
