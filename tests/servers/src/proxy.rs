//! An HTTP proxy as a company's network has one: tunnels for https (`CONNECT`), whole URLs for http.
//!
//! It knows no DNS: every name is the machine itself, so that a test may use names nobody has registered.

use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::spawn;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::relay::{Listener, Request, answer};

/// Stops when dropped.
#[derive(Debug)]
pub struct Proxy {
    /// With its user, if it wants one.
    pub url: String,
    counters: Arc<Counters>,
    listener: Listener,
}

#[derive(Debug, Default)]
struct Counters {
    tunnels: AtomicU64,
    requests: AtomicU64,
    refused: AtomicU64,
}

impl Proxy {
    pub fn start() -> anyhow::Result<Self> {
        Self::listen(None)
    }

    /// One that serves only who names user and password.
    pub fn with_user(user: &str, password: &str) -> anyhow::Result<Self> {
        Self::listen(Some((user, password)))
    }

    fn listen(user: Option<(&str, &str)>) -> anyhow::Result<Self> {
        let counters = Arc::new(Counters::default());
        let counted = Arc::clone(&counters);
        let wanted = user.map(|(user, password)| format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))));
        let listener = Listener::start(move |stream| counted.serve(stream, wanted.as_deref()))?;
        let before = user.map(|(user, password)| format!("{user}:{password}@")).unwrap_or_default();
        Ok(Self { url: format!("http://{before}{}", listener.address), counters, listener })
    }

    pub fn address(&self) -> String {
        self.listener.address.to_string()
    }

    /// Connections tunnelled through.
    pub fn tunnels(&self) -> u64 {
        self.counters.tunnels.load(Ordering::Relaxed)
    }

    /// Plain requests passed on.
    pub fn requests(&self) -> u64 {
        self.counters.requests.load(Ordering::Relaxed)
    }

    /// Requests without the right user.
    pub fn refused(&self) -> u64 {
        self.counters.refused.load(Ordering::Relaxed)
    }
}

impl Counters {
    fn serve(&self, mut client: TcpStream, wanted: Option<&str>) -> anyhow::Result<()> {
        let Some(mut request) = Request::read(&mut client)? else { return Ok(()) };
        if wanted.is_some_and(|wanted| request.field("proxy-authorization") != Some(wanted)) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            let ask = ["Proxy-Authenticate: Basic realm=\"test\"".to_owned()];
            return answer(&mut client, "407 Proxy Authentication Required", &ask, "");
        }
        if request.method() == "CONNECT" {
            self.tunnels.fetch_add(1, Ordering::Relaxed);
            let server = TcpStream::connect(here(request.target())?)?;
            std::io::Write::write_all(&mut client, b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            return tunnel(client, server);
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let whole = request.target().to_owned();
        let rest = whole.strip_prefix("http://").context("no whole URL")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        request.head = request.head.replacen(&whole, if path.is_empty() { "/" } else { path }, 1);
        let mut server = request.pass_on(&here(authority)?)?;
        std::io::copy(&mut server, &mut client)?;
        client.shutdown(Shutdown::Write)?;
        Ok(())
    }
}

/// The same port on this machine, whatever the name.
fn here(authority: &str) -> anyhow::Result<String> {
    let (_, port) = authority.rsplit_once(':').context("an authority without a port")?;
    Ok(format!("127.0.0.1:{port}"))
}

fn tunnel(client: TcpStream, server: TcpStream) -> anyhow::Result<()> {
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let (mut from_server, mut to_client) = (server, client);
    std::io::copy(&mut from_server, &mut to_client)?;
    let _ = to_client.shutdown(Shutdown::Write);
    Ok(())
}
