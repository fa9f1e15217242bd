//! A tape library in software.

pub mod control;
pub mod devices;
pub mod iscsi;
mod library;
pub mod shim;

pub use library::{Library, Order, Plan};
