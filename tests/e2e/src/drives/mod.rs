//! Drives under a host that dies, or whose engine does not answer: an operation is begun, something goes wrong at a point of the
//! test's own choice, and once all work has come to rest the rule is looked at:
//!
//! - every drive and every snapshot is as before, or as was asked; what a client was promised is as was asked;
//! - every byte is the one that was there, or that was asked for;
//! - each engine has the volumes and the snapshots that the host tells of, and nothing else.
//!
//! The engine is looked at behind the host's back: a directory, the cluster's own tool, the array's own list.

mod catalogue;
mod content;
mod dssd;
mod engine;
mod nvme;
mod operation;
mod rig;
mod rule;
mod zadara;

pub use catalogue::{Catalogue, Drive, Snapshot};
pub use content::{CONTENT, GIB, holds, noise, put, zeros};
pub use dssd::Dssd;
pub use engine::{Change, Engine, Moment, Stock};
pub use nvme::Nvme;
pub use operation::Operation;
pub use rig::Rig;
pub use rule::in_step;
pub use zadara::Zadara;
