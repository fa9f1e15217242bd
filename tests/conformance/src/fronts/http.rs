//! A front that reads HTTP: it can answer itself, mangle an answer in the right place, or eat it once the server has acted.
//!
//! A fault strikes a whole request. `Once` is the next one, on whichever connection; `After` lets some through first.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::listener::{Listener, reset};
use super::message::{Head, Side};
use super::trigger::{Times, Trigger};
use super::wire::garbage;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is never answered, and the server never sees it.
    NoAnswer,
    /// The connection is reset when the request was read.
    ResetBeforeAnswer,
    /// It ends then, without a word.
    ClosedBeforeAnswer,
    /// The front's side ends, the other stays open.
    HalfClosed,
    /// Half of the head, then a reset.
    ResetInHead,
    /// Half of the body, then a reset.
    ResetInBody,
    /// Half of the body, then the end.
    ShortBody,
    /// Half of the body, then nothing.
    StallInBody,
    /// A few bytes at a time.
    SlowDrip,
    /// The answer comes late.
    Late,
    /// The length promises more than comes.
    LengthTooLong,
    /// The length promises less than comes.
    LengthTooShort,
    /// The length is no number.
    LengthNonsense,
    /// A bit of the body of the answer is another.
    BitFlip,
    /// A bit of the body of the request is another.
    RequestFlip,
    /// What comes is no HTTP.
    Garbage,
    /// A page of somebody who stands in the way, with 200.
    LoginPage,
    /// 200, and nothing else.
    EmptyAnswer,
    /// The answer comes twice.
    Duplicate,
    /// A status line that is none.
    BadStatusLine,
    /// A head of 100 KiB.
    HugeHead,
    /// A chunk whose size is nonsense.
    BadChunk,
    /// Chunks that end before their last.
    ChunksCut,
    /// The connection ends after an answer that did not say so.
    Stale,
    /// The server answers, and its answer is lost.
    AnswerLost,
    /// The request is sent elsewhere: to an address that nobody granted.
    Redirect(SocketAddr),
    /// This status with an empty body; 429 and 503 ask to come again in a second.
    Status(u16),
    /// 503 before the body of the request was read; then the connection ends.
    EarlyRefusal,
}

#[derive(Debug)]
struct Shared {
    trigger: Trigger<Fault>,
    requests: AtomicU64,
}

pub struct Front {
    listener: Listener,
    shared: Arc<Shared>,
}

const DRIP: Duration = Duration::from_millis(1);
const DRIP_BYTES: usize = 16;
const LATE: Duration = Duration::from_millis(500);
const PAGE: &str =
    "<!DOCTYPE html><html><head><title>Welcome</title></head><body><form>Please log in to the network.</form></body></html>";

impl Front {
    /// Before the server at `host:port`.
    pub async fn start(server: &str) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared { trigger: Trigger::new(), requests: AtomicU64::new(0) });
        let (serving, server) = (Arc::clone(&shared), server.to_owned());
        let listener = Listener::start(move |stream| {
            let (shared, server) = (Arc::clone(&serving), server.clone());
            async move {
                // What goes wrong on a connection its client sees.
                let _ = Line { client: Side::new(stream), server: None, address: server, shared }.serve().await;
            }
        })
        .await?;
        Ok(Self { listener, shared })
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.address
    }

    pub fn arm(&self, fault: Fault, times: Times) {
        self.shared.trigger.arm(fault, times);
    }

    pub fn calm(&self) {
        self.shared.trigger.calm();
    }

    /// Requests to which something was done.
    pub fn struck(&self) -> u64 {
        self.shared.trigger.struck()
    }

    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn strike(&self) -> Option<Fault> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.trigger.pull(|_| true)
    }
}

/// A client's connection, and the one to the server that goes with it.
struct Line {
    client: Side,
    server: Option<Side>,
    address: String,
    shared: Arc<Shared>,
}

/// An answer that is held, because something is done to it.
struct Answer {
    head: Head,
    body: Vec<u8>,
}

