//! Cartridges, as they lie on the simulator's disk: a directory for each, with its memory, and two files for each partition.

mod cartridge;
mod chip;
mod partition;
mod record;

pub(crate) use cartridge::Cartridge;
pub(crate) use chip::{Chip, Stored, replace};
pub(crate) use partition::Partition;
pub(crate) use record::{Kind, OVERHEAD};
