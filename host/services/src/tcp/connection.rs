//! One connection: a side that is read, a side that is written, and the cord both hang on.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use capstan_domain::content::Body;
use capstan_domain::failure::{Blame, Retry};
use capstan_domain::{Failure, Kind, Outcome};
use futures::StreamExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

use super::reader::Reader;
use crate::cord::Cord;
use crate::dial::{Place, Transport, revoked};
use crate::limits;

/// Dropped, it is closed.
pub struct Connection {
    reader: Mutex<Box<dyn AsyncRead + Send + Unpin>>,
    /// Fair, so that bytes go out in the order of the calls.
    writer: Mutex<Writer>,
    cord: Arc<Cord>,
    /// "host:port" as the plugin named it.
    peer: String,
    silence: Option<Duration>,
    _place: Place,
}

/// How long the peer may do nothing.
pub(super) struct Waits {
    /// None: a read has no bound of its own.
    pub read: Option<Duration>,
    pub write: Duration,
}

struct Writer {
    side: Box<dyn AsyncWrite + Send + Unpin>,
    /// How long the peer may take nothing.
    stall: Duration,
    /// A write was left in its middle, so nothing that follows would make sense.
    torn: bool,
}

impl Connection {
    pub(super) fn new(transport: Transport, cord: Arc<Cord>, place: Place, peer: String, waits: Waits) -> Self {
        let (reader, side): (Box<dyn AsyncRead + Send + Unpin>, Box<dyn AsyncWrite + Send + Unpin>) = match transport {
            Transport::Plain(stream) => {
                let (reader, writer) = stream.into_split();
                (Box::new(Reader(reader)), Box::new(writer))
            }
            Transport::Tls(stream) => {
                let (reader, writer) = tokio::io::split(stream);
                (Box::new(reader), Box::new(writer))
            }
        };
        let writer = Writer { side, stall: waits.write, torn: false };
        Self { reader: Mutex::new(reader), writer: Mutex::new(writer), cord, peer, silence: waits.read, _place: place }
    }

    /// At least one byte, unless the peer has ended its side. A second read beside the first is refused.
    pub async fn read(&self, limit: u32) -> Outcome<Vec<u8>> {
        if limit == 0 {
            return Err(Failure::invalid("a read of no bytes").with_blame(Blame::Plugin));
        }
        let limit = limit.min(limits::TCP_READ_BYTES) as usize;
        let Ok(mut reader) = self.reader.try_lock() else {
            return Err(Failure::invalid("a connection is read by one call at a time").with_blame(Blame::Plugin));
        };
        let mut data = Vec::with_capacity(limit);
        let reading = async {
            let read = reader.read_buf(&mut data);
            match self.silence {
                None => read.await,
                // What had come would be in the buffer: a read that was given up has taken nothing.
                Some(silence) => tokio::time::timeout(silence, read).await.map_err(|_| self.silent(silence))?,
            }
            .map_err(|cause| self.lost(&cause))?;
            Ok(data)
        };
        self.unless_cut(reading).await
    }

    /// Answers when all was handed to the network.
    pub async fn write(&self, data: &[u8]) -> Outcome<()> {
        if data.len() > limits::TCP_WRITE_BYTES {
            let failure = Failure::invalid(format!("at most {} bytes are written in one call", limits::TCP_WRITE_BYTES));
            return Err(failure.with_blame(Blame::Plugin));
        }
        let writing = async {
            let mut writer = self.writer().await?;
            writer.torn = true;
            writer.put(data).await.map_err(|cause| self.lost(&cause))?;
            writer.done().await.map_err(|cause| self.lost(&cause))
        };
        self.unless_cut(writing).await
    }

    /// Writes a body to its end; answers its bytes. One that breaks leaves the connection unusable for writing.
    pub async fn send(&self, mut body: Body) -> Outcome<u64> {
        let sending = async {
            let mut writer = self.writer().await?;
            writer.torn = true;
            let mut sent = 0;
            while let Some(chunk) = body.next().await {
                let chunk = chunk?;
                writer.put(&chunk).await.map_err(|cause| self.lost(&cause))?;
                sent += chunk.len() as u64;
            }
            writer.done().await.map_err(|cause| self.lost(&cause))?;
            Ok(sent)
        };
        self.unless_cut(sending).await
    }

    /// Nothing more will be written.
    pub async fn finish(&self) -> Outcome<()> {
        let finishing = async {
            let mut writer = self.writer().await?;
            writer.torn = true;
            writer.side.shutdown().await.map_err(|cause| self.lost(&cause))
        };
        self.unless_cut(finishing).await
    }

    async fn writer(&self) -> Outcome<tokio::sync::MutexGuard<'_, Writer>> {
        let writer = self.writer.lock().await;
        if writer.torn {
            return Err(Failure::new(Kind::Unavailable, format!("nothing more can be written to {}", self.peer))
                .with_code("connection-ended")
                .with_retry(Retry::AtOnce));
        }
        Ok(writer)
    }

    async fn unless_cut<A>(&self, work: impl Future<Output = Outcome<A>>) -> Outcome<A> {
        tokio::select! {
            biased;
            () = self.cord.severed() => Err(revoked()),
            answer = work => answer,
        }
    }

    fn silent(&self, silence: Duration) -> Failure {
        Failure::new(Kind::TimedOut, format!("{} said nothing for {} ms", self.peer, silence.as_millis()))
    }

    fn lost(&self, cause: &io::Error) -> Failure {
        if cause.kind() == io::ErrorKind::TimedOut {
            return Failure::new(Kind::TimedOut, format!("{} takes no more data", self.peer)).with_detail(cause.to_string());
        }
        Failure::new(Kind::Unavailable, format!("the connection to {} broke", self.peer))
            .with_code("connection-lost")
            .with_retry(Retry::AtOnce)
            .with_detail(cause.to_string())
    }
}

impl Writer {
    async fn put(&mut self, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            let written = tokio::time::timeout(self.stall, self.side.write(data)).await??;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            data = data.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// What TLS holds back goes out as well; the writer is whole again.
    async fn done(&mut self) -> io::Result<()> {
        tokio::time::timeout(self.stall, self.side.flush()).await??;
        self.torn = false;
        Ok(())
    }
}
