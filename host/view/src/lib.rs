//! A tree as a directory of the host: what lies in a target can be read with ordinary tools.
//!
//! A read asks the target and nothing else; if the target fails, the read fails with an error, and never gives bytes that the
//! target did not send. Where a tree can be changed, a file waits in the spool until it is closed or synced and is stored then,
//! whole: closing tells whether it was. Attributes are believed for [`FRESH`], so a change made elsewhere shows after that.
//! The view lives in the process that serves it: without that process every call fails.

mod attributes;
mod changes;
mod draft;
mod file;
mod folder;
mod inner;
mod names;
mod spool;
mod system;
mod table;
mod writes;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use capstan_domain::Outcome;
use capstan_mount::Place;
use capstan_mover::Tree;
use tokio::runtime::Handle;

pub use capstan_mount::{MountLine, Mounted, release_dead};
pub use spool::Spool;
pub use writes::Writes;

/// How long the kernel believes names and attributes.
pub const FRESH: Duration = Duration::from_secs(2);

/// A tree and the name it is shown under. A single one without a name is the view's root itself.
#[derive(Clone)]
pub struct Shown {
    pub name: String,
    pub tree: Arc<dyn Tree>,
    /// None: it can only be read.
    pub writes: Option<Arc<dyn Writes>>,
}

/// What is mounted where, and for whom.
pub struct View {
    /// Made if absent.
    pub directory: PathBuf,
    /// What the table of mounts shows.
    pub source: String,
    pub shown: Vec<Shown>,
    /// Needed where something can be written.
    pub spool: Option<Arc<Spool>>,
    /// For all users of the machine, as the modes of files allow; else for the user of this process alone.
    pub for_all: bool,
}

/// Blocking; the trees' calls run on `runtime`.
pub fn mount(view: View, runtime: Handle) -> Outcome<Mounted> {
    let View { directory, source, shown, spool, for_all } = view;
    let system = system::System::new(shown, spool, runtime);
    let writable = system.is_writable();
    let place = Place { directory, source, writable, executable: false, for_all, threads: 1 };
    capstan_mount::begin(system, place)?.serve()
}

#[cfg(test)]
mod tests;
