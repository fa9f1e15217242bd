//! From a route to a socket: name, address check, TCP, proxy, TLS.
//!
//! The address that was checked is the address that is connected to; a name is resolved once and never looked up again in between.
//! Behind a proxy the proxy resolves, so there the grant is for the name alone and for the proxy itself.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use capstan_domain::failure::{Blame, Retry};
use capstan_domain::{Failure, Kind, Outcome};
use capstan_grants::{ConnectGrant, Grants};
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};

use super::privileged;
use super::route::{Route, Source};
use super::tls::Tls;
use super::tunnel::tunnel;
use super::wire::Transport;

/// Refuses, before anything is resolved, a route that no grant covers.
pub(crate) fn check(route: &Route, grants: &Grants) -> Outcome<()> {
    grants.may_connect(&route.host, route.port)?;
    if let Some(proxy) = &route.proxy {
        grants.may_connect(&proxy.host, proxy.port)?;
    }
    if route.insecure {
        grants.may_skip_certificate(&route.host, route.port)?;
    }
    Ok(())
}

/// A new connection over the route, and the address it leads to.
pub(crate) async fn dial(route: &Route, grants: &Grants, tls: &Tls, limit: Duration) -> Outcome<(Transport, IpAddr)> {
    check(route, grants)?;
    let (host, port) = next_hop(route);
    let (mut stream, address) = connect(&grants.may_connect(host, port)?, route.source, limit).await?;
    if !route.tls {
        return Ok((Transport::Plain(stream), address));
    }
    if let Some(proxy) = &route.proxy {
        tunnel(&mut stream, route, proxy).await?;
    }
    let configuration = tls.configuration(route.authority.as_deref(), route.insecure)?;
    let name = ServerName::try_from(route.host.clone())
        .map_err(|_| Failure::invalid("the host's name cannot stand in a certificate"))?;
    let stream = tokio_rustls::TlsConnector::from(configuration)
        .connect(name, stream)
        .await
        .map_err(|cause| untrusted(&route.host, &cause))?;
    Ok((Transport::Tls(Box::new(stream)), address))
}

/// Whom the socket leads to: the host, or the proxy before it.
pub(super) fn next_hop(route: &Route) -> (&str, u16) {
    route.proxy.as_ref().map_or((&route.host, route.port), |proxy| (&proxy.host, proxy.port))
}

/// The grant is the only way here, and the only source of the name and the port.
async fn connect(grant: &ConnectGrant, source: Source, limit: Duration) -> Outcome<(TcpStream, IpAddr)> {
    let (host, port) = (grant.host().to_string(), grant.port());
    let host = host.as_str();
    let resolved: Vec<SocketAddr> = match grant.host().address() {
        Some(address) => vec![SocketAddr::new(address, port)],
        None => lookup_host((host, port)).await.map_err(|cause| unresolved(host, &cause))?.collect(),
    };
    // An address that swallows packets must not use up the time of those after it.
    let share = limit / u32::try_from(resolved.len().max(1)).unwrap_or(u32::MAX);
    let mut last = None;
    for address in resolved {
        // A name that resolves to a good and a bad address gets the good one; none is tried unchecked.
        if let Err(denied) = grant.check(address.ip()) {
            last.get_or_insert(denied);
            continue;
        }
        let connecting = async {
            match source {
                Source::Any => TcpStream::connect(address).await,
                Source::Privileged => privileged::connect(address).await,
            }
        };
        match tokio::time::timeout(share, connecting).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).map_err(|cause| Failure::host("a socket option cannot be set", cause))?;
                return Ok((stream, address.ip()));
            }
            Ok(Err(cause)) if source == Source::Privileged && is_of_the_source(&cause) => last = Some(unprivileged(&cause)),
            Ok(Err(cause)) => last = Some(refused(host, port, &cause)),
            Err(_) => last = Some(slow(host, port, share)),
        }
    }
    Err(last.unwrap_or_else(|| Failure::new(Kind::Unavailable, format!("the name {host} has no address"))))
}

fn unresolved(host: &str, cause: &io::Error) -> Failure {
    Failure::new(Kind::Unavailable, format!("the name {host} cannot be resolved"))
        .with_code("unresolved")
        .with_detail(cause.to_string())
        .with_next_step("check the name and the host's DNS")
}

fn refused(host: &str, port: u16, cause: &io::Error) -> Failure {
    Failure::new(Kind::Unavailable, format!("{host}:{port} does not accept connections"))
        .with_code("unreachable")
        .with_detail(cause.to_string())
        .with_next_step("check that the server runs and can be reached from this host")
}

/// The peer had no part in it: no port below 1024 is to be had.
fn is_of_the_source(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::AddrInUse)
}

fn unprivileged(cause: &io::Error) -> Failure {
    let (kind, next) = match cause.kind() {
        io::ErrorKind::PermissionDenied => (
            Kind::Denied,
            "give the service CAP_NET_BIND_SERVICE, or let the server take connections from any port (NFS: insecure)",
        ),
        _ => (Kind::Busy, "close connections that are no longer needed, or let the server take connections from any port"),
    };
    Failure::new(kind, "this host may not, or cannot, connect from a port below 1024")
        .with_code("privileged-port")
        .with_blame(Blame::Host)
        .with_detail(cause.to_string())
        .with_next_step(next)
}

fn untrusted(host: &str, cause: &io::Error) -> Failure {
    let is_certificate = cause
        .get_ref()
        .and_then(|error| error.downcast_ref::<rustls::Error>())
        .is_some_and(|error| matches!(error, rustls::Error::InvalidCertificate(_)));
    let failure = Failure::new(Kind::Unavailable, format!("no secure connection to {host}"))
        .with_code("tls")
        .with_detail(cause.to_string());
    if is_certificate {
        failure.with_retry(Retry::Never).with_next_step("give the server's certificate authority to the target (`tls-ca`)")
    } else {
        failure
    }
}

pub(crate) fn slow(host: &str, port: u16, limit: Duration) -> Failure {
    Failure::new(Kind::TimedOut, format!("{host}:{port} did not take a connection within {} ms", limit.as_millis()))
}

pub(crate) fn revoked() -> Failure {
    Failure::new(Kind::Denied, "the grant for this connection was revoked").with_next_step("see `capstan grant list`")
}
