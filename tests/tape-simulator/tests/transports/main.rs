//! What carries commands to a library, over one that is made up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "everything here is a test")]

mod control;
mod fake;
mod initiator;
mod iscsi;
mod iscsi_faults;
mod shim;
