//! Use cases: what can be done with the host, whoever asks through whichever door.
//!
//! One noun a file. A use case checks what a caller gives, changes the catalogue and the runtime in the order that survives a crash, and
//! writes the audit log. Doors and the command line see nothing below this floor.

pub mod audit;
mod budget;
mod credentials;
pub mod definitions;
pub mod entries;
pub mod grants;
pub mod identity;
pub mod jobs;
pub mod locations;
mod lookout;
pub mod metrics;
pub mod mounts;
mod passwords;
mod places;
pub mod plugins;
pub mod pools;
mod probes;
pub mod scans;
mod schema;
mod sealing;
mod secrets;
pub mod servers;
pub mod settings;
pub mod spaces;
mod start;
pub mod targets;
#[cfg(test)]
mod tests;
pub mod users;

pub use start::{Listening, Start};

/// Everything a door needs; one field a noun.
pub struct App {
    pub audit: audit::Audit,
    pub definitions: definitions::Definitions,
    pub entries: entries::Entries,
    pub grants: grants::Grants,
    pub identity: identity::Identity,
    pub jobs: jobs::Jobs,
    pub locations: locations::Locations,
    pub metrics: metrics::Metrics,
    pub mounts: mounts::Mounts,
    pub plugins: plugins::Plugins,
    pub pools: pools::Pools,
    pub scans: scans::Scans,
    pub servers: servers::Servers,
    pub spaces: spaces::Spaces,
    pub targets: targets::Targets,
    pub(crate) catalogue: capstan_catalogue::Catalogue,
    pub(crate) events: tokio::task::JoinHandle<()>,
    pub(crate) lookout: tokio::task::JoinHandle<()>,
}
