//! Plugins, loaded and run.
//!
//! A component passes the load gate once (`gate`), is compiled off every request's path (`compiler`) and kept under its digest
//! (`vault`). Each target has an incarnation of its plugin's active version: a few long-lived stores for small calls, a store of its
//! own for each large transfer. The store is the fault domain: what traps, spins or grows too large loses its store and nothing else.
//! A new version, or a new configuration, is another incarnation beside the old one, exchanged under running calls. A version that
//! fails more than the one before is rolled back while it is new, one that keeps crashing is quarantined; it is never deleted.
//!
//! Guests run on threads of their own, but for the first step of a call that a thread of the host's work makes (`drive`); threads that
//! serve requests run none. To the floors above, a target is the domain's ports; no type of the engine leaves this room.

mod asked;
mod call;
mod cancelled;
mod compiler;
mod drive;
mod engine;
mod faults;
mod gate;
mod incarnation;
mod install;
mod limits;
mod linker;
mod machine;
mod metrics;
mod open;
mod output;
mod places;
mod ports;
mod prepared;
mod reach;
mod registry;
mod runtime;
mod state;
mod supervisor;
mod target;
mod vault;
mod worker;
mod workers;

pub use gate::{SIGNATURE_BYTES, SignaturePolicy, Signatures};
pub use install::{Activation, Refusal};
pub use limits::Limits;
pub use metrics::Metrics;
pub use reach::Unreached;
pub use runtime::{Event, Runtime, RuntimeOptions};
pub use target::{TargetSettings, TargetStatus};
