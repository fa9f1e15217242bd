//! The host killed (SIGKILL) while it migrates, recalls and deletes the files of a space, under load. Whatever the moment:
//!
//! - every byte that somebody was told to be written can be read, and nothing else in its place, by whoever reads at any time;
//! - the job that was under way goes on and comes to its end;
//! - a file that is deleted is whole or gone;
//! - nothing is left half way, neither a file nor what the host makes for itself.
//!
//! Load is readers that hold everything they read against what it must be, and a writer that makes, changes, renames and removes files
//! of its own, on which the jobs work, too.

mod check;
mod content;
mod deaths;
mod figures;
mod known;
mod load;
mod pulse;
mod random;
mod reading;
mod work;
mod writer;

pub use deaths::{Deaths, Sizes};
pub use figures::Figures;
pub use work::Work;
