//! Every bound there is. What a server sends beyond one ends the connection; what a caller asks beyond one is refused.

/// Bytes of an export's name ("Terminology": strings have up to 4096).
pub const NAME_BYTES: usize = 4096;
/// Bytes of the reply to an option: a name, and what stands before it.
pub const OPTION_BYTES: usize = NAME_BYTES + 64;
/// Replies to one option. A server tells at most a handful of things about an export.
pub const OPTION_REPLIES: usize = 64;
/// Bytes of one READ and of one WRITE at most, whatever the server takes ("Block size constraints": 32 MiB suits all).
pub const PAYLOAD_BYTES: u32 = 32 << 20;
/// Bytes of all READs under way: that much memory a client may need.
pub const READING_BYTES: u64 = 64 << 20;
/// Requests under way.
pub const REQUESTS: usize = 64;
/// Bytes of one chunk of block status: two words an extent.
pub const STATUS_BYTES: u32 = 2 << 20;
/// Bytes of the words with which a server explains an error; the document allows as many as of a string.
pub const WORDS_BYTES: u32 = NAME_BYTES as u32 + 16;
/// Pieces of one READ's answer that lie apart.
pub const DATA_CHUNKS: usize = 4096;
/// Errors of one answer: one a piece.
pub const ERROR_CHUNKS: u32 = 4096;
