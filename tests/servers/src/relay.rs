//! What the fronts share: a listener on loopback with a thread for each connection, and one request read and passed on.
//!
//! One request a connection: what is simulated is a behaviour, not a fast server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::spawn;

use anyhow::Context;

/// Largest head of a request, bytes.
const HEAD_LIMIT: usize = 64 << 10;
/// Largest body, bytes; a part of an upload is far below.
const BODY_LIMIT: usize = 256 << 20;

/// Serves each connection on a thread of its own until it is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    closed: Arc<AtomicBool>,
}

impl Listener {
    pub(crate) fn start(serve: impl Fn(TcpStream) -> anyhow::Result<()> + Send + Sync + 'static) -> anyhow::Result<Self> {
        Self::at(0, serve)
    }

    /// At this port; 0: at a free one.
    pub(crate) fn at(port: u16, serve: impl Fn(TcpStream) -> anyhow::Result<()> + Send + Sync + 'static) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let address = listener.local_addr()?;
        let closed = Arc::new(AtomicBool::new(false));
        let (seen, serve) = (Arc::clone(&closed), Arc::new(serve));
        spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if seen.load(Ordering::Relaxed) {
                    break;
                }
                let serve = Arc::clone(&serve);
                // What goes wrong on a connection its client sees.
                spawn(move || drop(serve(stream)));
            }
        });
        Ok(Self { address, closed })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        // The listener looks when somebody comes.
        let _ = TcpStream::connect(self.address);
    }
}

/// One request, held whole.
#[derive(Debug)]
pub(crate) struct Request {
    /// The request line and the headers, as they came.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// None: the client went without a word.
    pub(crate) fn read(client: &mut (impl Read + Write)) -> anyhow::Result<Option<Self>> {
        let Some((head, mut body)) = read_head(client)? else { return Ok(None) };
        let length: usize = field(&head, "content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        anyhow::ensure!(length <= BODY_LIMIT, "a body of {length} bytes");
        if field(&head, "expect").is_some() {
            client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let mut rest = vec![0; length.saturating_sub(body.len())];
        client.read_exact(&mut rest)?;
        body.append(&mut rest);
        Ok(Some(Self { head, body }))
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }

    pub(crate) fn method(&self) -> &str {
        self.head.split(' ').next().unwrap_or_default()
    }

    /// As it stands in the request line: a path with its query, or a whole URL where a proxy is asked.
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// Sent to `upstream`; the answer is still to be read from the stream, which ends with it.
    pub(crate) fn pass_on(&self, upstream: &str) -> anyhow::Result<TcpStream> {
        let mut server = TcpStream::connect(upstream)?;
        let lines: Vec<&str> = self
            .head
            .lines()
            .filter(|line| !line.is_empty() && !is(line, "connection") && !is(line, "expect") && !is(line, "proxy-authorization"))
            .collect();
        write!(server, "{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"))?;
        server.write_all(&self.body)?;
        Ok(server)
    }
}

/// An answer of the front's own. `more`: whole header lines.
pub(crate) fn answer(client: &mut impl Write, status: &str, more: &[String], body: &str) -> anyhow::Result<()> {
    let more: String = more.iter().map(|line| format!("{line}\r\n")).collect();
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n{more}Connection: close\r\n\r\n{body}",
        body.len()
    )?;
    client.flush()?;
    Ok(())
}

/// The head as text, and what of the body came with it.
fn read_head(stream: &mut impl Read) -> anyhow::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        let read = stream.read(&mut chunk)?;
        if read == 0 && bytes.is_empty() {
            return Ok(None);
        }
        anyhow::ensure!(read > 0 && bytes.len() <= HEAD_LIMIT, "no whole head");
        bytes.extend_from_slice(chunk.get(..read).unwrap_or_default());
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let body = bytes.split_off(end + 4);
            return Ok(Some((String::from_utf8(bytes).context("a head that is not text")?, body)));
        }
    }
}

pub(crate) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find(|line| is(line, name))?.split_once(':').map(|(_, value)| value.trim())
}

fn is(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(field, _)| field.eq_ignore_ascii_case(name))
}
