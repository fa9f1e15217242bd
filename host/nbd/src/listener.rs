//! Sockets to listen on. A unix socket appears at its place when it is for its user alone, and nothing that stands there is
//! replaced.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use capstan_domain::{Failure, Kind, Outcome};
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use tokio::net::{TcpListener, UnixListener};

use crate::address::Address;
use crate::socket::Socket;
use crate::tls::Tls;

pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, Place),
}

/// Removes the socket when nobody listens any more.
pub(crate) struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(cause) = std::fs::remove_file(&self.0) {
            tracing::debug!(%cause, path = %self.0.display(), "a socket could not be removed");
        }
    }
}

impl Listener {
    pub(crate) async fn bind(address: &Address, tls: Option<&Tls>) -> Outcome<Self> {
        match address {
            Address::Unix(path) => {
                let listener = private(path)?;
                Ok(Self::Unix(listener, Place(path.clone())))
            }
            Address::Tcp(address) => {
                permitted(*address, tls)?;
                TcpListener::bind(address).await.map(Self::Tcp).map_err(|cause| refused(&format!("tcp:{address}"), &cause))
            }
        }
    }

    pub(crate) fn address(&self) -> io::Result<Address> {
        Ok(match self {
            Self::Tcp(listener) => Address::Tcp(listener.local_addr()?),
            Self::Unix(_, place) => Address::Unix(place.0.clone()),
        })
    }

    pub(crate) async fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Unix(listener, _) => Ok(Socket::Unix(listener.accept().await?.0)),
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                // A client whose machine is gone is noticed in the end.
                rustix::net::sockopt::set_socket_keepalive(stream.as_fd(), true)?;
                Ok(Socket::Tcp(stream))
            }
        }
    }
}

/// Whoever reaches the port has the drive: beyond this machine that takes encryption, and clients that show who they are.
fn permitted(address: SocketAddr, tls: Option<&Tls>) -> Outcome<()> {
    if address.ip().is_loopback() || tls.is_some_and(Tls::knows_clients) {
        return Ok(());
    }
    Err(Failure::new(
        Kind::Denied,
        format!("{address} is reached from other machines, and no client would have to show who it is"),
    )
    .with_code("plain-address")
    .with_next_step("Set [tls], and client-authority of [drives], in the configuration, or use a loopback address or a socket."))
}

fn private(path: &Path) -> Outcome<UnixListener> {
    let named = format!("unix:{}", path.display());
    let failed = |cause: io::Error| refused(&named, &cause);
    let beside = path.with_extension(format!("{}", uuid::Uuid::now_v7().simple()).get(20..).unwrap_or("new"));
    let listener = UnixListener::bind(&beside).map_err(failed)?;
    let placed = std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o600)).and_then(|()| place(&beside, path));
    if let Err(cause) = placed {
        let _ = std::fs::remove_file(&beside);
        return Err(failed(cause));
    }
    Ok(listener)
}

fn place(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot: to link refuses to replace, too.
        Err(Errno::INVAL | Errno::NOSYS) => std::fs::hard_link(from, to).and_then(|()| std::fs::remove_file(from)),
        other => other.map_err(io::Error::from),
    }
}

fn refused(address: &str, cause: &io::Error) -> Failure {
    let (kind, why) = match cause.kind() {
        io::ErrorKind::AddrInUse | io::ErrorKind::AlreadyExists => (Kind::Conflict, "something is there already"),
        io::ErrorKind::NotFound => (Kind::NotFound, "the directory does not exist"),
        io::ErrorKind::AddrNotAvailable => (Kind::Invalid, "this machine does not have the address"),
        io::ErrorKind::PermissionDenied => (Kind::Denied, "the host's user may not"),
        _ => (Kind::Other, "the kernel refuses"),
    };
    Failure::new(kind, format!("{address} cannot be listened on: {why}")).with_code("listen").with_detail(cause.to_string())
}
