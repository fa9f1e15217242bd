//! The use cases over a real catalogue, and where a plugin is needed over the real runtime with the reference plugin.

mod drives;
mod groups;
mod host;
mod hub;
mod identity;
mod main_job;
mod mounts;
mod plugins;
mod quotas;
mod spaces;
mod tokens;
mod users;
