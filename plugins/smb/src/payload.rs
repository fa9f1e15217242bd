//! The data of a large WRITE, read to where they are sent from. What stands in front of them (the framing, the header, the fixed part of
//! the request) is filled in later, so that a megabyte is not moved once more within the guest for each of these.

use smb2::client::REQUEST_ROOM;
use smb2::msg::read::SMB2_CHANNEL_NONE;
use smb2::pack::WriteCursor;
use smb2::types::FileId;

/// Of a request in front of its data (MS-SMB2 section 2.2.21).
const FIXED: usize = 48;
/// Counts a byte of the data.
const STRUCTURE_SIZE: u16 = 49;
/// Where the data begin, from the header on.
pub(crate) const DATA_OFFSET: u16 = 64 + 48;
const ROOM: usize = REQUEST_ROOM + FIXED;

/// Bytes with room in front for the rest of their request.
pub(crate) struct Payload(Vec<u8>);

impl Payload {
    /// Nothing yet, and room for so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        let mut buffer = Vec::with_capacity(ROOM + bytes);
        buffer.resize(ROOM, 0);
        Self(buffer)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len().saturating_sub(ROOM)
    }

    /// What a stream fills behind what is there; it comes back by `from`.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn from(buffer: Vec<u8>) -> Self {
        Self(buffer)
    }

    /// The whole request, but for its header.
    pub(crate) fn into_request(mut self, file: FileId, offset: u64) -> Vec<u8> {
        let mut fixed = WriteCursor::with_capacity(FIXED);
        fixed.write_u16_le(STRUCTURE_SIZE);
        fixed.write_u16_le(DATA_OFFSET);
        fixed.write_u32_le(u32::try_from(self.len()).unwrap_or(u32::MAX));
        fixed.write_u64_le(offset);
        fixed.write_u64_le(file.persistent);
        fixed.write_u64_le(file.volatile);
        fixed.write_u32_le(SMB2_CHANNEL_NONE);
        // Remaining bytes; offset and length of the channel's own; flags: none of these.
        fixed.write_u32_le(0);
        fixed.write_u32_le(0);
        fixed.write_u32_le(0);
        if let Some(place) = self.0.get_mut(REQUEST_ROOM..ROOM) {
            place.copy_from_slice(fixed.as_bytes());
        }
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};
    use std::thread::{self, Thread};
    use std::time::Duration;

    use smb2::client::Connection;
    use smb2::crypto::signing::SigningAlgorithm;
    use smb2::msg::header::Header;
    use smb2::msg::negotiate::NegotiateResponse;
    use smb2::msg::write::{WriteRequest, WriteResponse};
    use smb2::pack::{Guid, Pack, ReadCursor, Unpack};
    use smb2::runtime::{BoxFuture, Runtime};
    use smb2::transport::MockTransport;
    use smb2::types::flags::{Capabilities, SecurityMode};
    use smb2::types::{Command, Dialect, TreeId};

    use super::*;
    use crate::chain::{Chain, send_write};

    /// Wakes the thread that waits.
    struct Waiting(Thread);

    impl Wake for Waiting {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    fn wait_for<F: Future>(future: F) -> F::Output {
        let mut future = pin!(future);
        let waker = Waker::from(Arc::new(Waiting(thread::current())));
        loop {
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(output) => return output,
                Poll::Pending => thread::park(),
            }
        }
    }

    /// A thread for each task, and timers that never run out.
    struct Threads;

    impl Runtime for Threads {
        fn spawn(&self, future: BoxFuture) {
            thread::spawn(move || wait_for(future));
        }

        fn sleep(&self, _duration: Duration) -> BoxFuture {
            Box::pin(std::future::pending())
        }
    }

    const FILE: FileId = FileId { persistent: 7, volatile: 9 };

    fn filled(data: &[u8]) -> Payload {
        let mut buffer = Payload::with_capacity(data.len()).into_buffer();
        let room = buffer.capacity();
        buffer.extend_from_slice(data);
        assert_eq!(buffer.capacity(), room, "it was moved");
        Payload::from(buffer)
    }

    fn answer(command: Command, body: &dyn Pack) -> Vec<u8> {
        let mut header = Header::new_request(command);
        header.flags.set_response();
        header.credits = 32;
        let mut answer = WriteCursor::new();
        header.pack(&mut answer);
        body.pack(&mut answer);
        answer.as_bytes().to_vec()
    }

    /// What a connection that signs sends.
    fn sent(send: impl AsyncFnOnce(&Connection)) -> Vec<u8> {
        smb2::runtime::install(Threads);
        let wire = Arc::new(MockTransport::new());
        wire.enable_auto_rewrite_msg_id();
        let agreed = NegotiateResponse {
            security_mode: SecurityMode::new(SecurityMode::SIGNING_ENABLED),
            dialect_revision: Dialect::Smb2_1,
            server_guid: Guid::ZERO,
            capabilities: Capabilities::default(),
            max_transact_size: 65536,
            max_read_size: 65536,
            max_write_size: 65536,
            system_time: 0,
            server_start_time: 0,
            security_buffer: Vec::new(),
            negotiate_contexts: Vec::new(),
        };
        let nothing = WriteResponse { count: 0, remaining: 0, write_channel_info_offset: 0, write_channel_info_length: 0 };
        wire.queue_responses(vec![answer(Command::Negotiate, &agreed), answer(Command::Write, &nothing)]);
        let mut connection = Connection::from_transport(Box::new(Arc::clone(&wire)), Box::new(Arc::clone(&wire)), "test");
        wait_for(connection.negotiate()).unwrap();
        connection.activate_signing(vec![3; 16], SigningAlgorithm::AesCmac);
        wait_for(send(&connection));
        wire.sent_message(1).unwrap()
    }

    #[test]
    fn a_request_around_its_data_is_the_one_that_is_packed() {
        let data: Vec<u8> = (0..=255).collect();
        let payload = filled(&data);
        assert_eq!(payload.len(), 256);
        let request = payload.into_request(FILE, 1 << 33);
        let body = &request[REQUEST_ROOM..];
        let there = WriteRequest::unpack(&mut ReadCursor::new(body)).unwrap();
        assert_eq!((there.file_id, there.offset, &there.data), (FILE, 1 << 33, &data));
        let mut packed = WriteCursor::new();
        there.pack(&mut packed);
        assert_eq!(packed.as_bytes(), body);
    }

    #[test]
    fn it_goes_out_signed_as_a_chain_of_one_does() {
        let (tree, data) = (TreeId(5), vec![0x5a; 1000]);
        // The answer carries no signature, so both fail; what they sent is the same.
        let in_place = sent(async |connection| {
            assert!(send_write(connection, tree, FILE, 4096, filled(&data)).await.is_err());
        });
        let packed = sent(async |connection| {
            assert!(Chain::on(FILE).write(4096, data.clone()).send(connection, tree).await.is_err());
        });
        assert_eq!(in_place.len(), 64 + 48 + 1000);
        assert_eq!(in_place, packed);
        assert!(in_place[48..64].iter().any(|byte| *byte != 0), "it is not signed");
    }
}
