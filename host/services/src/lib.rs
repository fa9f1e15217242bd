//! What a plugin may import, one module an interface.
//!
//! Each service is plain Rust first (a client, a granted directory, a set of secrets) and an implementation of the contract's import
//! second, so that the same code is tested and measured without a plugin. What gives power (a connection, a directory) is built from
//! a grant value and cannot be built without one. Streams that the host made are recognised when they come back from a plugin and
//! read on natively, so that bytes do not pass through a guest that only hands them on.

mod clock;
mod config;
mod content;
mod cord;
mod crypto;
mod dial;
pub mod digest;
pub mod files;
pub mod http;
mod job;
pub mod limits;
mod linker;
pub mod log;
pub mod scsi;
mod sealing;
mod secrets;
mod services;
mod signature;
mod state;
pub mod stream;
mod task;
pub mod tcp;

pub use config::Configuration;
pub use dial::ConnectionCounters;
pub use limits::Limits;
pub use linker::add_to_linker;
pub use sealing::{Sealing, mac};
pub use secrets::Secrets;
pub use services::{Imports, OnDenied, Services, Settings, TargetServices};
pub use state::State;
