//! What a session asks of whatever is around it.

use std::future::Future;

use capstan_sdk::tcp::Line;
use capstan_sdk::{NamedValue, Outcome};

/// Connections, time, chance and digests. In a plugin it is the host; native tests bring their own.
pub trait Outside: 'static {
    type Line: Line;

    /// `extras`: as of the contract's `tcp.connect`.
    fn connect(host: String, port: u16, extras: Vec<NamedValue>) -> impl Future<Output = Outcome<Self::Line>>;

    fn wait(milliseconds: u64) -> impl Future<Output = ()>;

    /// Whether nobody waits for the call any more.
    fn cancelled() -> bool;

    /// Bytes that nobody foresees, for names.
    fn random() -> [u8; 8];

    /// `md5`, `sha1`; `crc32c`: big-endian.
    fn digest(algorithm: &str, data: &[u8]) -> Outcome<Vec<u8>>;

    /// The digest over identifier, the configured secret of that name, and challenge (RFC 1994, section 4.1).
    fn challenged(secret: &str, algorithm: &str, identifier: u8, challenge: &[u8]) -> Outcome<Vec<u8>>;
}
