//! `capstan:host/scsi`: SCSI devices of the host that a target was granted.

mod answer;
mod device;
mod devices;
mod generic;
mod import;
mod pages;
mod passage;

pub use answer::Answer;
pub use device::{Device, Transfer};
pub use devices::Devices;
