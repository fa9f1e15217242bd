//! The way of one command to a device and back, as whoever knows the kernel offers it.

use std::io;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    None,
    ToDevice,
    FromDevice,
}

/// How a command ended. What the numbers mean is told in `answer`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ended {
    pub status: u8,
    /// The adapter's word.
    pub host: u16,
    /// The driver's word.
    pub driver: u16,
    pub sense: Vec<u8>,
    /// Bytes that moved.
    pub moved: usize,
}

pub(super) trait Passage: Send + 'static {
    /// Gives the command and comes back when it has ended. `buffer` is read, or filled, as the direction says. An error: nothing is known of the
    /// command but what the error tells.
    fn pass(&mut self, cdb: &[u8], direction: Direction, buffer: &mut [u8], timeout: Duration) -> io::Result<Ended>;
}
