//! What something that is open hangs on: cut, and everything that waits for it ends.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use crate::dial::Sever;

#[derive(Debug, Default)]
pub(crate) struct Cord {
    cut: AtomicBool,
    told: Notify,
}

impl Cord {
    /// Answers when it was cut.
    pub(crate) async fn severed(&self) {
        let mut told = pin!(self.told.notified());
        // Listens before it looks, so that no cut is missed.
        told.as_mut().enable();
        if !self.cut.load(Ordering::Acquire) {
            told.await;
        }
    }
}

impl Sever for Cord {
    fn sever(&self) {
        self.cut.store(true, Ordering::Release);
        self.told.notify_waiters();
    }
}
