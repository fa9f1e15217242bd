//! NFS version 3 (RFC 1813) as bytes: what a client sends, what it gets, no sockets and no clock.
//!
//! Written here rather than taken from a crate, for three things that a storage plugin needs and none offers: an answer's lengths are
//! held against the bytes that are there before anything is allocated (a server must not be able to end the plugin), the payload of a
//! READ stays where it was received, and the payload of a WRITE is not in the message at all, so that the host can send it natively.
//!
//! NFS 4.1 (RFC 8881) is not here. No maintained, permissively licensed crate speaks it without an operating system below: the one
//! complete client is built on tokio's sockets and threads, the others ended years ago. Sessions, leases, delegations and recovery
//! after a restart would be a protocol of their own; every server that matters still serves version 3.

pub mod attributes;
pub mod mount;
pub mod portmap;
pub mod procedures;
pub mod rpc;
mod status;
pub mod xdr;

pub use attributes::{Attributes, FileKind, SetAttributes};
pub use procedures::Handle;
pub use rpc::{Procedure, Records};
pub use status::Status;
pub use xdr::Malformed;
