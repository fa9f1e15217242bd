//! Durability by the group: whoever waits for a sync shares it with all who came before it began.
//!
//! A disk syncs a few hundred times a second; twenty thousand small files must not wait for as many. One `syncfs` makes everything
//! durable that was written before it began.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

use capstan_domain::{Failure, Outcome};
use tokio::sync::Mutex;

use super::beneath::Root;
use super::{fault, on_disk};

pub(crate) struct GroupSync {
    root: Arc<Root>,
    /// Syncs begun so far.
    begun: AtomicU64,
    /// Held while one runs; the number of the last one that ended well.
    ended: Mutex<u64>,
    /// A sync that failed once is never tried again as if nothing had been: the kernel may have dropped what it could not write (D7).
    failed: OnceLock<Failure>,
}

impl GroupSync {
    pub(crate) fn new(root: Arc<Root>) -> Self {
        Self { root, begun: AtomicU64::new(0), ended: Mutex::new(0), failed: OnceLock::new() }
    }

    /// What was written before this call is durable when it answers.
    pub(crate) async fn sync(&self) -> Outcome<()> {
        let seen = self.begun.load(SeqCst);
        let mut ended = self.ended.lock().await;
        if let Some(failure) = self.failed.get() {
            return Err(failure.clone());
        }
        if *ended > seen {
            return Ok(());
        }
        let number = self.begun.fetch_add(1, SeqCst) + 1;
        let root = Arc::clone(&self.root);
        match on_disk(move || rustix::fs::syncfs(root.handle()).map_err(|errno| fault::of(errno, root.shown()))).await.flatten() {
            Ok(()) => {
                *ended = number;
                Ok(())
            }
            Err(failure) => Err(self.failed.get_or_init(|| failure).clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::LocalTree;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_waiters_share_few_syncs() {
        let directory = tempfile::tempdir().expect("directory");
        let tree = LocalTree::open("t", directory.path()).expect("tree");
        let sync = Arc::clone(&tree.sync);
        let waiters: Vec<_> = (0..200)
            .map(|_| {
                tokio::spawn({
                    let sync = Arc::clone(&sync);
                    async move { sync.sync().await }
                })
            })
            .collect();
        for waiter in waiters {
            waiter.await.expect("task").expect("sync");
        }
        assert!(sync.begun.load(SeqCst) < 100, "{} syncs for 200 waiters", sync.begun.load(SeqCst));
    }
}
