//! The initiator's side of iSCSI (RFC 7143; where a target still follows RFC 3720, its sections 2 to 12 say the same) as bytes: what is
//! sent, what is received, what it means. No sockets, no clock, no threads, no secrets, no randomness: a guest brings the host's `tcp`,
//! a test brings a socket of its own.
//!
//! ```text
//!   bytes from the target ── Session::receive ──▶ ┌─────────┐ ── Session::event ──▶ answers, questions, what the target says
//!   commands ─────────────── Session::submit ───▶ │ Session │
//!   bytes to the target ◀── Session::transmit ─── └─────────┘
//! ```
//!
//! A [`Session`] carries any command of SCSI, whatever the device is: a CDB with data in, data out or none goes in; status, sense, the
//! data and residuals come out. It outlives its connection. When the caller says that one is [`lost`](Session::lost), commands that
//! had not left, and those that may be done twice ([`Repeat`]), are sent again over the next; of the others the caller is told that
//! nobody knows whether they were done.
//!
//! | What | Where in RFC 7143 |
//! |---|---|
//! | one session of one connection, error recovery level 0 | 7.1.5, 13.20 |
//! | login, the negotiation of text keys, declared values | 6.1 to 6.3, 13 |
//! | CHAP one way and both ways, with MD5, SHA-1, SHA-256, SHA3-256 | 12.1.3 |
//! | discovery: SendTargets | 4.3, appendix C |
//! | digests of headers and data | 13.1 |
//! | immediate, unsolicited and solicited data | 4.2.5.2, 11.7, 11.8 |
//! | command window and status numbers | 4.2.2 |
//! | task management, logout, asynchronous messages, rejects | 11.5, 11.9, 11.14, 11.17 |
//! | a session that takes the place of its forerunner | 6.3.5 |
//!
//! Not here: several connections in a session, recovery within one (SNACK, task reassignment), bidirectional commands, Kerberos, SRP.
//!
//! The crate never sees a secret of CHAP. It asks ([`ChapQuestion`]) and the caller, or the caller's host, computes.
//!
//! A target is not trusted. Whatever it sends is held against [`bounds`] before it is believed; what does not follow the protocol is an
//! [`Error`], after which the connection is of no more use.

pub mod bounds;
mod chap;
mod command;
mod digest;
mod discovery;
mod error;
mod event;
mod frames;
mod header;
mod keys;
mod login;
mod name;
mod parameters;
mod request;
mod response;
mod serial;
mod session;
mod settings;
mod text;

pub use chap::{Algorithm, ChapQuestion, OwnChallenge, Purpose};
pub use command::{Answered, Command, Data, Order, Outcome, Repeat, Residual, Tag};
pub use digest::{Crc, crc32c};
pub use discovery::{Portal, Target};
pub use error::{Error, LoginStatus, Refused};
pub use event::{Event, Function, FunctionResult};
pub use name::{PORT, is_name};
pub use parameters::Parameters;
pub use session::Session;
pub use settings::{Chap, DigestUse, Isid, Settings};
