//! Both directions between a client and a peer, each on a thread of its own: the sockets block.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::mpsc::{self, RecvTimeoutError};

use rustix::net::Shutdown;

use crate::limits;

/// Runs both directions to their ends; `there`, which takes what the client sends, on this thread.
///
/// Whoever waits on the other side of a direction that has ended is told, and what is under way the other way still goes through:
/// when the client is gone, for `limits::PEER_END`.
pub(super) fn both_ways(
    client: BorrowedFd<'_>,
    peer: BorrowedFd<'_>,
    there: impl FnOnce() -> io::Result<()>,
    back: impl FnOnce() -> io::Result<()> + Send,
) -> io::Result<()> {
    let (ending, ended) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let back = std::thread::Builder::new().name("capstan-nbd-back".to_owned()).spawn_scoped(scope, move || {
            // Dropped with the end of this direction, however that comes about.
            let _ending = ending;
            closed(back(), peer, client)
        })?;
        let there = closed(there(), client, peer);
        if ended.recv_timeout(limits::PEER_END) == Err(RecvTimeoutError::Timeout) {
            for socket in [peer, client] {
                let _ = rustix::net::shutdown(socket, Shutdown::Both);
            }
        }
        let back = back.join().unwrap_or_else(|_| Err(io::Error::other("the thread from the peer broke off")));
        there.and(back)
    })
}

fn closed(moved: io::Result<()>, from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    let _ = rustix::net::shutdown(to, Shutdown::Write);
    if moved.is_err() {
        let _ = rustix::net::shutdown(from, Shutdown::Both);
    }
    moved
}
