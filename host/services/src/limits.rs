//! Every bound of the services, in one place: name, unit, default, and whether it waits or refuses.
//!
//! What an administrator may want to move is a field of `Limits`; what protects the host by its nature is a constant.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// Bounds of one target's services. A target's stores share them.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// HTTP connections in use at once. Waits, up to `connection_wait`, then refuses as `busy`.
    #[serde(deserialize_with = "at_least_one")]
    pub connections: usize,
    /// Plain connections (`capstan:host/tcp`) open at once. Waits, up to `connection_wait`, then refuses as `busy`.
    #[serde(deserialize_with = "at_least_one")]
    pub tcp_connections: usize,
    /// Calls that may wait for a connection, of either sort. Refuses as `busy`.
    pub connection_waiters: usize,
    /// How long a call waits for a connection of its target.
    #[serde(rename = "connection-wait-ms", deserialize_with = "milliseconds")]
    pub connection_wait: Duration,
    /// Name resolution, TCP, proxy and TLS together. Refuses as `timed-out`.
    #[serde(rename = "connect-ms", deserialize_with = "milliseconds")]
    pub connect: Duration,
    /// Silence of the server before it answers, measured from the last byte that moved; "timeout-ms" of a request overrides it.
    /// Refuses as `timed-out`.
    #[serde(rename = "first-byte-ms", deserialize_with = "milliseconds")]
    pub first_byte: Duration,
    /// Silence of the server in the middle of an answer. Refuses as `timed-out`.
    #[serde(rename = "idle-body-ms", deserialize_with = "milliseconds")]
    pub idle_body: Duration,
    /// How long a peer may take nothing of what a plugin writes to a plain connection. Refuses as `timed-out`.
    #[serde(rename = "idle-write-ms", deserialize_with = "milliseconds")]
    pub idle_write: Duration,
    /// How long an unused connection is kept. Closed after that.
    #[serde(rename = "keep-alive-ms", deserialize_with = "milliseconds")]
    pub keep_alive: Duration,
    /// Calls of the file service that occupy a thread at once. Waits.
    #[serde(deserialize_with = "at_least_one")]
    pub file_operations: usize,
    /// SCSI devices open at once. Refuses as `busy`.
    #[serde(deserialize_with = "at_least_one")]
    pub scsi_devices: usize,
    /// Bytes that one SCSI command moves. Refuses as `invalid`.
    pub scsi_transfer_bytes: u32,
    /// How long a SCSI command waits for those given to its device before it. Refuses as `busy`.
    #[serde(rename = "scsi-wait-ms", deserialize_with = "milliseconds")]
    pub scsi_wait: Duration,
    /// Log lines a second. Refuses: lines beyond are dropped and counted.
    pub log_lines_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            tcp_connections: 64,
            connection_waiters: 1024,
            connection_wait: Duration::from_secs(30),
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(60),
            idle_body: Duration::from_secs(30),
            idle_write: Duration::from_secs(30),
            keep_alive: Duration::from_secs(30),
            file_operations: 32,
            scsi_devices: 64,
            scsi_transfer_bytes: 8 << 20,
            scsi_wait: Duration::from_secs(30),
            log_lines_per_second: 200,
        }
    }
}

/// Durations are written as whole milliseconds, and their names end so.
fn milliseconds<'de, D: Deserializer<'de>>(given: D) -> Result<Duration, D::Error> {
    u64::deserialize(given).map(Duration::from_millis)
}

/// Of none at all there would be nothing to wait for.
fn at_least_one<'de, D: Deserializer<'de>>(given: D) -> Result<usize, D::Error> {
    usize::deserialize(given).map(|given| given.max(1))
}

/// Bytes of a URL. Refuses as `invalid`.
pub const URL_BYTES: usize = 16 << 10;
/// Headers of a request, and bytes of all of them together. Refuses as `invalid`.
pub const REQUEST_HEADERS: usize = 128;
pub const REQUEST_HEADER_BYTES: usize = 64 << 10;
/// Headers of an answer, and bytes of its head. Refuses as `unavailable`: the server is at fault.
pub const ANSWER_HEADERS: usize = 128;
pub const ANSWER_HEAD_BYTES: usize = 64 << 10;
/// Most that `exchange` collects whatever the plugin asks for, bytes. Refuses as `invalid`.
pub const COLLECTED_BYTES: u32 = 64 << 20;
/// Most that is read from or written to a socket in one piece, bytes. Bounds the memory of a connection.
pub const SOCKET_BUFFER_BYTES: usize = 512 << 10;
/// Bytes that one `read` of a plain connection answers at most. More count as this.
pub const TCP_READ_BYTES: u32 = 1 << 20;
/// Bytes of one `write` to a plain connection; `send` has no such bound. Refuses as `invalid`.
pub const TCP_WRITE_BYTES: usize = 16 << 20;
/// Bytes of a proxy's answer to CONNECT. Refuses as `unavailable`.
pub const PROXY_ANSWER_BYTES: usize = 8 << 10;
/// TLS configurations (custom authorities) a target keeps ready. The oldest is forgotten.
pub const TLS_CONFIGURATIONS: usize = 8;
/// Longest "timeout-ms" a plugin may ask for. Longer ones count as this.
pub const LONGEST_TIMEOUT: Duration = Duration::from_secs(3600);

