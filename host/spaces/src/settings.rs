//! Bounds of the work on spaces. What exceeds one waits, unless it says otherwise.

use std::path::PathBuf;
use std::time::Duration;

use capstan_domain::ids::Number;

/// How long copies of removed files stay, unless the settings say otherwise (D6).
pub const RECYCLE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[derive(Clone, Debug)]
pub struct Settings {
    /// Number of the site that this process works for.
    pub site: Number,
    /// How long the copies of a removed file stay in their buckets.
    pub recycle: Duration,
    pub limits: Limits,
    pub view: capstan_space_view::Settings,
    /// Views are for all users of the machine, as the modes of files allow; else for the user of this process alone.
    pub for_all: bool,
    /// Stands before the mountpoint of every view on this machine; none: they are where the spaces say.
    pub mounted_under: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        let (limits, view) = (Limits::default(), capstan_space_view::Settings::default());
        Self { site: Number::default(), recycle: RECYCLE, limits, view, for_all: false, mounted_under: None }
    }
}

#[derive(Clone, Debug)]
pub struct Limits {
    /// A file up to this many bytes is held in memory whole, and goes in batches.
    pub small_file: u64,
    /// Small files that are settled together; no more than `capstan_stub::MIGRATE_TOGETHER` share a sync.
    pub batch_files: usize,
    /// Bytes of small files that are settled together.
    pub batch_bytes: u64,
    /// Batches of one step in flight.
    pub batches: usize,
    /// Large files of one step in flight.
    pub large_files: usize,
    /// Tries of one file, the first one included.
    pub tries: u32,
    /// Blocks of 16 MiB of one large file that are read back at a time.
    pub verify_streams: usize,
    /// Pieces of 16 MiB of one file that are brought back at a time.
    pub pieces: usize,
    /// Recalls on access that one user has under way in a space.
    pub recalls_of_user: usize,
    /// Recalls on access that are under way in a space.
    pub recalls_of_space: usize,
    /// Recalls on access that wait for their turn in a space; one more is refused as busy.
    pub waiting_recalls: usize,
    /// Removed files of a space that one purge looks at; the rest goes with the next.
    pub purged_files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            small_file: 1 << 20,
            batch_files: capstan_stub::MIGRATE_TOGETHER,
            batch_bytes: 16 << 20,
            batches: 4,
            large_files: 3,
            tries: 5,
            verify_streams: 4,
            pieces: 3,
            recalls_of_user: 16,
            recalls_of_space: 32,
            waiting_recalls: 4096,
            purged_files: 50_000,
        }
    }
}
