//! Frames over the host's connection: a zero byte and the length in three (MS-SMB2 section 2.1), then the message.

use std::sync::Mutex;
use std::sync::PoisonError;

use async_trait::async_trait;
use capstan_sdk::Failure;
use capstan_sdk::tcp::Connection;
use send_wrapper::SendWrapper;
use smb2::transport::{FRAME_ROOM, TransportReceive, TransportSend};
use smb2::{Error, Result};

/// Bytes of a frame; the largest negotiated read or write is 8 MiB, and what goes around it is small.
const MAX_FRAME: usize = 16 << 20;
/// Asked of the host at once where the length of the next frame is not known yet.
const READ_AHEAD: u32 = 64 << 10;
const PREFIX: usize = FRAME_ROOM;

/// One connection of the host, sent and received through by different tasks.
pub(crate) struct Wire {
    connection: Connection,
    /// Came with a frame, but belongs to the next one.
    left: Mutex<Vec<u8>>,
}

impl Wire {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection, left: Mutex::default() }
    }

    async fn next_frame(&self) -> Result<Vec<u8>> {
        let mut begun = std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner));
        let (length, mut frame) = loop {
            if let Some((prefix, rest)) = begun.split_first_chunk::<PREFIX>() {
                let length = length(*prefix)?;
                // Whole at once, so that a large frame is not moved while it grows.
                let mut frame = Vec::with_capacity(length);
                let (mine, next) = rest.split_at(rest.len().min(length));
                frame.extend_from_slice(mine);
                *self.left.lock().unwrap_or_else(PoisonError::into_inner) = next.to_vec();
                break (length, frame);
            }
            let chunk = self.read(READ_AHEAD).await?;
            begun.extend_from_slice(&chunk);
        };
        while frame.len() < length {
            let missing = u32::try_from(length - frame.len()).unwrap_or(u32::MAX);
            let chunk = self.read(missing).await?;
            frame.extend_from_slice(&chunk);
        }
        Ok(frame)
    }

    async fn read(&self, limit: u32) -> Result<Vec<u8>> {
        let chunk = self.connection.read(limit).await.map_err(|failure| lost(&failure))?;
        if chunk.is_empty() { Err(Error::Disconnected) } else { Ok(chunk) }
    }
}

fn length(prefix: [u8; PREFIX]) -> Result<usize> {
    let [kind, high, middle, low] = prefix;
    let length = u32::from_be_bytes([0, high, middle, low]) as usize;
    match kind {
        0 if length > 0 && length <= MAX_FRAME => Ok(length),
        _ => Err(Error::invalid_data("what answers there does not speak SMB over TCP")),
    }
}

/// The frame around the message that stands behind room for its prefix.
fn framed(mut buffer: Vec<u8>) -> Result<Vec<u8>> {
    let Some((prefix, message)) = buffer.split_first_chunk_mut::<PREFIX>() else {
        return Err(Error::invalid_data("a message has no room for its frame"));
    };
    let length = u32::try_from(message.len()).ok().filter(|length| *length as usize <= MAX_FRAME);
    let Some(length) = length else { return Err(Error::invalid_data("a message is too long for a frame")) };
    *prefix = length.to_be_bytes();
    Ok(buffer)
}

fn lost(failure: &Failure) -> Error {
    Error::Io(std::io::Error::other(failure.fault().message.clone()))
}

// The component has one thread: what the crate wants to be sendable never leaves it.
#[async_trait]
impl TransportSend for Wire {
    async fn send(&self, data: &[u8]) -> Result<()> {
        let mut buffer = Vec::with_capacity(PREFIX + data.len());
        buffer.extend_from_slice(&[0; PREFIX]);
        buffer.extend_from_slice(data);
        self.send_owned(buffer).await
    }

    async fn send_owned(&self, buffer: Vec<u8>) -> Result<()> {
        let frame = framed(buffer)?;
        SendWrapper::new(self.connection.write(frame)).await.map_err(|failure| lost(&failure))
    }
}

#[async_trait]
impl TransportReceive for Wire {
    async fn receive(&self) -> Result<Vec<u8>> {
        SendWrapper::new(self.next_frame()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_its_length_and_nothing_else_is_taken_for_one() {
        assert_eq!(framed(b"....abc".to_vec()).unwrap(), b"\0\0\0\x03abc");
        assert_eq!(length([0, 1, 0, 2]).unwrap(), 0x1_0002);
        for wrong in [*b"HTTP", [0, 0, 0, 0], [0x82, 0, 0, 4]] {
            assert!(length(wrong).is_err(), "{wrong:?}");
        }
        assert!(framed(vec![0; PREFIX + MAX_FRAME + 1]).is_err());
        assert!(framed(vec![0; PREFIX - 1]).is_err());
    }
}
