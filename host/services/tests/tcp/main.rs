//! Plain connections, against servers of this machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "everything here is a test")]

mod grants;
mod server;
mod tls;
mod transfer;
#[path = "../vouched/mod.rs"]
mod vouched;
