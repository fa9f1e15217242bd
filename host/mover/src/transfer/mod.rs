//! From trees to trees: what a job of copying or moving does.
//!
//! A walk feeds batches of small files and single large ones to a bounded number of workers; a slow destination holds the walk
//! back. A worker settles a path in this order, and a process may die after each line:
//!
//! | # | step | found after a restart | what the next run does |
//! |---|---|---|---|
//! | 1 | source read | nothing | copies |
//! | 2 | bytes under a temporary name or as parts | the temporary file or the upload, and its part table | checks and keeps recorded parts, stores the rest |
//! | 3 | synced, visible under its name | the copy, not in the ledger | compares by content and adopts it |
//! | 4 | read back and matched | as 3 | as 3 |
//! | 5 | ledger: replica and outcome, one durable transaction | the record, and for a move the source | copy: unchanged. Move: looks at the copy again, goes on at 6 |
//! | 6 | move: source looked at once more, still the same | as 5 | as 5 |
//! | 7 | move: source removed | the record | nothing is left to do |
//!
//! So a source goes only after its copies were read back and recorded (D1, D2), and no step is repeated that could lose data.
//!
//! What goes to a tape, or comes from one, goes another way (`in_line`).

mod fate;
mod in_line;
mod large;
mod numbered;
mod plan;
mod recalled;
mod remove;
mod small;
#[cfg(test)]
mod tests;
mod watched;

use std::sync::Arc;

use capstan_domain::Outcome;
use capstan_domain::job::Verify;
pub(crate) use fate::LOCATION_GONE;
pub use numbered::numbered;
pub use recalled::RECALLED;

use crate::control::Control;
use crate::ledger::Ledger;
use crate::progress::Counters;
use crate::throttle::Throttle;
use crate::tree::Tree;

/// Where bytes come from.
#[derive(Clone)]
pub struct Source {
    pub tree: Arc<dyn Tree>,
    /// In the tree; a folder with all that is under it, or a file.
    pub path: String,
    /// Where `path` lands in the destinations' trees; what is under it lands under that.
    pub place_at: String,
}

/// Where one copy goes: the first of the trees that has room takes a file.
#[derive(Clone)]
pub struct Destination {
    pub trees: Vec<Arc<dyn Tree>>,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub verify: Verify,
    /// A move. Always verified by reading back, whatever `verify` says.
    pub remove_source: bool,
    /// Replace what differs; false: such a path is skipped, a warning.
    pub overwrite: bool,
    /// Where `overwrite` is false: store it beside what differs, under a name with a number, rather than skip it.
    pub rename: bool,
    /// Bytes a second; none: unlimited.
    pub bandwidth: Option<u64>,
    pub storage_class: Option<String>,
    /// Idempotency key of the whole transfer: the job's id. The same after a restart.
    pub attempt: String,
}

/// Every bound of a transfer. What exceeds one waits; nothing is refused.
#[derive(Clone, Debug)]
pub struct Limits {
    /// A file up to this many bytes is held in memory whole.
    pub small_file: u64,
    /// Small files that are settled together.
    pub batch_files: usize,
    /// Bytes of small files that are settled together.
    pub batch_bytes: u64,
    /// Batches in flight.
    pub batches: usize,
    /// Large files in flight.
    pub large_files: usize,
    /// Tries of one file, the first one included.
    pub tries: u32,
    /// Blocks of 16 MiB read back together of one large file.
    pub verify_streams: usize,
    /// Bytes that a tape takes before it is synced; one file that is larger is a round of its own.
    pub round_bytes: u64,
    /// Files of such a round, at most.
    pub round_files: usize,
    /// Bytes of memory for what is read ahead of a tape, or from one.
    pub spool: u64,
    /// Lists of found items between the walk and the workers, each of up to 256 items.
    pub walk_queue: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            small_file: 1 << 20,
            batch_files: 2048,
            batch_bytes: 8 << 20,
            batches: 4,
            large_files: 3,
            tries: 5,
            verify_streams: 4,
            round_bytes: 64 << 30,
            round_files: 20_000,
            spool: 256 << 20,
            walk_queue: 16,
        }
    }
}

/// How many paths ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub done: u64,
    pub unchanged: u64,
    pub skipped: u64,
    pub failed: u64,
}

pub struct Transfer {
    pub sources: Vec<Source>,
    pub destinations: Vec<Destination>,
    pub ledger: Arc<dyn Ledger>,
    pub control: Control,
    pub counters: Arc<Counters>,
    pub options: Options,
    pub limits: Limits,
}

impl Transfer {
    /// Runs to the end. A path's failure is its outcome; an error here means that the transfer itself could not go on: stopped,
    /// no room, not let in, target gone, ledger broken. Can be run again with the same ledger.
    pub async fn run(self) -> Outcome<Summary> {
        let throttle = Arc::new(Throttle::new(self.options.bandwidth));
        plan::run(Arc::new(self), throttle).await
    }

    pub(crate) fn read_back(&self) -> bool {
        self.options.remove_source || self.options.verify == Verify::ReadBack
    }
}
