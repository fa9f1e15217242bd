//! Bytes both ways between a client and a peer, without a look at them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::Shutdown;
use rustix::pipe::{PipeFlags, SpliceFlags};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Bytes that one direction takes at once.
const PIECE: usize = 256 << 10;

/// Between two sockets, in the kernel alone: they block, and each direction has a thread. Ends when both have ended.
pub(crate) fn spliced(client: &OwnedFd, peer: &OwnedFd) -> io::Result<()> {
    std::thread::scope(|scope| {
        let back = std::thread::Builder::new()
            .name("capstan-nbd-back".to_owned())
            .spawn_scoped(scope, || one_way(peer.as_fd(), client.as_fd()))?;
        let there = one_way(client.as_fd(), peer.as_fd());
        let back = back.join().unwrap_or_else(|_| Err(io::Error::other("the thread from the peer broke off")));
        there.and(back)
    })
}

fn one_way(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    let moved = pump(from, to);
    // Whoever waits on the other side is told; what was under way the other way still goes through.
    let _ = rustix::net::shutdown(to, Shutdown::Write);
    if moved.is_err() {
        let _ = rustix::net::shutdown(from, Shutdown::Both);
    }
    moved
}

fn pump(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    let (out, into) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    // Where a pipe may not be so large it stays as it is.
    let _ = rustix::pipe::fcntl_setpipe_size(&into, PIECE);
    loop {
        let mut moved = match rustix::pipe::splice(from, None, &into, None, PIECE, SpliceFlags::MOVE) {
            Ok(0) => return Ok(()),
            Ok(moved) => moved,
            Err(Errno::INTR) => continue,
            Err(cause) => return Err(cause.into()),
        };
        while moved > 0 {
            match rustix::pipe::splice(&out, None, to, None, moved, SpliceFlags::MOVE) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => moved = moved.saturating_sub(written),
                Err(Errno::INTR) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
    }
}

/// Where the client's bytes are encrypted.
pub(crate) async fn through<S: AsyncRead + AsyncWrite + Unpin>(mut client: S, mut peer: TcpStream) -> io::Result<()> {
    tokio::io::copy_bidirectional_with_sizes(&mut client, &mut peer, PIECE, PIECE).await.map(|_| ())
}
