//! Bytes between the host and a plugin's `stream<u8>`.
//!
//! A stream that the host makes is a `Body` in a wrapper that wasmtime can be asked to give back. When a plugin only hands it on, the
//! import that receives it takes the `Body` out and reads it natively: the bytes never enter the guest, and need no store. A stream
//! that a guest writes itself, or has begun to read, is piped through a short bounded channel instead. Both ways are counted.
//!
//! Why a body ended travels three ways, for three readers: as its last item (native), through a future beside the stream (guest), and
//! in the cell of the content it was opened from (`content.broken`).

use std::any::{Any, TypeId};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use capstan_bindings::latest::WitFailure;
use capstan_domain::content::Body;
use capstan_domain::{Failure, Kind, Outcome};
use futures::channel::mpsc;
use futures::{Stream, StreamExt};
use tokio::sync::oneshot;
use wasmtime::component::{
    Destination, FutureConsumer, FutureReader, Source, StreamConsumer, StreamProducer, StreamReader, StreamResult,
};
use wasmtime::{AsContextMut, StoreContextMut};

use crate::limits;

/// How streams that came back from plugins were read.
#[derive(Debug, Default)]
pub struct StreamCounters {
    /// Natively: the guest handed the host's own stream on.
    pub unwrapped: AtomicU64,
    /// Through the store's event loop.
    pub piped: AtomicU64,
    /// Pipes every stream, as if each were a guest's own: to measure what handing on saves.
    pub only_pipe: AtomicBool,
}

/// The reason a body ended, for whoever waits for it.
type End = oneshot::Sender<Option<Failure>>;
/// A plugin's view of how a body ended.
pub type EndReader = FutureReader<Result<(), WitFailure>>;
/// Where content keeps why its last stream broke.
pub type BrokenCell = Arc<Mutex<Option<Failure>>>;

/// A body that tells how it ended.
struct Watched {
    body: Body,
    end: Option<End>,
    cell: Option<BrokenCell>,
    over: bool,
}

impl Watched {
    fn finish(&mut self, failure: Option<&Failure>) {
        self.over = true;
        if let (Some(failure), Some(cell)) = (failure, &self.cell) {
            *cell.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure.clone());
        }
        if let Some(end) = self.end.take() {
            // Nobody may be waiting for it; that is the usual case.
            let _ = end.send(failure.cloned());
        }
    }
}

impl Stream for Watched {
    type Item = Outcome<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Outcome<Bytes>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let next = self.body.as_mut().poll_next(cx);
        match &next {
            Poll::Ready(Some(Err(failure))) => self.finish(Some(failure)),
            Poll::Ready(None) => self.finish(None),
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        next
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Given up by its reader: that is no failure.
        self.finish(None);
    }
}

/// The host's end of a stream that a plugin may read, or hand back.
struct Produced {
    watched: Watched,
}

impl<D: 'static> StreamProducer<D> for Produced {
    type Item = u8;
    type Buffer = Bytes;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, u8, Bytes>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        // A look whether something is there: answering at once is allowed and needs no byte held back.
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        loop {
            match self.watched.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(chunk))) if chunk.is_empty() => {}
                Poll::Ready(Some(Ok(chunk))) => {
                    destination.set_buffer(chunk);
                    return Poll::Ready(Ok(StreamResult::Completed));
                }
                // The reason went to whoever waits for it; to the stream it is its end.
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Ok(StreamResult::Dropped)),
                Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn try_into(me: Pin<Box<Self>>, wanted: TypeId) -> Result<Box<dyn Any>, Pin<Box<Self>>> {
        if wanted == TypeId::of::<Self>() {
            let me: Box<Self> = Pin::into_inner(me);
            Ok(me)
        } else {
            Err(me)
        }
    }
}

/// Makes a stream of a body. `cell` is told why it broke, if it does.
pub fn reader(store: impl AsContextMut, body: Body, cell: Option<BrokenCell>) -> wasmtime::Result<StreamReader<u8>> {
    StreamReader::new(store, Produced { watched: Watched { body, end: None, cell, over: false } })
}

