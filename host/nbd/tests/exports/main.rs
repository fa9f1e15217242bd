//! Exports, as clients of others and requests by hand find them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "everything here is a test")]

mod called;
mod calls;
mod clients;
mod hand;
mod listening;
mod peer;
mod protocol;
mod rogue;
mod tls;
mod world;
