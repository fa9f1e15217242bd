//! Source ports below 1024, for servers that take them for a sign of trust ("secure" exports of NFS).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::net::{TcpSocket, TcpStream};

/// Ports that are tried, as rresvport(3) does: those below 512 belong to services.
const FIRST: u16 = 512;
const COUNT: u16 = 512;

/// Where the next search begins, so that two at once do not try the same ports in step.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// Connects from the first port that is free for this peer.
pub(super) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let any = match address {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    for _ in 0..COUNT {
        let port = FIRST + (COUNT - 1 - NEXT.fetch_add(1, Ordering::Relaxed) % COUNT);
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A port whose last connection is still in TIME_WAIT may serve another peer.
        socket.set_reuseaddr(true)?;
        match socket.bind(SocketAddr::new(any, port)) {
            Ok(()) => {}
            Err(cause) if cause.kind() == io::ErrorKind::AddrInUse => continue,
            Err(cause) => return Err(cause),
        }
        match socket.connect(address).await {
            Err(cause) if matches!(cause.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable) => {}
            connected => return connected,
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no port from 512 to 1023 is free"))
}
