//! What comes from the client, read in large pieces: several requests, and what they write, with one call of the kernel.

use std::io;
use std::os::fd::BorrowedFd;

use crate::socket::receive;

/// Bytes of the buffer. A write of half of it or more is read into memory of its own.
const BUFFER: usize = 512 << 10;

pub(crate) struct Input<'s> {
    socket: BorrowedFd<'s>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl<'s> Input<'s> {
    pub(crate) fn new(socket: BorrowedFd<'s>) -> Self {
        Self { socket, buffer: vec![0; BUFFER], start: 0, end: 0 }
    }

    /// Bytes that are here already.
    pub(crate) fn ready(&self) -> usize {
        self.end - self.start
    }

    pub(crate) fn fits(length: usize) -> bool {
        length <= BUFFER / 2
    }

    /// Waits until so many bytes are here. False: the client is gone, between two bytes of its choice.
    pub(crate) fn await_bytes(&mut self, count: usize) -> io::Result<bool> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.start + count > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        while self.ready() < count {
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            let received = receive(self.socket, room)?;
            if received == 0 {
                return Ok(false);
            }
            self.end += received;
        }
        Ok(true)
    }

    /// The next bytes, which are here.
    pub(crate) fn take(&mut self, count: usize) -> &[u8] {
        let from = self.start;
        self.start = self.end.min(from + count);
        self.buffer.get(from..self.start).unwrap_or_default()
    }

    /// Passes over so many bytes, however many. False: the client is gone.
    pub(crate) fn skip(&mut self, mut count: usize) -> io::Result<bool> {
        loop {
            count -= self.take(count).len();
            if count == 0 {
                return Ok(true);
            }
            if !self.await_bytes(1)? {
                return Ok(false);
            }
        }
    }

    /// Bytes that do not fit the buffer, or that outlive it. None: the client is gone.
    pub(crate) fn take_owned(&mut self, count: usize) -> io::Result<Option<Vec<u8>>> {
        let mut taken = Vec::with_capacity(count);
        let here = self.ready().min(count);
        taken.extend_from_slice(self.take(here));
        taken.resize(count, 0);
        let mut filled = here;
        while filled < count {
            let received = receive(self.socket, taken.get_mut(filled..).unwrap_or_default())?;
            if received == 0 {
                return Ok(None);
            }
            filled += received;
        }
        Ok(Some(taken))
    }
}
