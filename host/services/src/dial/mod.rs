//! The one way out of the host: from a place that was granted to a socket.
//!
//! HTTP and plain connections both leave through here, so there is one check of addresses, one reading of certificates, one count of
//! what is open, and one place from which a revoked grant cuts.

mod basis;
mod connect;
mod live;
mod places;
mod privileged;
mod prompt;
mod route;
mod tls;
mod tunnel;
mod wire;

pub(crate) use basis::Basis;
pub(crate) use connect::{check, dial, revoked, slow};
pub(crate) use live::{Live, Sever};
pub use places::ConnectionCounters;
pub(crate) use places::{Place, Places};
pub(crate) use prompt::acknowledge;
pub(crate) use route::{Proxy, Route, Source};
pub(crate) use tls::Tls;
pub(crate) use wire::{Meter, Transport, Wire};
