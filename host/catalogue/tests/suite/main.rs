//! One suite over both databases: each rule is a test on SQLite and a test on PostgreSQL.
//!
//! PostgreSQL is found through `CAPSTAN_TEST_POSTGRES_URL` (a server where databases may be made). Without it that half says so and
//! passes, except in CI, where nothing is skipped.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "in a test, a panic is the answer")]

mod buckets;
mod crawls;
mod database;
mod drive_lists;
mod drive_uploads;
mod drives;
mod entries;
mod file_states;
mod groups;
mod identities;
mod jobs;
mod lists;
mod mounts;
mod nouns;
mod records;
mod removed_files;
mod servers;
mod sites;
mod snapshots;
mod states;
mod tags;
mod tapes;
mod tapes_at_work;
mod tasks;
mod tree_snapshots;
mod workflow_jobs;
mod workflows;
mod writes;
