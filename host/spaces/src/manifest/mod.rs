//! The manifest beside the data: what a bucket holds of a space, so that the catalogue and the tree can be made anew from it (D9).
//!
//! Below a folder of its own in the bucket stand batches, each one small object that is written once: lines of files, with everything
//! that a stub and its row need, and lines of paths that are no longer there. The names of the batches give their order, and of a path the
//! newest line counts. A batch ends with the hash of all that it says; one that does not match is told and left out.
//!
//! A line follows the catalogue: it is written after the row, and before the content leaves the disk. So a stub stands in a manifest
//! whenever its host dies, and what was written before an export read the catalogue is in what the export wrote. What becomes of files
//! later, new attributes, names and removals, is written in the background, since nobody waits for a bucket to rename a file: a host that
//! dies first leaves it to the next export.
//!
//! An export writes the whole anew from the catalogue and the tree. Its last batch says what it replaces, by writer and number, and only
//! then is that removed: where it broke off there is more than is needed, never less. A space that was rebuilt has another id and a
//! manifest of its own, which says which one it goes on from.
//!
//! The folder's name is one that a raw tree keeps for the host (`capstan_stub::OWN_PREFIX`), so no file of a space can ever have its copy
//! there. Two hosts that write at the same time are in the order of their clocks.

mod attributes;
mod batch;
mod export;
mod hex_bytes;
mod journal;
mod line;
mod rebuild;
mod shelf;
mod tell;

pub use export::Exported;
pub use rebuild::{Left, Rebuilt};

pub(crate) use export::export;
pub(crate) use journal::Manifests;
pub(crate) use rebuild::rebuild;
pub(crate) use tell::{Told, note, stored};

/// In the root of a bucket's folder.
const FOLDER: &str = ".capstan-spaces";

/// Whether a path of a bucket is that of a manifest, which is no file of anybody.
pub fn is_manifest(path: &str) -> bool {
    path.split('/').next() == Some(FOLDER)
}
