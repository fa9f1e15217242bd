//! An open file: reads in order share one stream from the target; others begin a new one.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use capstan_domain::content::{Body, Content};
use capstan_domain::failure::Kind;
use capstan_domain::{Failure, Outcome};
use capstan_mover::backoff;
use futures::StreamExt;
use tokio::sync::Mutex;

/// Bytes behind the newest read that are kept: the kernel asks for several pieces at once and not always in order.
const KEPT: u64 = 4 << 20;
/// Bytes that are read over rather than beginning a new stream.
const SKIPPED: u64 = 2 << 20;
/// Tries of one read.
const TRIES: u32 = 4;
/// One read, tries included; then the reader gets its error.
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct OpenFile {
    content: Content,
    size: u64,
    stream: Mutex<Stream>,
}

#[derive(Default)]
struct Stream {
    body: Option<Body>,
    /// Chunks that follow each other, from `start` on.
    chunks: VecDeque<Bytes>,
    start: u64,
    end: u64,
}

impl OpenFile {
    pub(crate) fn new(content: Content) -> Self {
        Self { size: content.size(), content, stream: Mutex::default() }
    }

    /// Exactly the bytes asked for, as far as the file goes, or a failure.
    pub(crate) async fn read(&self, offset: u64, length: u32) -> Outcome<Bytes> {
        let length = u64::from(length).min(self.size.saturating_sub(offset));
        if length == 0 {
            return Ok(Bytes::new());
        }
        let work = async {
            let mut stream = self.stream.lock().await;
            let mut tries = 1;
            loop {
                let failure = match stream.read(&self.content, self.size, offset, length).await {
                    Ok(bytes) => return Ok(bytes),
                    Err(failure) => failure,
                };
                *stream = Stream::default();
                match backoff::wait_after(&failure, tries, TRIES) {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => return Err(failure),
                }
                tries += 1;
            }
        };
        let late = |_| Failure::new(Kind::TimedOut, "The target did not send the data in time");
        tokio::time::timeout(DEADLINE, work).await.map_err(late)?
    }
}

impl Stream {
    async fn read(&mut self, content: &Content, size: u64, offset: u64, length: u64) -> Outcome<Bytes> {
        if self.body.is_none() || offset < self.start || offset > self.end + SKIPPED {
            *self = Self { body: Some(content.open(offset, size - offset)), start: offset, end: offset, chunks: VecDeque::new() };
        }
        while self.end < offset + length {
            let chunk = match &mut self.body {
                Some(body) => body.next().await.ok_or_else(short)??,
                None => return Err(short()),
            };
            self.end += chunk.len() as u64;
            self.chunks.push_back(chunk);
            while let Some(first) = self.chunks.front()
                && self.start + (first.len() as u64) + KEPT < offset
            {
                self.start += first.len() as u64;
                self.chunks.pop_front();
            }
        }
        self.copy(offset, length)
    }

    fn copy(&self, offset: u64, length: u64) -> Outcome<Bytes> {
        let mut bytes = BytesMut::new();
        let (mut at, end) = (self.start, offset + length);
        for chunk in &self.chunks {
            let next = at + chunk.len() as u64;
            let from = usize::try_from(offset.max(at).min(next) - at).unwrap_or(0);
            let to = usize::try_from(end.max(at).min(next) - at).unwrap_or(0);
            if let Some(piece) = chunk.get(from..to).filter(|piece| !piece.is_empty()) {
                if piece.len() as u64 == length {
                    return Ok(chunk.slice(from..to));
                }
                bytes.extend_from_slice(piece);
            }
            at = next;
        }
        if bytes.len() as u64 == length { Ok(bytes.freeze()) } else { Err(short()) }
    }
}

fn short() -> Failure {
    Failure::new(Kind::Unavailable, "The target ended the data before its end").with_code("short-read")
}
