//! What a call works with: a session of its own while it runs, left for the next call. So a call may have many commands under way,
//! and a lost connection takes nobody along.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use capstan_sdk::{Failure, Outcome};

use crate::access::{self, Portal};
use crate::link::Link;

/// Sessions kept for the next calls. More are closed: the host counts connections of all instances together.
const KEPT: usize = 8;
/// One that was not used for so long may have missed a question of the target's.
const KEPT_FOR: Duration = Duration::from_secs(20);

thread_local! {
    static IDLE: RefCell<Vec<Link>> = const { RefCell::new(Vec::new()) };
}

pub(crate) struct Lane {
    pub(crate) link: Link,
}

impl Lane {
    pub(crate) async fn take(portal: &Rc<Portal>, target: &str) -> Outcome<Self> {
        let kept = IDLE.with_borrow_mut(|idle| {
            idle.retain(|link| link.unused_for() < KEPT_FOR);
            let at = idle.iter().rposition(|link| link.leads_to(portal, target))?;
            Some(idle.swap_remove(at))
        });
        let link = match kept {
            Some(link) => link,
            None => Link::open(portal, target).await.inspect_err(|failure| {
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
        let mut link = self.link;
        if link.is_clean() {
            link.touch();
            IDLE.with_borrow_mut(|idle| {
                if idle.len() < KEPT {
                    idle.push(link);
                }
            });
        }
    }
}
