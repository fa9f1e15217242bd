//! What a call works with: a session of its own while it runs, left for the next call. So a call may have many commands under way,
//! and a lost connection takes nobody along.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use capstan_sdk::{Failure, Outcome};

use crate::access::{self, Portal};
use crate::link::{self, Link};

/// Sessions kept for the next calls. More are closed: the host counts connections of all instances together.
const KEPT: usize = 8;
/// One that was not used for so long may have missed a question of the target's.
const KEPT_FOR: Duration = Duration::from_secs(20);

thread_local! {
    static IDLE: RefCell<Vec<Idle>> = const { RefCell::new(Vec::new()) };
}

struct Idle {
    link: Link,
    since: Instant,
}

pub(crate) struct Lane {
    pub(crate) link: Link,
}

impl Lane {
    pub(crate) async fn take(portal: &Portal, target: &str) -> Outcome<Self> {
        let kept = IDLE.with_borrow_mut(|idle| {
            idle.retain(|one| one.since.elapsed() < KEPT_FOR);
            let at = idle.iter().rposition(|one| one.link.login().leads_to(&portal.host, portal.port, target))?;
            Some(idle.swap_remove(at).link)
        });
        let link = match kept {
            Some(link) => link,
            None => link::open(portal, target).await.inspect_err(|failure| {
                // The secret, the controller or the entry of this host may have changed.
                if matches!(failure, Failure::Unauthenticated(_) | Failure::Denied(_) | Failure::Unavailable(_)) {
                    access::forget_all();
                }
            })?,
        };
        Ok(Self { link })
    }

    /// Leaves the session for the next call, if it is good for one.
    pub(crate) fn give_back(self) {
        let link = self.link;
        if link.is_clean() {
            IDLE.with_borrow_mut(|idle| {
                if idle.len() < KEPT {
                    idle.push(Idle { link, since: Instant::now() });
                }
            });
        }
    }
}
