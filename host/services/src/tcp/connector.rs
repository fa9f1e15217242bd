//! The plain connections of one target: made where a grant covers them, counted, cut when it is gone.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};

use capstan_domain::Outcome;
use capstan_domain::ports::NamedValues;
use capstan_grants::Grants;

use super::connection::{Connection, Waits};
use super::wanted::Wanted;
use crate::cord::Cord;
use crate::dial::{self, Basis, ConnectionCounters, Live, Places, Tls, revoked};
use crate::limits::Limits;

/// Usable without any plugin; its only power is the grants it holds.
pub struct Connector {
    grants: RwLock<Arc<Grants>>,
    places: Places,
    live: Live<Cord>,
    tls: Tls,
    limits: Limits,
}

impl Connector {
    pub fn new(grants: Arc<Grants>, limits: Limits, connections: Arc<ConnectionCounters>) -> Self {
        Self {
            grants: RwLock::new(grants),
            places: Places::new(limits.tcp_connections, &limits, connections),
            live: Live::default(),
            tls: Tls::default(),
            limits,
        }
    }

    /// Replaces the grants. Connections they no longer cover are cut, whatever they are doing.
    pub fn set_grants(&self, grants: Arc<Grants>) {
        *self.grants.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&grants);
        self.places.counters().cut.fetch_add(self.live.enforce(&grants), Ordering::Relaxed);
    }

    /// Connections that exist now.
    pub fn live_connections(&self) -> usize {
        self.live.count()
    }

    /// Extras as `capstan:host/tcp.connect` has them.
    pub async fn connect(&self, host: &str, port: u16, extras: &NamedValues) -> Outcome<Connection> {
        let Wanted { route, timeout, silence } = Wanted::read(host, port, extras)?;
        let grants = self.grants();
        dial::check(&route, &grants)?;
        let place = self.places.take().await?;
        let limit = timeout.unwrap_or(self.limits.connect);
        let connecting = dial::dial(&route, &grants, &self.tls, limit);
        let late = |_| dial::slow(&route.host, port, limit);
        let (transport, address) = tokio::time::timeout(limit, connecting).await.map_err(late)??;
        let basis = Basis { route: Arc::new(route.clone()), address };
        let cord = Arc::new(Cord::default());
        self.live.adopt(basis.clone(), &cord);
        // The grants may have changed while the connection was made, before anybody knew of it.
        if !basis.holds(&self.grants()) {
            return Err(revoked());
        }
        let waits = Waits { read: silence, write: self.limits.idle_write };
        Ok(Connection::new(transport, cord, place, format!("{}:{port}", route.host), waits))
    }

    fn grants(&self) -> Arc<Grants> {
        Arc::clone(&self.grants.read().unwrap_or_else(PoisonError::into_inner))
    }
}
