//! The HTTP client against servers on this machine: what it keeps, what it refuses, what it says when the other side misbehaves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "everything here is a test")]

mod failures;
mod grants;
mod proxy;
mod reuse;
mod server;
mod tls;
mod transfer;
#[path = "../vouched/mod.rs"]
mod vouched;