impl Line {
    async fn serve(mut self) -> std::io::Result<()> {
        while let Some(request) = self.client.head().await? {
            let go_on = match self.shared.strike() {
                None => self.plain(&request).await?,
                Some(fault) => match self.struck(fault, &request).await? {
                    After::GoOn => true,
                    After::Close => false,
                    After::Reset => {
                        reset(self.client.stream);
                        return Ok(());
                    }
                },
            };
            if !go_on {
                break;
            }
        }
        let _ = self.client.stream.shutdown().await;
        Ok(())
    }

    async fn server(&mut self) -> std::io::Result<&mut Side> {
        if self.server.is_none() {
            let stream = TcpStream::connect(&self.address).await?;
            let _ = stream.set_nodelay(true);
            self.server = Some(Side::new(stream));
        }
        self.server.as_mut().ok_or_else(|| std::io::ErrorKind::NotConnected.into())
    }

    /// Passes request and answer on as they come. False: the connection ends with it.
    async fn plain(&mut self, request: &Head) -> std::io::Result<bool> {
        // A connection of its own for each request: one that the server closed meanwhile would look like a fault.
        self.server = None;
        self.server().await?;
        let Some(server) = self.server.as_mut() else { return Ok(false) };
        server.stream.write_all(request.0.as_bytes()).await?;
        let answer = {
            // A server may answer before it has read everything.
            let sending = self.client.pass(request.request_framing(), server);
            sending.await.ok();
            server.head().await?
        };
        let Some(answer) = answer else { return Ok(false) };
        self.client.stream.write_all(answer.0.as_bytes()).await?;
        let framing = answer.answer_framing(request.word(0));
        server.pass(framing, &mut self.client).await?;
        Ok(!answer.closes() && !request.closes() && framing != super::message::Framing::End)
    }

    /// What the server says to the request, held whole, its framing a length.
    async fn answered(&mut self, request: &Head, body: &[u8]) -> std::io::Result<Answer> {
        self.server = None;
        let server = self.server().await?;
        let head = request.changed(&["transfer-encoding", "content-length"], &[format!("Content-Length: {}", body.len())]);
        server.stream.write_all(head.0.as_bytes()).await?;
        server.stream.write_all(body).await?;
        let head = server.head().await?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let body = server.body(head.answer_framing(request.word(0))).await?;
        let without = ["transfer-encoding", "connection"];
        let head = if request.word(0) == "HEAD" {
            head.changed(&without, &[])
        } else {
            head.changed(&["transfer-encoding", "connection", "content-length"], &[format!("Content-Length: {}", body.len())])
        };
        Ok(Answer { head, body })
    }

