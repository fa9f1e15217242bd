//! Every bound of an export, in one place: what it is, its unit, and whether what exceeds it waits or is refused.

use std::time::Duration;

/// Bytes of one read, write or cache request. Refused; a longer write ends the connection, since its bytes are on their way.
pub const REQUEST_BYTES: u32 = 32 << 20;
/// Bytes of an option of the negotiation. A longer one ends the connection.
pub(crate) const OPTION_BYTES: u32 = 64 << 10;
/// Options of a negotiation. One more ends the connection.
pub(crate) const OPTIONS: u32 = 64;
/// Bytes of a name in an option, as the protocol has it. Refused.
pub(crate) const NAME_BYTES: usize = 4096;
/// Contexts, or kinds of information, that one option asks for. Refused.
pub(crate) const QUERIES: u32 = 64;
/// From the first byte to the end of the negotiation, TLS included. The connection ends.
pub(crate) const NEGOTIATION: Duration = Duration::from_secs(30);
/// Connections of an export at once. One more is closed as soon as it comes.
pub(crate) const CONNECTIONS: usize = 32;
/// Requests of a connection that are worked on beside each other. What comes then waits in the socket.
pub(crate) const IN_FLIGHT: usize = 16;
/// Bytes of such requests. What comes then waits in the socket; a request alone is never too large.
pub(crate) const IN_FLIGHT_BYTES: usize = 64 << 20;
/// Threads beside its own that a connection to a file may have.
pub(crate) const THREADS: usize = 8;
/// Ranges in one answer to a question for the allocation; the client asks on from the end.
pub(crate) const EXTENTS: u32 = 4096;
/// To reach an export of another server and to agree with it. Refused.
pub(crate) const UPSTREAM: Duration = Duration::from_secs(15);
/// For what a peer still answers when its client is gone; then its connection is cut.
pub(crate) const PEER_END: Duration = Duration::from_secs(5);
/// How long a refusal waits for the end of an answer that a peer has sent in part. The connection ends.
pub(crate) const PLACE: Duration = Duration::from_secs(10);
/// Tries of a call of the facet that may be made again; then the request fails.
pub(crate) const TRIES: u32 = 5;
/// The longest wait between two of them.
pub(crate) const TRY_PAUSE: Duration = Duration::from_secs(2);
/// For what connections still do when an export ends; then they are left.
pub(crate) const END: Duration = Duration::from_secs(20);
