//! The rules of a transfer, on the host's disk, and an object store and a share in memory.

mod crash;
mod paths;
mod shares;
mod tapes;
mod targets;
mod trees;
mod unproved;
