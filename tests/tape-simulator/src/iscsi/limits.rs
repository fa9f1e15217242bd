//! Bounds of the target.

use std::time::Duration;

/// Connections at a time, with those that are logging in.
pub(super) const MOST_CONNECTIONS: usize = 64;
/// Commands of a session that are queued or executed.
pub(super) const WINDOW: u32 = 32;
/// Commands of a session outside the window: those marked immediate.
pub(super) const MOST_IMMEDIATE: usize = 8;
/// Units of a session whose commands are executed side by side; a unit beyond shares a queue with another.
pub(super) const QUEUES: usize = 64;
/// Answers on their way to the writer.
pub(super) const ANSWERS: usize = 64;
/// Bytes of data-out of one command.
pub const MOST_TRANSFER: u32 = 16 << 20;

/// MaxRecvDataSegmentLength of this side.
pub(super) const SEGMENT: u32 = 1 << 20;
/// What holds until it is declared (section 13.12).
pub(super) const SEGMENT_BY_DEFAULT: u32 = 8192;
/// MaxBurstLength and FirstBurstLength; the smaller of both sides' is taken.
pub(super) const BURST: u32 = 1 << 20;

/// From connecting to full feature phase.
pub(super) const LOGIN_PATIENCE: Duration = Duration::from_secs(30);
/// For the last answer of a session to leave.
pub(super) const LAST_ANSWER: Duration = Duration::from_secs(5);
/// Requests of one login.
pub(super) const LOGIN_REQUESTS: usize = 32;
/// Bytes of the text of one negotiation, over all its PDUs.
pub(super) const TEXT: usize = 64 << 10;
/// Keys in it.
pub(super) const KEYS: usize = 128;
