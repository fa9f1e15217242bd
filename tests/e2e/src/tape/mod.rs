//! Tapes from end to end: a host, a library, a Nodeum client, and what goes wrong with any of them. Whatever does, two rules hold once all work
//! has come to rest:
//!
//! - what the host says to lie on a tape can be read from that tape, with the hash of what was given to it;
//! - what did not come there is told by its task, with the names of the library, the drive and the cartridge, and with what to do.
//!
//! Libraries are tgt's, whose drives know neither LOCATE nor partitions, and the project's simulator, which is LTO-9 and can be told to fail.

mod deaths;
mod known;
mod library;
mod rig;
mod story;
mod told;

pub use deaths::{Deaths, Moment};
pub use known::{KnownFile, agree, known};
pub use library::{Library, plan};
pub use rig::{LIBRARY, PATIENCE, POOL, TapeRig};
pub use story::tell;
pub use told::Told;
