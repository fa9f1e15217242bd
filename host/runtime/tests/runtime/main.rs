//! The runtime with real guests, one program for all of it: linking an engine takes longer than these tests.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test's helpers cannot do fails the test"
)]

mod bounds;
mod calls;
mod gate;
mod health;
mod hostile;
mod jobs;
mod soak;
mod support;
mod swap;
