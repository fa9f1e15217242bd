//! Whose turn it is: so many recalls on access under way of one user, and of a space. The others wait, in the order they came, and no more
//! than a bound of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use capstan_domain::failure::Blame;
use capstan_domain::{Failure, Kind, Outcome};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::settings::Limits;

/// Users that are remembered although nothing of theirs is under way; beyond, they are forgotten.
const IDLE_USERS: usize = 1024;

pub(super) struct Turns {
    space: Arc<Semaphore>,
    users: Mutex<HashMap<u32, Arc<Semaphore>>>,
    of_user: usize,
    places: Semaphore,
}

/// Given back when dropped.
pub(super) struct Turn {
    _user: OwnedSemaphorePermit,
    _space: OwnedSemaphorePermit,
}

impl Turns {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            space: Arc::new(Semaphore::new(limits.recalls_of_space.max(1))),
            users: Mutex::default(),
            of_user: limits.recalls_of_user.max(1),
            places: Semaphore::new(limits.waiting_recalls),
        }
    }

    /// Waits for it. Fails with `Busy` (`too-many-recalls`) when too many wait already.
    pub(super) async fn take(&self, user: u32) -> Outcome<Turn> {
        let _place = self.places.try_acquire().map_err(|_| crowded())?;
        let own = self.of(user);
        let user = own.acquire_owned().await.map_err(|_| crowded())?;
        let space = Arc::clone(&self.space).acquire_owned().await.map_err(|_| crowded())?;
        Ok(Turn { _user: user, _space: space })
    }

    fn of(&self, user: u32) -> Arc<Semaphore> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() >= IDLE_USERS {
            users.retain(|_, own| Arc::strong_count(own) > 1);
        }
        Arc::clone(users.entry(user).or_insert_with(|| Arc::new(Semaphore::new(self.of_user))))
    }
}

fn crowded() -> Failure {
    Failure::new(Kind::Busy, "Too many wait for recalls in this space")
        .with_blame(Blame::Host)
        .with_code("too-many-recalls")
        .with_next_step("Read it again later, or recall the files with a job.")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn turns() -> Turns {
        Turns::new(&Limits { recalls_of_user: 1, recalls_of_space: 2, waiting_recalls: 2, ..Limits::default() })
    }

    #[tokio::test]
    async fn a_user_waits_for_his_own_and_not_for_others() {
        let turns = turns();
        let first = turns.take(1).await.unwrap();
        let _other = turns.take(2).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(20), turns.take(1)).await.is_err());
        drop(first);
        assert!(turns.take(1).await.is_ok());
    }

    #[tokio::test]
    async fn one_more_than_may_wait_is_refused_at_once() {
        let turns = Arc::new(turns());
        let _first = turns.take(1).await.unwrap();
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let turns = Arc::clone(&turns);
                tokio::spawn(async move { turns.take(1).await.map(drop) })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(turns.take(1).await.err().unwrap().code.as_deref(), Some("too-many-recalls"));
        waiting.into_iter().for_each(|waiting| waiting.abort());
    }
}
