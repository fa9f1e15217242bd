//! SCSI devices of the host that the target was granted.
//!
//! Any status that a device gives is an answer, and its sense is the plugin's to read (`capstan-scsi` does). A `Failure` says why there is no
//! answer; with these codes, or `maybe_done`, the command may have been done all the same.

pub use crate::bindings::capstan::host::scsi::{Answer, Device, Transfer, open};

/// The device is not there any more.
pub const GONE: &str = "device-gone";
/// It was reset while the command was under way.
pub const RESET: &str = "device-reset";
/// The way to it failed.
pub const ERROR: &str = "device-error";
