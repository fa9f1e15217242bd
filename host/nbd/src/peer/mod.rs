//! A drive behind an NBD server of its engine: after both sides agreed, bytes go through as they come. For an export for reading,
//! requests are looked at where the peer itself would let write (`guard`).
//!
//! The host connects where a grant lets the target connect, and checks the address as it does for the target's own connections.
//!
//! | what is lost | what becomes of it |
//! |---|---|
//! | the peer | the client's connection ends, as it would at the peer; what was not answered may be done or not |
//! | the client | the peer's connection ends, and the peer finishes what it had taken on; one that holds on to it is cut |
//! | the process | both connections end |

mod answers;
mod duplex;
mod guard;
mod splice;
mod upstream;

use std::net::SocketAddr;
use std::time::Duration;

use capstan_domain::{Failure, Kind, Outcome};
use capstan_grants::ConnectGrant;
use tokio::net::{TcpStream, lookup_host};

use crate::limits;

pub(crate) use guard::guarded;
pub(crate) use splice::{spliced, through};
pub(crate) use upstream::{Refused, Upstream};

/// An export of another server, and the power to reach it.
pub struct PeerDrive {
    grant: ConnectGrant,
    export: String,
    read_only: bool,
}

impl PeerDrive {
    pub fn new(grant: ConnectGrant, export: impl Into<String>, read_only: bool) -> Outcome<Self> {
        let export = export.into();
        if export.len() > limits::NAME_BYTES {
            return Err(Failure::invalid("the name of an export has at most 4096 bytes"));
        }
        Ok(Self { grant, export, read_only })
    }

    /// Reaches it once, so that what is wrong shows before anybody attaches. Its size, in bytes.
    pub async fn check(&self) -> Outcome<u64> {
        let mut upstream = Upstream::default();
        let facts = match tokio::time::timeout(limits::UPSTREAM, upstream.describe(self, false)).await {
            Ok(facts) => facts.map_err(|refused| refused.failure)?,
            Err(_) => return Err(self.slow(limits::UPSTREAM)),
        };
        Ok(facts.size)
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only
    }

    async fn connect(&self) -> Outcome<TcpStream> {
        let (host, port) = (self.grant.host(), self.grant.port());
        let resolved: Vec<SocketAddr> = match host.address() {
            Some(address) => vec![SocketAddr::new(address, port)],
            None => match lookup_host((host.to_string().as_str(), port)).await {
                Ok(found) => found.collect(),
                Err(cause) => {
                    let message = format!("the name {host} is not resolved");
                    return Err(Failure::new(Kind::Unavailable, message).with_code("unresolved").with_detail(cause.to_string()));
                }
            },
        };
        // An address that swallows packets must not use up the time of those after it.
        let share = limits::UPSTREAM / u32::try_from(resolved.len().max(1)).unwrap_or(u32::MAX);
        let mut last = None;
        for address in resolved {
            if let Err(denied) = self.grant.check(address.ip()) {
                last.get_or_insert(denied);
                continue;
            }
            match tokio::time::timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let unset = |cause| Failure::host("a socket option cannot be set", cause);
                    stream.set_nodelay(true).map_err(unset)?;
                    // A peer whose machine is gone is noticed in the end.
                    rustix::net::sockopt::set_socket_keepalive(&stream, true).map_err(|cause| unset(cause.into()))?;
                    return Ok(stream);
                }
                Ok(Err(cause)) => last = Some(self.unreachable().with_detail(cause.to_string())),
                Err(_) => last = Some(self.slow(share)),
            }
        }
        Err(last.unwrap_or_else(|| self.unreachable()))
    }

    fn unreachable(&self) -> Failure {
        let place = self.grant.host().with_port(self.grant.port());
        Failure::new(Kind::Unavailable, format!("no NBD server is reached at {place}")).with_code("unreachable")
    }

    fn slow(&self, limit: Duration) -> Failure {
        let place = self.grant.host().with_port(self.grant.port());
        Failure::new(Kind::TimedOut, format!("the NBD server at {place} did not answer within {} s", limit.as_secs()))
    }
}
