//! One side of an HTTP/1.1 connection, read far enough to tell where a message ends.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes of a head.
const HEAD_LIMIT: usize = 256 << 10;
/// Bytes of a message that is held whole, because something is done to it.
pub(super) const HELD_LIMIT: usize = 64 << 20;
const PIECE: usize = 64 << 10;

/// A connection, and what was read of it beyond what was asked for.
pub(super) struct Side {
    pub(super) stream: TcpStream,
    held: Vec<u8>,
}

/// A request's or an answer's first line and headers, as they came.
#[derive(Clone, Debug)]
pub(super) struct Head(pub(super) String);

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    /// With the connection.
    End,
}

impl Head {
    pub(super) fn first_line(&self) -> &str {
        self.0.lines().next().unwrap_or_default()
    }

    pub(super) fn word(&self, index: usize) -> &str {
        self.first_line().split(' ').nth(index).unwrap_or_default()
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let named = |line: &&str| line.split_once(':').is_some_and(|(field, _)| field.eq_ignore_ascii_case(name));
        self.0.lines().skip(1).find(named)?.split_once(':').map(|(_, value)| value.trim())
    }

    /// Without these fields, and with others instead.
    pub(super) fn changed(&self, without: &[&str], with: &[String]) -> Self {
        let kept = |line: &&str| {
            let name = line.split_once(':').map(|(field, _)| field.to_ascii_lowercase()).unwrap_or_default();
            !line.is_empty() && !without.contains(&name.as_str())
        };
        let lines: Vec<&str> = self.0.lines().filter(kept).chain(with.iter().map(String::as_str)).collect();
        Self(format!("{}\r\n\r\n", lines.join("\r\n")))
    }

    pub(super) fn closes(&self) -> bool {
        self.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    pub(super) fn request_framing(&self) -> Framing {
        match self.field("transfer-encoding") {
            Some(_) => Framing::Chunked,
            None => Framing::Length(self.field("content-length").and_then(|value| value.parse().ok()).unwrap_or(0)),
        }
    }

    /// Of an answer to a request of this method.
    pub(super) fn answer_framing(&self, method: &str) -> Framing {
        let status = self.word(1);
        if method == "HEAD" || status == "204" || status == "304" || status.starts_with('1') {
            return Framing::Length(0);
        }
        match (self.field("transfer-encoding"), self.field("content-length").and_then(|value| value.parse().ok())) {
            (Some(_), _) => Framing::Chunked,
            (None, Some(length)) => Framing::Length(length),
            (None, None) => Framing::End,
        }
    }
}

impl Side {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, held: Vec::new() }
    }

    /// More bytes; false at the end.
    async fn fill(&mut self) -> std::io::Result<bool> {
        let mut piece = vec![0; PIECE];
        let count = self.stream.read(&mut piece).await?;
        self.held.extend_from_slice(piece.get(..count).unwrap_or_default());
        Ok(count > 0)
    }

    /// None: the other side went without a word.
    pub(super) async fn head(&mut self) -> std::io::Result<Option<Head>> {
        loop {
            if let Some(end) = self.held.windows(4).position(|window| window == b"\r\n\r\n") {
                let rest = self.held.split_off(end + 4);
                let head = std::mem::replace(&mut self.held, rest);
                return Ok(Some(Head(String::from_utf8_lossy(&head).into_owned())));
            }
            let empty = self.held.is_empty();
            if self.held.len() > HEAD_LIMIT {
                return Err(std::io::Error::other("a head that is too long"));
            }
            if !self.fill().await? {
                return if empty { Ok(None) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// At least one byte and at most `most`, as they come; none at the end.
    async fn some(&mut self, most: u64) -> std::io::Result<Vec<u8>> {
        if self.held.is_empty() && !self.fill().await? {
            return Ok(Vec::new());
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(self.held.len());
        let rest = self.held.split_off(most);
        Ok(std::mem::replace(&mut self.held, rest))
    }

    async fn line(&mut self) -> std::io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.held.windows(2).position(|window| window == b"\r\n") {
                let rest = self.held.split_off(end + 2);
                return Ok(std::mem::replace(&mut self.held, rest));
            }
            if self.held.len() > HEAD_LIMIT || !self.fill().await? {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Passes a body on as it is framed. `to` may be gone; then the body is read all the same.
    pub(super) async fn pass(&mut self, framing: Framing, to: &mut Side) -> std::io::Result<()> {
        match framing {
            Framing::Length(length) => self.pass_bytes(length, to).await,
            Framing::End => loop {
                let some = self.some(u64::MAX).await?;
                if some.is_empty() {
                    return Ok(());
                }
                to.stream.write_all(&some).await?;
            },
            Framing::Chunked => loop {
                let line = self.line().await?;
                to.stream.write_all(&line).await?;
                match chunk_size(&line)? {
                    0 => {
                        let mut line = self.line().await?;
                        while line != b"\r\n" {
                            to.stream.write_all(&line).await?;
                            line = self.line().await?;
                        }
                        return to.stream.write_all(b"\r\n").await;
                    }
                    size => self.pass_bytes(size + 2, to).await?,
                }
            },
        }
    }

    async fn pass_bytes(&mut self, length: u64, to: &mut Side) -> std::io::Result<()> {
        let mut left = length;
        while left > 0 {
            let some = self.some(left).await?;
            if some.is_empty() {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            left -= some.len() as u64;
            to.stream.write_all(&some).await?;
        }
        Ok(())
    }

    /// The body, without its framing.
    pub(super) async fn body(&mut self, framing: Framing) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::new();
        match framing {
            Framing::Length(length) => self.collect(length, &mut body).await?,
            Framing::End => loop {
                let some = self.some(u64::MAX).await?;
                if some.is_empty() {
                    break;
                }
                body.extend(some);
                hold(&body)?;
            },
            Framing::Chunked => loop {
                let size = chunk_size(&self.line().await?)?;
                if size == 0 {
                    while self.line().await? != b"\r\n" {}
                    break;
                }
                self.collect(size, &mut body).await?;
                self.line().await?;
            },
        }
        Ok(body)
    }

    async fn collect(&mut self, length: u64, body: &mut Vec<u8>) -> std::io::Result<()> {
        let mut left = length;
        while left > 0 {
            let some = self.some(left).await?;
            if some.is_empty() {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            left -= some.len() as u64;
            body.extend(some);
            hold(body)?;
        }
        Ok(())
    }
}

fn hold(body: &[u8]) -> std::io::Result<()> {
    if body.len() > HELD_LIMIT { Err(std::io::Error::other("a body that is too long to be held")) } else { Ok(()) }
}

fn chunk_size(line: &[u8]) -> std::io::Result<u64> {
    let text = String::from_utf8_lossy(line);
    let digits = text.split([';', '\r']).next().unwrap_or_default().trim();
    u64::from_str_radix(digits, 16).map_err(|_| std::io::Error::other("a chunk without a size"))
}
