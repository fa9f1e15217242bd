//! Who has a session. One that logs in again under the same name and ISID takes the place of its old session (RFC 7143, section 6.3.5).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Name and ISID of an initiator's port.
type Port = (String, [u8; 6]);

#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<Port, Arc<Seat>>>);

struct Seat {
    over: watch::Sender<bool>,
    taken: Arc<Semaphore>,
}

/// A session's place; the next one waits until it is gone.
pub(super) struct Seated {
    seat: Arc<Seat>,
    _taken: Option<OwnedSemaphorePermit>,
}

impl Sessions {
    /// Ends the port's old session and takes its place when it is gone.
    pub(super) async fn take(&self, initiator: &str, isid: [u8; 6]) -> Seated {
        let port = (initiator.to_owned(), isid);
        let seat = Arc::new(Seat { over: watch::Sender::new(false), taken: Arc::new(Semaphore::new(1)) });
        let own = Arc::clone(&seat.taken).acquire_owned().await.ok();
        let old = {
            let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.retain(|_, seat| seat.taken.available_permits() == 0);
            sessions.insert(port, Arc::clone(&seat))
        };
        if let Some(old) = old {
            old.over.send_replace(true);
            let _ = old.taken.acquire().await;
        }
        Seated { seat, _taken: own }
    }

    /// Ends all.
    pub(super) fn end(&self) {
        for seat in self.0.lock().unwrap_or_else(PoisonError::into_inner).values() {
            seat.over.send_replace(true);
        }
    }
}

impl Seated {
    /// When another has taken the place, or all are ended.
    pub(super) async fn is_over(&self) {
        // The sender lives as long as the seat.
        let _ = self.seat.over.subscribe().wait_for(|over| *over).await;
    }
}
