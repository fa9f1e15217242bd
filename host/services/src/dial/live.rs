//! The connections of one target that exist, each with what it rests on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use capstan_grants::Grants;

use super::Basis;

/// What can be ended from outside, also in the middle of a transfer.
pub(crate) trait Sever {
    fn sever(&self);
}

/// Holds nothing alive: who drops a connection need not tell.
#[derive(Debug)]
pub(crate) struct Live<C>(Mutex<Table<C>>);

#[derive(Debug)]
struct Table<C> {
    next: u64,
    connections: HashMap<u64, (Basis, Weak<C>)>,
}

impl<C> Default for Live<C> {
    fn default() -> Self {
        Self(Mutex::new(Table { next: 0, connections: HashMap::new() }))
    }
}

impl<C: Sever> Live<C> {
    fn table(&self) -> MutexGuard<'_, Table<C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn adopt(&self, basis: Basis, connection: &Arc<C>) {
        let mut table = self.table();
        table.connections.retain(|_, (_, connection)| connection.strong_count() > 0);
        let id = table.next;
        table.next += 1;
        table.connections.insert(id, (basis, Arc::downgrade(connection)));
    }

    /// Ends what the grants no longer cover; answers how many.
    pub(crate) fn enforce(&self, grants: &Grants) -> u64 {
        let mut severed = 0;
        for (basis, connection) in self.table().connections.values() {
            if let Some(connection) = connection.upgrade()
                && !basis.holds(grants)
            {
                connection.sever();
                severed += 1;
            }
        }
        severed
    }

    /// How many exist now.
    pub(crate) fn count(&self) -> usize {
        self.table().connections.values().filter(|(_, connection)| connection.strong_count() > 0).count()
    }
}
