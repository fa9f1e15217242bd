//! Jobs over a real catalogue and real directories: what is promised of work that dies, waits, is paused or stopped.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

mod ends;
mod rescans;
mod restarts;
mod scans;
mod world;
