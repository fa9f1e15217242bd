//! From a route to a socket: name, address check, TCP, proxy, TLS.
//!
//! The address that was checked is the address that is connected to; a name is resolved once and never looked up again in between.
//! Behind a proxy the proxy resolves, so there the grant is for the name alone and for the proxy itself.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use capstan_domain::failure::{Blame, Retry};
use capstan_domain::{Failure, Kind, Outcome};
use capstan_grants::{ConnectGrant, Grants};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};

use super::request::{Proxy, Route};
use super::tls::Tls;
use super::wire::Transport;
use crate::limits;

/// Refuses, before anything is resolved, a route that no grant covers.
pub(super) fn check(route: &Route, grants: &Grants) -> Outcome<()> {
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
pub(super) async fn dial(route: &Route, grants: &Grants, tls: &Tls, limit: Duration) -> Outcome<(Transport, IpAddr)> {
    check(route, grants)?;
    let (host, port) = next_hop(route);
    let (mut stream, address) = connect(&grants.may_connect(host, port)?, limit).await?;
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
fn next_hop(route: &Route) -> (&str, u16) {
    route.proxy.as_ref().map_or((&route.host, route.port), |proxy| (&proxy.host, proxy.port))
}

/// The grant is the only way here, and the only source of the name and the port.
async fn connect(grant: &ConnectGrant, limit: Duration) -> Outcome<(TcpStream, IpAddr)> {
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
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).map_err(|cause| Failure::host("a socket option cannot be set", cause))?;
                return Ok((stream, address.ip()));
            }
            Ok(Err(cause)) => last = Some(refused(host, port, &cause)),
            Err(_) => last = Some(slow(host, port, share)),
        }
    }
    Err(last.unwrap_or_else(|| Failure::new(Kind::Unavailable, format!("the name {host} has no address"))))
}

/// Asks the proxy to pass bytes on to the host.
async fn tunnel(stream: &mut TcpStream, route: &Route, proxy: &Proxy) -> Outcome<()> {
    let lost = |cause: std::io::Error| {
        Failure::new(Kind::Unavailable, format!("the proxy {} closed the connection", proxy.host)).with_detail(cause.to_string())
    };
    let place = if route.host.contains(':') {
        format!("[{}]:{}", route.host, route.port)
    } else {
        format!("{}:{}", route.host, route.port)
    };
    let mut head = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n");
    if let Some(authorization) = &proxy.authorization {
        head.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.map_err(lost)?;
    let mut answer = Vec::new();
    // The server behind the proxy is silent until it hears from us, so nothing may follow the head.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= limits::PROXY_ANSWER_BYTES {
            return Err(Failure::new(Kind::Unavailable, format!("the proxy {} answers with an endless head", proxy.host)));
        }
        answer.push(stream.read_u8().await.map_err(lost)?);
    }
    let line = String::from_utf8_lossy(answer.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
    let status = line.split(' ').nth(1).unwrap_or_default();
    match status {
        "200" => Ok(()),
        "407" => {
            Err(Failure::new(Kind::Unauthenticated, format!("the proxy {} wants other credentials", proxy.host))
                .with_detail(line))
        }
        "403" => Err(Failure::new(Kind::Denied, format!("the proxy {} does not allow {place}", proxy.host))
            .with_blame(Blame::Target)
            .with_detail(line)),
        _ => Err(Failure::new(Kind::Unavailable, format!("the proxy {} cannot reach {place}", proxy.host)).with_detail(line)),
    }
}

fn unresolved(host: &str, cause: &std::io::Error) -> Failure {
    Failure::new(Kind::Unavailable, format!("the name {host} cannot be resolved"))
        .with_code("unresolved")
        .with_detail(cause.to_string())
        .with_next_step("check the name and the host's DNS")
}

fn refused(host: &str, port: u16, cause: &std::io::Error) -> Failure {
    Failure::new(Kind::Unavailable, format!("{host}:{port} does not accept connections"))
        .with_code("unreachable")
        .with_detail(cause.to_string())
        .with_next_step("check that the server runs and can be reached from this host")
}

fn untrusted(host: &str, cause: &std::io::Error) -> Failure {
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

pub(super) fn slow(host: &str, port: u16, limit: std::time::Duration) -> Failure {
    Failure::new(Kind::TimedOut, format!("{host}:{port} did not take a connection within {} ms", limit.as_millis()))
}

/// What a live connection rests on, to see whether it still may live when grants change.
#[derive(Clone, Debug)]
pub(super) struct Basis {
    pub route: Arc<Route>,
    pub address: IpAddr,
}

impl Basis {
    pub(super) fn holds(&self, grants: &Grants) -> bool {
        let (host, port) = next_hop(&self.route);
        check(&self.route, grants).is_ok() && grants.may_connect(host, port).is_ok_and(|grant| grant.check(self.address).is_ok())
    }
}
