//! What goes to the client: whole answers, one after the other, whoever made them.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, PoisonError};

use crate::socket::send_all;
use crate::wire::Put;

/// Bytes of answers that are kept together before they are sent.
pub(super) const TOGETHER: usize = 256 << 10;

/// The sending half of a connection. Who sends has it alone until all is sent.
pub(super) struct Output<'s> {
    socket: BorrowedFd<'s>,
    turn: Mutex<()>,
}

impl<'s> Output<'s> {
    pub(super) fn new(socket: BorrowedFd<'s>) -> Self {
        Self { socket, turn: Mutex::new(()) }
    }

    /// Sends what was put together, and empties it.
    pub(super) fn send(&self, answers: &mut Answers) -> io::Result<()> {
        let bytes = answers.bytes.get(..answers.used).unwrap_or_default();
        if !bytes.is_empty() {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            send_all(self.socket, bytes)?;
        }
        answers.clear();
        Ok(())
    }
}

/// Answers that wait to be sent. Its memory is used again without being cleared: what was read before is overwritten first.
#[derive(Default)]
pub(super) struct Answers {
    bytes: Vec<u8>,
    used: usize,
}

impl Answers {
    pub(super) fn len(&self) -> usize {
        self.used
    }

    /// Room for so many bytes at the end, to be filled.
    pub(super) fn room(&mut self, count: usize) -> &mut [u8] {
        let (from, to) = (self.used, self.used + count);
        if self.bytes.len() < to {
            self.bytes.resize(to, 0);
        }
        self.used = to;
        self.bytes.get_mut(from..to).unwrap_or_default()
    }

    /// Takes back what was put since it had this length.
    pub(super) fn back_to(&mut self, length: usize) {
        self.used = self.used.min(length);
    }

    fn clear(&mut self) {
        self.used = 0;
        if self.bytes.len() > 4 * TOGETHER {
            self.bytes = Vec::new();
        }
    }
}

impl Put for Answers {
    fn put(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
    }
}
