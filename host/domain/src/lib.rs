//! The words of Capstan. Nouns, the failure every layer speaks, and the ports through which inner floors reach outer ones.
//!
//! Nothing here does IO, and nothing here knows HTTP, SQL or WebAssembly: a status code, a column or a store in this crate is a
//! mistake. Everything else in `host/` depends on it; it depends on nothing of `host/`.

pub mod audit;
pub mod bucket;
pub mod cartridge;
pub mod content;
pub mod context;
pub mod drive;
pub mod entry;
pub mod external_target;
pub mod failure;
pub mod file_state;
pub mod grant;
pub mod group;
pub mod identity;
pub mod ids;
pub mod job;
pub mod library;
pub mod listing;
pub mod location;
pub mod machine;
pub mod names;
pub mod needed;
pub mod node;
pub mod permission;
pub mod plugin;
pub mod pool;
pub mod ports;
pub mod secret;
pub mod server;
pub mod site;
pub mod site_queue;
pub mod space;
pub mod space_profile;
pub mod tag;
pub mod tape_drive;
pub mod tape_statistics;
pub mod target;
pub mod time;
pub mod tree_snapshot;
pub mod unread;
pub mod workflow;

pub use failure::{Failure, Kind, Outcome};
