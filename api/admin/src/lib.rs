//! The host's own API, `/capstan/v1`: what an administrator needs to load, watch and repair connectors on a live host.
//!
//! Wire types, one trait a noun that somebody implements, and the router over them. How a plugin is installed or a grant revoked is not
//! known here; neither is any noun of another dialect.

pub mod audit;
pub mod drives;
mod errors;
pub mod grants;
pub mod jobs;
mod listing;
pub mod mounts;
pub mod plugins;
mod router;
pub mod snapshots;
pub mod spaces;
pub mod targets;
#[cfg(test)]
mod tests;
pub mod users;

pub use errors::AdminError;
pub use listing::{Page, Window};
pub use router::{BASE, Nouns, router};
