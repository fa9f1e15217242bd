//! The index as a document (section 9): read from the blocks of a tape as they come, written as blocks. Neither holds the document.

mod builder;
mod frame;
mod reader;
mod writer;

pub use reader::{IndexReader, Keep};
pub use writer::{IndexWriter, Pointers};
