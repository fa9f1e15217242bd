//! Acknowledging at once what may be the first of two pieces.

use tokio::net::TcpStream;

/// Bytes from which on a piece is taken for one of many, which the kernel acknowledges as they come.
const MANY: usize = 4 << 10;

/// So many bytes came. A peer that sends one answer in two pieces, and does not switch Nagle's delay off, keeps the second until the first is
/// acknowledged; the kernel waits up to 40 ms with that, for something to send along. QEMU's NBD server is such a peer, and Python's HTTP server.
pub(crate) fn acknowledge(stream: &TcpStream, came: usize) {
    if (1..MANY).contains(&came) {
        // The kernel forgets it again by itself. Only time is lost where it cannot be set.
        let _ = stream.set_quickack(true);
    }
}
