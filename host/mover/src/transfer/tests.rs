//! The rules of a transfer, on the host's disk and an object store in memory.

mod crash;
mod trees;
