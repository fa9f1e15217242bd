//! Moving bytes between places so that nothing is lost: what is said to be stored is durable, what is said to be verified was
//! read back, and a source goes only after both were recorded.
//!
//! A place is a [`Tree`]: a directory of the host ([`LocalTree`]), objects under a prefix ([`ObjectTree`]), a share
//! ([`FileTree`]). A [`Transfer`] takes trees to trees. It knows neither the catalogue nor a plugin: what must survive the
//! process it tells a [`Ledger`], and targets are the ports of `capstan_domain`. A [`DriveCopy`] takes a block volume to another.

pub mod backoff;
pub mod control;
pub mod drive;
pub mod file;
mod held;
mod in_order;
pub mod item;
pub mod ledger;
pub mod local;
pub mod measured;
pub mod names;
pub mod object;
pub mod progress;
mod read_whole;
mod resumable;
#[cfg(test)]
mod testing;
pub mod throttle;
pub mod transfer;
pub mod tree;

pub use capstan_digest as digest;
pub use control::{Command, Control};
pub use drive::{DriveCopy, DriveEnd};
pub use file::FileTree;
pub use held::Held;
pub use item::{Found, Identity, Item, ItemKind};
pub use ledger::{Copied, Evidence, Known, Ledger, PartRecord, PartTables, QUOTA, Settled, UploadKey, UploadRecord, Wanted};
pub use local::LocalTree;
pub use measured::Digest;
pub use object::ObjectTree;
pub use progress::Counters;
pub use read_whole::read_whole;
pub use transfer::{Destination, Limits, Options, RECALLED, Source, Summary, Transfer, numbered};
pub use tree::{Arrival, Children, NewAttributes, Opened, Small, Stored, Tree};
