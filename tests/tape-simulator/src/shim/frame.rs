//! Frames between `shim/sg_io.c` and a unit's socket. Numbers are little-endian; both sides run on one machine.
//!
//! From the program, 16 bytes, then `cdb length` bytes of CDB, then the data where it goes out:
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 4 | length of what follows this number |
//! | 4 | 4 | tag, larger than that of every earlier command of the connection |
//! | 8 | 1 | kind: 1 a command, 2 the command of this tag is given up |
//! | 9 | 1 | CDB length |
//! | 10 | 1 | direction: 0 no data, 1 out, 2 in |
//! | 11 | 1 | zero |
//! | 12 | 4 | bytes of data that go out, or that may come in |
//!
//! To the program, 16 bytes, then sense, then data. A command that was given up is not answered, or its answer is passed over:
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 4 | length of what follows this number |
//! | 4 | 4 | tag |
//! | 8 | 1 | status |
//! | 9 | 1 | sense length |
//! | 10 | 2 | zero |
//! | 12 | 4 | bytes of data |

use std::io::{self, IoSlice};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::devices::Answer;
use crate::iscsi::MOST_TRANSFER;

const HEADER: usize = 16;
const COMMAND: u8 = 1;
const ABANDON: u8 = 2;
const OUT: u8 = 1;
const IN: u8 = 2;

pub(super) enum Frame {
    Command(Command),
    /// Given up.
    Abandon(u32),
}

pub(super) struct Command {
    pub(super) tag: u32,
    pub(super) cdb: Vec<u8>,
    pub(super) out: Vec<u8>,
    /// Bytes that may come in.
    pub(super) expected: usize,
}

/// None: the program has closed its descriptor. `out`: memory for data.
///
/// # Errors
/// The connection's own, and a frame that is none.
pub(super) async fn read<R: AsyncRead + Unpin>(source: &mut R, mut out: Vec<u8>) -> io::Result<Option<Frame>> {
    let mut header = [0; HEADER];
    if let Err(failure) = source.read_exact(&mut header).await {
        return if failure.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(failure) };
    }
    let [a, b, c, d, e, f, g, h, kind, cdb_length, direction, _, data @ ..] = header;
    let (length, tag, data) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]), u32::from_le_bytes(data));
    let outgoing = if direction == OUT { data } else { 0 };
    let whole =
        u32::try_from(HEADER - 4).unwrap_or(0).checked_add(u32::from(cdb_length)).and_then(|sum| sum.checked_add(outgoing));
    if whole != Some(length) || data > MOST_TRANSFER {
        return Err(io::ErrorKind::InvalidData.into());
    }
    if kind == ABANDON {
        return Ok(Some(Frame::Abandon(tag)));
    }
    if kind != COMMAND {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut cdb = vec![0; usize::from(cdb_length)];
    source.read_exact(&mut cdb).await?;
    let size = |length: u32| usize::try_from(length).unwrap_or(usize::MAX);
    out.clear();
    out.reserve(size(outgoing));
    while out.len() < size(outgoing) {
        let left = u64::from(outgoing).saturating_sub(u64::try_from(out.len()).unwrap_or(u64::MAX));
        if source.take(left).read_buf(&mut out).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let expected = if direction == IN { size(data) } else { 0 };
    Ok(Some(Frame::Command(Command { tag, cdb, out, expected })))
}

/// Data beyond `expected` stays behind, as in a host adapter.
pub(super) async fn write<W: AsyncWrite + Unpin>(sink: &mut W, tag: u32, expected: usize, answer: &Answer) -> io::Result<()> {
    let data = answer.data.get(..expected.min(answer.data.len())).unwrap_or_default();
    let sense = answer.sense.get(..answer.sense.len().min(usize::from(u8::MAX))).unwrap_or_default();
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let head = [
        &number(HEADER - 4 + sense.len() + data.len())[..],
        &tag.to_le_bytes(),
        &[answer.status, u8::try_from(sense.len()).unwrap_or(u8::MAX), 0, 0],
        &number(data.len()),
        sense,
    ]
    .concat();
    let mut parts = [IoSlice::new(&head), IoSlice::new(data)];
    let mut left = &mut parts[..];
    while left.iter().any(|part| !part.is_empty()) {
        let sent = sink.write_vectored(left).await?;
        if sent == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut left, sent);
    }
    Ok(())
}
