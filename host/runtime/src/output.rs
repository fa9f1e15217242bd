//! A guest's standard output and error: lines for the log, labelled and bounded, and the last of them for a crash report.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use capstan_services::log::Speaker;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// Bytes of a line; the rest of a longer one is the next line.
const LINE_BYTES: usize = 2048;
/// Lines kept for a crash report.
const TAIL_LINES: usize = 8;

#[derive(Clone)]
pub(crate) struct Output {
    speaker: Arc<Speaker>,
    per_second: u32,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    line: Vec<u8>,
    tail: VecDeque<String>,
    since: Instant,
    lines: u32,
}

impl Output {
    pub(crate) fn new(speaker: Speaker, per_second: u32) -> Self {
        let shared = Shared { line: Vec::new(), tail: VecDeque::new(), since: Instant::now(), lines: 0 };
        Self { speaker: Arc::new(speaker), per_second, shared: Arc::new(Mutex::new(shared)) }
    }

    /// The last lines: what a panicking guest said.
    pub(crate) fn tail(&self) -> Option<String> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if !shared.line.is_empty() {
            self.end_line(&mut shared);
        }
        let lines: Vec<&str> = shared.tail.iter().map(String::as_str).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn take(&self, bytes: &[u8]) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        for &byte in bytes {
            if byte == b'\n' || shared.line.len() >= LINE_BYTES {
                self.end_line(&mut shared);
            }
            if byte != b'\n' {
                shared.line.push(byte);
            }
        }
    }

    fn end_line(&self, shared: &mut Shared) {
        let line = String::from_utf8_lossy(&std::mem::take(&mut shared.line)).into_owned();
        if shared.since.elapsed() >= Duration::from_secs(1) {
            shared.since = Instant::now();
            shared.lines = 0;
        }
        shared.lines = shared.lines.saturating_add(1);
        if shared.lines <= self.per_second {
            let Speaker { plugin, version, target } = &*self.speaker;
            tracing::info!(target: "plugin", plugin, version, target, "{}", line.escape_debug());
        }
        if shared.tail.len() >= TAIL_LINES {
            shared.tail.pop_front();
        }
        shared.tail.push_back(line);
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, _context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_however_much_is_written() {
        let output = Output::new(Speaker::default(), 1);
        for number in 0..100 {
            output.take(format!("line {number}\n").as_bytes());
        }
        output.take(b"no end");
        let tail = output.tail().unwrap();
        assert!(tail.ends_with("line 99\nno end"), "{tail}");
        assert_eq!(tail.lines().count(), TAIL_LINES);
        output.take(&[b'x'; 3 * LINE_BYTES]);
        assert!(output.tail().unwrap().lines().all(|line| line.len() <= LINE_BYTES));
    }
}
