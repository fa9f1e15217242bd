//! A tape library for tests: one robot and as many LTO-9 drives as a plan says, with what SPC-4, SMC-3 and SSC-5 have them answer, the time a
//! real one takes, and faults on demand. It shares no code with what it tests.
//!
//! Drives are the units 0 to N-1, the robot is unit N. Cartridges are directories on disk and outlive the program; what a drive has in its buffer
//! does not, as it would not outlive a power cut. A transport hands commands to [`Library`] through [`devices::Devices`]; a test turns its
//! switches through [`Library::control`].
//!
//! Commands do their file IO where they run: it goes to the page cache, and each takes less than a tape would.

pub mod control;
pub mod devices;
pub mod faults;
pub mod iscsi;
pub mod library;
pub mod order;
pub mod plan;
pub mod shim;
pub mod time;

mod changer;
mod drive;
mod fields;
mod initiator;
mod medium;
mod primary;
mod sense;

pub use library::Library;
pub use order::Order;
pub use plan::Plan;