/// Makes a stream of a body, and the future that says why it ended.
pub fn reader_with_end(mut store: impl AsContextMut, body: Body) -> wasmtime::Result<(StreamReader<u8>, EndReader)> {
    let (sender, receiver) = oneshot::channel();
    let end = FutureReader::new(&mut store, async move {
        let answer = match receiver.await {
            Ok(Some(failure)) => Err(WitFailure::from(failure)),
            Ok(None) | Err(_) => Ok(()),
        };
        Ok::<_, wasmtime::Error>(answer)
    })?;
    let stream =
        StreamReader::new(&mut store, Produced { watched: Watched { body, end: Some(sender), cell: None, over: false } })?;
    Ok((stream, end))
}

/// What came back from a plugin.
pub enum Returned {
    /// The host's own body: needs no store any more.
    Native(Body),
    /// Bytes that come through the store: it must live, and be run, until the body has ended.
    Piped(Body),
}

impl Returned {
    pub fn into_body(self) -> Body {
        match self {
            Self::Native(body) | Self::Piped(body) => body,
        }
    }

    pub fn is_native(&self) -> bool {
        matches!(self, Self::Native(_))
    }
}

/// Takes over a stream that a plugin passed to an import.
pub fn unwrap(mut store: impl AsContextMut, stream: StreamReader<u8>, counters: &StreamCounters) -> wasmtime::Result<Returned> {
    let returned = match counters.only_pipe.load(Ordering::Relaxed) {
        true => Err(stream),
        false => stream.try_into::<Produced>(&mut store),
    };
    match returned {
        Ok(produced) => {
            counters.unwrapped.fetch_add(1, Ordering::Relaxed);
            Ok(Returned::Native(Box::pin(produced.watched)))
        }
        Err(stream) => {
            counters.piped.fetch_add(1, Ordering::Relaxed);
            let (sender, receiver) = mpsc::channel(limits::PIPED_CHUNKS);
            stream.pipe(&mut store, Pipe { sender })?;
            Ok(Returned::Piped(Box::pin(receiver.map(Ok))))
        }
    }
}

/// Takes over a body that a plugin returned, with the future that says why it ended. A piped body whose plugin vanishes before it
/// said so ends with a failure, never silently.
pub fn unwrap_download(
    mut store: impl AsContextMut,
    stream: StreamReader<u8>,
    mut end: EndReader,
    counters: &StreamCounters,
) -> wasmtime::Result<Returned> {
    match unwrap(&mut store, stream, counters)? {
        Returned::Native(body) => {
            // The reason is the body's last item; the future has no way back to its native half.
            end.close(&mut store)?;
            Ok(Returned::Native(body))
        }
        Returned::Piped(body) => {
            let (sender, receiver) = oneshot::channel();
            end.pipe(&mut store, EndTaker { sender: Some(sender) })?;
            let tail = futures::stream::once(async move {
                match receiver.await {
                    Ok(Ok(())) => None,
                    Ok(Err(failure)) => Some(Err(Failure::from(failure))),
                    Err(_) => Some(Err(Failure::new(Kind::PluginFault, "the plugin ended in the middle of a transfer"))),
                }
            });
            Ok(Returned::Piped(Box::pin(body.chain(tail.filter_map(std::future::ready)))))
        }
    }
}

/// Carries a guest's bytes into a channel. Room is reserved before bytes are taken, since they cannot be put back.
struct Pipe {
    sender: mpsc::Sender<Bytes>,
}

impl<D: 'static> StreamConsumer<D> for Pipe {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<D>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        match self.sender.poll_ready(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        }
        let mut source = source.as_direct(store);
        let waiting = source.remaining();
        let chunk = Bytes::copy_from_slice(waiting.get(..limits::PIPED_CHUNK_BYTES).unwrap_or(waiting));
        if chunk.is_empty() {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        source.mark_read(chunk.len());
        match self.sender.start_send(chunk) {
            Ok(()) => Poll::Ready(Ok(StreamResult::Completed)),
            Err(_) => Poll::Ready(Ok(StreamResult::Dropped)),
        }
    }
}

/// Carries the reason of an end out of the store.
struct EndTaker {
    sender: Option<oneshot::Sender<Result<(), WitFailure>>>,
}

impl<D: 'static> FutureConsumer<D> for EndTaker {
    type Item = Result<(), WitFailure>;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        store: StoreContextMut<D>,
        mut source: Source<'_, Self::Item>,
        _finish: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut value = None;
        source.read(store, &mut value)?;
        if let (Some(value), Some(sender)) = (value, self.sender.take()) {
            // The body may have been given up.
            let _ = sender.send(value);
        }
        Poll::Ready(Ok(()))
    }
}
