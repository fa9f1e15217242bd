//! Every bound there is. What a target sends beyond one ends the connection; what a caller asks beyond one is refused.

/// Bytes of a data segment while a login is under way, either way (RFC 7143, section 13.12: the default).
pub const LOGIN_SEGMENT: usize = 8192;
/// The least and the most that a length key may say (sections 13.12 to 13.14).
pub const SEGMENT: std::ops::RangeInclusive<u32> = 512..=(1 << 24) - 1;
/// Bytes of one data segment that is sent, however many the target would take.
pub const SEND_SEGMENT: u32 = 256 << 10;
/// Bytes of all text of one answer that comes in several pieces.
pub const TEXT_BYTES: usize = 1 << 20;
/// The same while a login is under way.
pub const LOGIN_TEXT_BYTES: usize = 64 << 10;
/// Requests of one login, and of one exchange of text.
pub const LOGIN_ROUNDS: u32 = 32;
pub const TEXT_ROUNDS: u32 = 1024;
/// Keys in one text.
pub const KEYS: usize = 16 << 10;
/// Bytes of a key and of a value (section 6.1); what a long binary value has at most once it is decoded.
pub const KEY_BYTES: usize = 63;
pub const VALUE_BYTES: usize = 4096;
pub const BINARY_BYTES: usize = 1024;
/// Bytes of an iSCSI name (section 4.2.7.1).
pub const NAME_BYTES: usize = 223;
/// Bytes of a challenge of our own: no fewer than the shortest digest has.
pub const CHALLENGE: std::ops::RangeInclusive<usize> = 16..=BINARY_BYTES;
/// Targets, and addresses of all of them, that a discovery may find.
pub const TARGETS: usize = 4096;
pub const PORTALS: usize = 16 << 10;
/// Commands that wait or are under way.
pub const COMMANDS: usize = 1024;
/// Commands that are under way at once.
pub const IN_FLIGHT: usize = 256;
/// Bytes that one command moves.
pub const TRANSFER: u32 = 64 << 20;
/// Bytes of a CDB (what an additional header segment has room for, section 11.2.2.3).
pub const CDB_BYTES: usize = 260;
/// How often a command that may be done twice is sent in all.
pub const SENDINGS: u8 = 4;
/// Requests beside commands that wait to be sent, or for their answer.
pub const REQUESTS: usize = 64;
/// Events that nobody took yet.
pub const EVENTS: usize = 4096;
/// Ended tasks, of which the target may still say a word.
pub const FORGOTTEN: usize = 256;
/// Requests to send data that a task may have open, however many the target would keep.
pub const OUTSTANDING_R2T: u16 = 16;
