//! A socket that knows how much went over it, when last, and whether it may go on.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::live::Sever;
use super::prompt::acknowledge;

/// What one connection shows of itself to whoever drives, watches or cuts it.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Bytes written since the connection was made.
    written: AtomicU64,
    /// Microseconds of the process clock when bytes last moved either way.
    moved: AtomicU64,
    cut: AtomicBool,
    driver: AtomicWaker,
}

impl Meter {
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Starts the measurement of silence anew.
    pub(crate) fn touch(&self) {
        self.moved.store(now(), Ordering::Relaxed);
    }

    /// How long nothing moved.
    pub(crate) fn silence(&self) -> Duration {
        Duration::from_micros(now().saturating_sub(self.moved.load(Ordering::Relaxed)))
    }

    /// Registers the driver before it looks, so that no cut is missed.
    pub(crate) fn is_cut(&self, cx: &Context<'_>) -> bool {
        self.driver.register(cx.waker());
        self.cut.load(Ordering::Acquire)
    }
}

impl Sever for Meter {
    /// Its driver is woken to notice.
    fn sever(&self) {
        self.cut.store(true, Ordering::Release);
        self.driver.wake();
    }
}

fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_micros()).unwrap_or(u64::MAX)
}

#[derive(Debug)]
pub(crate) enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Transport {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Wire {
    transport: Transport,
    meter: Arc<Meter>,
}

impl Wire {
    pub(crate) fn new(transport: Transport, meter: Arc<Meter>) -> Self {
        Self { transport, meter }
    }

    fn wrote(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = &result {
            self.meter.written.fetch_add(*count as u64, Ordering::Relaxed);
            self.meter.touch();
        }
        result
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Transport::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        };
        acknowledge(self.transport.socket(), buffer.filled().len() - before);
        if result.is_ready() {
            self.meter.touch();
        }
        result
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        };
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Transport::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        };
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
