//! A reading side that acknowledges at once.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;

/// A peer that sends one answer in two pieces, and does not switch Nagle's delay off, keeps the second until the first is acknowledged;
/// the kernel waits up to 40 ms with that, for something to send along. QEMU's NBD server is such a peer.
pub(super) struct Prompt(pub(super) OwnedReadHalf);

impl AsyncRead for Prompt {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.0).poll_read(cx, buffer);
        if polled.is_ready() {
            // The kernel forgets it again by itself. Only time is lost where it cannot be set.
            let _ = self.0.as_ref().set_quickack(true);
        }
        polled
    }
}
