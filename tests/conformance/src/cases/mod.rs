//! The cases, a folder a facet, a file a group.

pub mod calls;
pub mod drives;
pub mod faults;
pub mod files;
pub mod media;
pub mod names;
pub mod objects;
pub mod target;
pub mod uploads;
