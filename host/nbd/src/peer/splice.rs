//! Bytes both ways between a client and a peer, without a look at them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags};
use tokio::io::{AsyncRead, AsyncWrite};

use super::duplex::both_ways;

/// Bytes that one direction takes at once.
const PIECE: usize = 256 << 10;

/// Between two sockets, in the kernel alone: they block, and each direction has a thread. Ends when both have ended.
pub(crate) fn spliced(client: &OwnedFd, peer: &OwnedFd) -> io::Result<()> {
    let (client, peer) = (client.as_fd(), peer.as_fd());
    both_ways(client, peer, || pump(client, peer), || pump(peer, client))
}

fn pump(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    let pipe = Pipe::new()?;
    while pipe.carry(from, to, PIECE)? > 0 {}
    Ok(())
}

/// From one socket to another, without that the bytes come out of the kernel.
pub(super) struct Pipe {
    out: OwnedFd,
    into: OwnedFd,
}

impl Pipe {
    pub(super) fn new() -> io::Result<Self> {
        let (out, into) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        // Where a pipe may not be so large it stays as it is.
        let _ = rustix::pipe::fcntl_setpipe_size(&into, PIECE);
        Ok(Self { out, into })
    }

    /// Waits for bytes, and moves those that are there: how many, of so many at most. 0: nothing comes any more.
    pub(super) fn carry(&self, from: BorrowedFd<'_>, to: BorrowedFd<'_>, most: usize) -> io::Result<usize> {
        let came = loop {
            match rustix::pipe::splice(from, None, &self.into, None, most.min(PIECE), SpliceFlags::MOVE) {
                Ok(came) => break came,
                Err(Errno::INTR) => {}
                Err(cause) => return Err(cause.into()),
            }
        };
        prompt(from);
        let mut left = came;
        while left > 0 {
            match rustix::pipe::splice(&self.out, None, to, None, left, SpliceFlags::MOVE) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(moved) => left = left.saturating_sub(moved),
                Err(Errno::INTR) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        Ok(came)
    }
}

/// What came is acknowledged at once: a peer that sends an answer in two pieces with Nagle's delay on keeps the second until then.
pub(super) fn prompt(from: BorrowedFd<'_>) {
    // Refused by what is no TCP, where nothing is delayed either.
    let _ = rustix::net::sockopt::set_tcp_quickack(from, true);
}

/// Where the client's bytes are encrypted.
pub(crate) async fn through<C, P>(mut client: C, mut peer: P) -> io::Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
    P: AsyncRead + AsyncWrite + Unpin,
{
    tokio::io::copy_bidirectional_with_sizes(&mut client, &mut peer, PIECE, PIECE).await.map(|_| ())
}
