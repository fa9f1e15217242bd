//! Through a proxy: CONNECT (RFC 9110, section 9.3.6).

use capstan_domain::failure::Blame;
use capstan_domain::{Failure, Kind, Outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::route::{Proxy, Route};
use crate::limits;

/// Asks the proxy to pass bytes on to the host.
pub(super) async fn tunnel(stream: &mut TcpStream, route: &Route, proxy: &Proxy) -> Outcome<()> {
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
