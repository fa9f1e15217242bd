//! Jobs over a real catalogue and real directories: what is promised of work that dies, waits, is paused or stopped.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "in a test, a panic is the answer")]

mod drive_world;
mod drives;
mod ends;
mod engine;
mod lanes;
mod reels;
mod rescans;
mod restarts;
mod scans;
mod share;
mod shelf;
mod tape_drives;
mod tape_files;
mod tape_world;
mod tapes;
mod unread;
mod workflow_jobs;
mod workflow_refusals;
mod workflow_restarts;
mod workflow_sync;
mod workflow_world;
mod world;
