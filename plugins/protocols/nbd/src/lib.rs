//! The client's side of NBD, the network block device protocol, as bytes: what is sent, what is received, what it means. No
//! sockets, no clock, no threads: a guest brings the host's `tcp`, a test brings a socket of its own.
//!
//! ```text
//!   bytes from the server ── Client::receive ──▶ ┌────────┐ ── Client::event ──▶ export, answers
//!   requests ─────────────── Client::submit ───▶ │ Client │
//!   bytes to the server ◀─── Client::transmit ── └────────┘
//! ```
//!
//! The source is the protocol's own document (`doc/proto.md` of the NetworkBlockDevice project).
//!
//! | What | Section of the document |
//! |---|---|
//! | fixed newstyle negotiation | "Newstyle negotiation", "Fixed newstyle negotiation" |
//! | the export's size, flags and block sizes by `NBD_OPT_GO` | "Option types", "Block size constraints" |
//! | `base:allocation` by `NBD_OPT_SET_META_CONTEXT` | "Metadata querying" |
//! | requests by cookie, many at once | "Transmission phase", "Ordering of messages and writes" |
//! | simple and structured replies | "Simple reply message", "Structured reply chunk message" |
//! | READ, WRITE, FLUSH, TRIM, WRITE_ZEROES, BLOCK_STATUS, DISC | "Request types" |
//!
//! Not here: the oldstyle negotiation, TLS, extended headers (64-bit lengths), resizing, caching.
//!
//! The payload of a WRITE is not among the bytes that the client transmits: the caller sends it right behind the request, so that a
//! host can move it natively. A server is not trusted: whatever it sends is held against [`bounds`] and against what was asked
//! before it is believed. What does not follow the protocol is an [`Error`], after which the connection is of no more use.

pub mod bounds;
mod client;
mod error;
mod export;
mod handshake;
mod receive;
mod request;
mod wire;

#[cfg(test)]
mod peer;
#[cfg(test)]
mod tests;

pub use client::{Client, Event};
pub use error::{Denial, Errno, Error, Refused};
pub use export::Export;
pub use request::{Answer, Cookie, Extent, Request};
