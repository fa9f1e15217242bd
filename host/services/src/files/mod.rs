//! `capstan:host/files`: directories of the host that a target was granted.

mod attributes;
mod copy;
mod directory;
mod errors;
mod import;
mod lend;
mod path;
mod read;
mod sparse;
mod status;
mod tree;
mod write;

pub use attributes::Changes;
pub use directory::Directory;
pub use path::RelativePath;
pub use sparse::Extent;
pub use status::{FileKind, Page, Status};
pub use write::Creation;
