//! What the tests of every REST dialect need: a doorman, a client that calls the router itself, and the operations of a document.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that fails here says where")]

mod client;
mod doorman;
pub mod golden;
mod operations;

pub use client::{ADMIN, basic, call, send};
pub use doorman::Doorman;
pub use operations::{filled, operations};