    async fn struck(&mut self, fault: Fault, request: &Head) -> std::io::Result<After> {
        if fault == Fault::EarlyRefusal {
            self.say("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await?;
            return Ok(After::Close);
        }
        let mut body = self.client.body(request.request_framing()).await?;
        match fault {
            Fault::NoAnswer => std::future::pending().await,
            Fault::ResetBeforeAnswer => return Ok(After::Reset),
            Fault::ClosedBeforeAnswer => return Ok(After::Close),
            Fault::HalfClosed => {
                self.client.stream.shutdown().await?;
                let _ = self.client.head().await;
                return Ok(After::Close);
            }
            Fault::Garbage => {
                self.client.stream.write_all(&garbage(400)).await?;
                return Ok(After::Close);
            }
            Fault::LoginPage => return self.page().await,
            Fault::EmptyAnswer => return self.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.map(|()| After::GoOn),
            Fault::BadStatusLine => return self.say("HTTP/9.9 hello\r\n\r\n").await.map(|()| After::Close),
            Fault::Redirect(elsewhere) => {
                let text =
                    format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{elsewhere}/\r\nContent-Length: 0\r\n\r\n");
                return self.say(&text).await.map(|()| After::GoOn);
            }
            Fault::Status(status) => {
                let again = if matches!(status, 429 | 503) { "Retry-After: 1\r\n" } else { "" };
                let text = format!("HTTP/1.1 {status} So\r\n{again}Content-Length: 0\r\n\r\n");
                return self.say(&text).await.map(|()| After::GoOn);
            }
            Fault::RequestFlip => {
                let middle = body.len() / 2;
                if let Some(byte) = body.get_mut(middle) {
                    *byte ^= 1;
                }
            }
            _ => {}
        }
        let answer = self.answered(request, &body).await?;
        self.mangled(fault, request, answer).await
    }

    async fn page(&mut self) -> std::io::Result<After> {
        let text = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{PAGE}", PAGE.len());
        self.say(&text).await.map(|()| After::GoOn)
    }

    /// Gives the answer on, as the fault leaves it.
    async fn mangled(&mut self, fault: Fault, request: &Head, answer: Answer) -> std::io::Result<After> {
        let Answer { head, mut body } = answer;
        // An answer to HEAD has a length and no body: what would strike the body strikes the head.
        let bare = body.is_empty() || request.word(0) == "HEAD";
        let half = body.len() / 2;
        let stream = &mut self.client.stream;
        let length = |length: String| head.changed(&["content-length"], &[format!("Content-Length: {length}")]);
        match fault {
            Fault::AnswerLost => return Ok(After::Close),
            Fault::ResetInHead => {
                stream.write_all(head.0.as_bytes().get(..head.0.len() / 2).unwrap_or_default()).await?;
                return Ok(After::Reset);
            }
            Fault::ResetInBody | Fault::ShortBody | Fault::StallInBody => {
                let cut = if bare { head.0.len() / 2 } else { head.0.len() };
                stream.write_all(head.0.as_bytes().get(..cut).unwrap_or_default()).await?;
                stream.write_all(body.get(..half).unwrap_or_default()).await?;
                stream.flush().await?;
                return match fault {
                    Fault::ResetInBody => {
                        // What was sent arrives before the reset does.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        Ok(After::Reset)
                    }
                    Fault::ShortBody => Ok(After::Close),
                    _ => std::future::pending().await,
                };
            }
            Fault::SlowDrip => {
                let whole = [head.0.as_bytes(), &body].concat();
                for few in whole.chunks(DRIP_BYTES) {
                    stream.write_all(few).await?;
                    tokio::time::sleep(DRIP).await;
                }
                return Ok(After::GoOn);
            }
            Fault::Late => tokio::time::sleep(LATE).await,
            Fault::LengthTooLong if !bare => {
                stream.write_all(length((body.len() + 100).to_string()).0.as_bytes()).await?;
                stream.write_all(&body).await?;
                return Ok(After::Close);
            }
            Fault::LengthTooShort if !bare => {
                stream.write_all(length(half.to_string()).0.as_bytes()).await?;
                stream.write_all(&body).await?;
                return Ok(After::Close);
            }
            Fault::LengthNonsense => {
                stream.write_all(length("12x".to_owned()).0.as_bytes()).await?;
                stream.write_all(&body).await?;
                return Ok(After::Close);
            }
            Fault::BitFlip => {
                if let Some(byte) = body.get_mut(half) {
                    *byte ^= 1;
                }
            }
            Fault::Duplicate => {
                stream.write_all(head.0.as_bytes()).await?;
                stream.write_all(&body).await?;
            }
            Fault::HugeHead => {
                let huge = head.changed(&[], &[format!("X-Filler: {}", "x".repeat(100 << 10))]);
                stream.write_all(huge.0.as_bytes()).await?;
                stream.write_all(&body).await?;
                return Ok(After::Close);
            }
            Fault::BadChunk | Fault::ChunksCut => {
                let chunked = head.changed(&["content-length"], &["Transfer-Encoding: chunked".to_owned()]);
                stream.write_all(chunked.0.as_bytes()).await?;
                if fault == Fault::BadChunk {
                    stream.write_all(b"zz\r\n").await?;
                }
                stream.write_all(format!("{half:x}\r\n").as_bytes()).await?;
                stream.write_all(body.get(..half).unwrap_or_default()).await?;
                stream.write_all(b"\r\n").await?;
                return Ok(After::Close);
            }
            _ => {}
        }
        stream.write_all(head.0.as_bytes()).await?;
        stream.write_all(&body).await?;
        Ok(if fault == Fault::Stale { After::Close } else { After::GoOn })
    }

    async fn say(&mut self, text: &str) -> std::io::Result<()> {
        self.client.stream.write_all(text.as_bytes()).await
    }
}

/// What becomes of the client's connection.
enum After {
    GoOn,
    Close,
    Reset,
}