/// Bytes copied out of guest memory at a time when a stream must be piped. Larger ones cost more than they save.
pub const PIPED_CHUNK_BYTES: usize = 128 << 10;
/// Chunks that wait between a piped stream and its reader. Waits.
pub const PIPED_CHUNKS: usize = 4;

/// Bytes of one read from a granted file.
pub const FILE_CHUNK_BYTES: usize = 512 << 10;
/// Chunks read ahead of the consumer of a file. Waits.
pub const FILE_READ_AHEAD: usize = 2;
/// Bytes gathered before a write to a granted file.
pub const FILE_WRITE_BYTES: usize = 1 << 20;
/// Bytes before the secret of a challenge's digest. Refuses.
pub const CHALLENGE_BEFORE_BYTES: usize = 1;
/// Bytes of a challenge, behind the secret. Refuses.
pub const CHALLENGE_BYTES: std::ops::RangeInclusive<usize> = 16..=1024;
/// Pieces of a file told in one answer. More count as this.
pub const FILE_EXTENTS: u32 = 10_000;
/// Names in one page of a directory. More count as this.
pub const DIRECTORY_PAGE: u32 = 10_000;
/// Names of a directory that are sorted in memory to page it. Refuses as `unsupported`.
pub const DIRECTORY_NAMES: usize = 4_000_000;
/// Bytes of an extended attribute's value, and of all names of a file. Refuses as `invalid`.
pub const XATTR_BYTES: usize = 64 << 10;
/// Bytes of a path. Refuses as `invalid`.
pub const PATH_BYTES: usize = 4096;

/// Bytes of a SCSI command's CDB, as Linux takes them. Refuses as `invalid`.
pub const SCSI_CDB_BYTES: std::ops::RangeInclusive<usize> = 1..=32;
/// Bytes of sense that are kept (SPC-4, section 4.5: all that there can be). Cut.
pub const SCSI_SENSE_BYTES: u8 = 252;
/// Memory that the kernel sets aside for the transfers of an open device, bytes. Larger transfers get theirs each time.
pub const SCSI_RESERVED_BYTES: u32 = 1 << 20;
/// How long the kernel may take to give up a SCSI command whose time is over: it resets the device, its bus, its adapter. Refuses as `timed-out`.
pub const SCSI_GIVING_UP: Duration = Duration::from_secs(120);

/// State of a target: bytes of a key, bytes of a value, keys. Refuses as `no-space`.
pub const STATE_KEY_BYTES: usize = 512;
pub const STATE_VALUE_BYTES: usize = 64 << 10;
pub const STATE_KEYS: u64 = 10_000;
/// Keys in one answer. More count as this.
pub const STATE_PAGE: u32 = 1000;

/// Bytes hashed for a guest in one call, or messages of an HMAC chain. Refuses as `invalid`.
pub const DIGEST_BYTES: usize = 16 << 20;
pub const HMAC_MESSAGES: usize = 16;
/// Bytes signed for a guest in one call. Refuses as `invalid`.
pub const SIGNED_BYTES: usize = 64 << 10;
/// Bytes sealed, opened or authenticated for a guest in one call, associated data included. Refuses as `invalid`.
pub const SEALED_BYTES: usize = 16 << 20;

/// Bytes of a log line and of a field; fields of a line. Cut.
pub const LOG_MESSAGE_BYTES: usize = 4096;
pub const LOG_FIELD_BYTES: usize = 512;
pub const LOG_FIELDS: usize = 16;

/// Longest `clock.wait`. Longer ones count as this.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Bytes of the note of a job's progress. Cut.
pub const NOTE_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_a_setting_and_what_is_left_out_has_its_default() {
        let limits: Limits =
            serde_json::from_value(serde_json::json!({ "connections": 3, "idle-body-ms": 40, "file-operations": 0 })).unwrap();
        assert_eq!((limits.connections, limits.idle_body, limits.file_operations), (3, Duration::from_millis(40), 1));
        assert_eq!(limits.keep_alive, Limits::default().keep_alive);
        assert!(serde_json::from_value::<Limits>(serde_json::json!({ "conections": 3 })).is_err());
    }
}
