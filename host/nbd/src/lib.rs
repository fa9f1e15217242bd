//! Drives exported over the NBD protocol: the server's side of it, over a file, over another NBD server, or over calls of a target.
//!
//! Looked at and not taken: `nbd` 0.3 (simple replies of one connection at a time, no TLS, no block status), `nbd-async` 0.6 (the
//! kernel's side), `tokio-nbd` 0.3 (GPL; no structured replies). `nbdserve` is a program; `netget` only reads.
//!
//! One listener an export. A negotiation runs on the async runtime, with bounds on all it takes. What follows depends on where the
//! bytes are: a file is read and written by threads of the connection (`file`), another server gets the bytes as they come
//! (`peer`), a target is called (`calls`). No guest is called for a block of the first two.

mod address;
mod calls;
mod export;
mod file;
mod limits;
mod listener;
mod negotiation;
mod peer;
mod server;
mod socket;
mod tls;
mod transmission;
mod wire;

pub use address::Address;
pub use calls::CalledDrive;
pub use export::{Backend, Export};
pub use file::FileDrive;
pub use limits::REQUEST_BYTES;
pub use peer::PeerDrive;
pub use server::{Bound, Server};
pub use tls::Tls;
