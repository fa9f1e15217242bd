//! The whole way from REST to real servers, seen from outside: a Capstan process, plain HTTP, files on a disk.
//!
//! Nothing here knows the house's code; a test says what a user does and looks at what a user sees.

mod cargo;
mod client;
mod drive_host;
pub mod drives;
mod harbour;
mod host;
pub mod hub;
pub mod hub_killed;
mod hub_walk;
mod outcomes;
pub mod tape;
mod tour;
mod tree;
mod worker;

pub use cargo::{Cargo, Execution, Route, Stand};
pub use client::{Answer, Client};
pub use drive_host::{DSSD, DriveHost, NVME, STORAGE_TYPES, ZADARA};
pub use harbour::{Harbour, INBOUND, OUTBOUND, POOL};
pub use host::{Host, HostOptions, PASSWORD, USER, binaries, dist};
pub use hub_walk::there_and_back;
pub use outcomes::Outcomes;
pub use tour::{Leg, Tour};
pub use tree::{Content, Shape, Tree};
pub use worker::Worker;
