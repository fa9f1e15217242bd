//! Use cases: what can be done with the host, whoever asks through whichever door.
//!
//! One noun a file. A use case checks what a caller gives, changes the catalogue and the runtime in the order that survives a crash, and
//! writes the audit log. Doors and the command line see nothing below this floor.

mod api_keys;
pub mod attachments;
pub mod audit;
pub mod buckets;
mod budget;
pub mod cartridges;
mod credentials;
pub mod definitions;
mod drains;
pub mod drive_users;
pub mod drives;
pub mod entries;
pub mod external_targets;
mod foundation;
pub mod grants;
pub mod groups;
pub mod health;
pub mod identity;
pub mod images;
pub mod jobs;
pub mod libraries;
pub mod locations;
mod lookout;
pub mod machines;
pub mod managed_spaces;
pub mod manifests;
pub mod metrics;
pub mod mounts;
mod ownership;
mod passwords;
pub mod permissions;
pub mod person;
mod places;
pub mod plugins;
pub mod pools;
mod probes;
pub mod profiles;
pub mod refused;
pub mod scans;
mod schema;
mod sealing;
mod secrets;
pub mod servers;
pub mod settings;
mod signing;
pub mod sites;
pub mod snapshots;
pub mod space_files;
mod space_work;
pub mod spaces;
mod start;
pub mod tags;
pub mod tape_drives;
pub mod targets;
#[cfg(test)]
mod tests;
pub mod tokens;
mod user_texts;
pub mod users;
mod worker;
pub mod workflow_jobs;
pub mod workflows;

pub use start::{Listening, Start};
pub use worker::{Worker, WorkerStart};

/// Everything a door needs; one field a noun.
pub struct App {
    pub attachments: attachments::Attachments,
    pub audit: audit::Audit,
    pub buckets: buckets::Buckets,
    pub cartridges: cartridges::Cartridges,
    pub definitions: definitions::Definitions,
    pub drive_users: drive_users::DriveUsers,
    pub drives: drives::Drives,
    pub entries: entries::Entries,
    pub external_targets: external_targets::ExternalTargets,
    pub grants: grants::Grants,
    pub health: health::Health,
    pub identity: identity::Identity,
    pub images: images::Images,
    pub jobs: jobs::Jobs,
    pub libraries: libraries::Libraries,
    pub locations: locations::Locations,
    pub machines: machines::Machines,
    pub manifests: manifests::Manifests,
    pub metrics: metrics::Metrics,
    pub mounts: mounts::Mounts,
    pub plugins: plugins::Plugins,
    pub pools: pools::Pools,
    pub profiles: profiles::Profiles,
    pub scans: scans::Scans,
    pub servers: servers::Servers,
    pub sites: sites::Sites,
    pub snapshots: snapshots::Snapshots,
    pub space_files: space_files::SpaceFiles,
    pub spaces: spaces::Spaces,
    pub tags: tags::Tags,
    pub tape_drives: tape_drives::TapeDrives,
    pub targets: targets::Targets,
    pub workflow_jobs: workflow_jobs::WorkflowJobs,
    pub workflows: workflows::Workflows,
    pub(crate) catalogue: capstan_catalogue::Catalogue,
    pub(crate) open_spaces: space_work::OpenSpaces,
    pub(crate) workflow_engine: capstan_jobs::WorkflowJobs,
    pub(crate) drains: tokio::task::JoinHandle<()>,
    pub(crate) events: tokio::task::JoinHandle<()>,
    pub(crate) lookout: tokio::task::JoinHandle<()>,
    pub(crate) purges: tokio::task::JoinHandle<()>,
}
