//! Ranges of a file or an object that is best read whole and once: cut out of one stream, in order.
//!
//! A reader waits until the stream is free, and of those that wait the one that begins next in the file goes first. What lies
//! between is read and dropped; who wants what is past already begins the stream anew. So readers that go through the file a few
//! ranges at a time, as a transfer and its proof do, read it once, and nothing is held but a chunk.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use capstan_domain::content::Body;
use capstan_domain::{Failure, Outcome};
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt};
use tokio::sync::Notify;

/// Asks for the whole of it.
pub(crate) type Whole = Arc<dyn Fn() -> BoxFuture<'static, Outcome<Body>> + Send + Sync>;

pub(crate) struct InOrder {
    size: u64,
    whole: Whole,
    /// What it means that the stream has another number of bytes.
    wrong: fn() -> Failure,
    state: Mutex<State>,
    moved: Notify,
}

#[derive(Default)]
struct State {
    taken: bool,
    /// Kept between two readers.
    stream: Option<Cursor>,
    /// Where those that wait begin, and how many begin there.
    waiting: BTreeMap<u64, usize>,
}

struct Cursor {
    body: Body,
    position: u64,
    /// Of the last chunk, what nobody has taken yet.
    rest: Bytes,
}

impl Cursor {
    async fn next(&mut self, most: u64, wrong: fn() -> Failure) -> Outcome<Bytes> {
        while self.rest.is_empty() {
            self.rest = self.body.next().await.ok_or_else(wrong)??;
        }
        let take = usize::try_from(most).unwrap_or(usize::MAX).min(self.rest.len());
        self.position += take as u64;
        Ok(self.rest.split_to(take))
    }

    /// After the last byte: nothing follows, and the target says that all went well.
    async fn end(&mut self, wrong: fn() -> Failure) -> Outcome<()> {
        let more = if self.rest.is_empty() { self.body.next().await.transpose()? } else { None };
        if self.rest.is_empty() && more.is_none() { Ok(()) } else { Err(wrong()) }
    }
}

impl InOrder {
    pub(crate) fn new(size: u64, whole: Whole, wrong: fn() -> Failure) -> Arc<Self> {
        Arc::new(Self { size, whole, wrong, state: Mutex::default(), moved: Notify::new() })
    }

    pub(crate) fn open(self: &Arc<Self>, offset: u64, length: u64) -> Body {
        let order = Arc::clone(self);
        let body = async move {
            let mut turn = order.turn(offset).await;
            if turn.cursor.as_ref().is_none_or(|cursor| cursor.position > offset) {
                turn.cursor = None;
                let body = (order.whole)().await?;
                turn.cursor = Some(Cursor { body, position: 0, rest: Bytes::new() });
            }
            Ok::<_, Failure>(Box::pin(futures::stream::unfold(Some((turn, length)), move |state| async move {
                let (mut turn, left) = state?;
                match turn.step(offset, left).await {
                    Ok(Some(chunk)) => {
                        let left = left - chunk.len() as u64;
                        Some((Ok(chunk), Some((turn, left))))
                    }
                    Ok(None) => None,
                    Err(failure) => {
                        // A stream that broke is of use to nobody.
                        turn.cursor = None;
                        Some((Err(failure), None))
                    }
                }
            })))
        };
        Box::pin(futures::stream::once(body).try_flatten())
    }

    async fn turn(self: &Arc<Self>, offset: u64) -> Turn {
        let place = Place::new(Arc::clone(self), offset);
        loop {
            let mut moved = pin!(self.moved.notified());
            moved.as_mut().enable();
            if let Some(cursor) = place.take() {
                return Turn { order: Arc::clone(self), cursor };
            }
            moved.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Among those that wait; given up when dropped.
struct Place {
    order: Arc<InOrder>,
    offset: u64,
}

impl Place {
    fn new(order: Arc<InOrder>, offset: u64) -> Self {
        *order.lock().waiting.entry(offset).or_default() += 1;
        Self { order, offset }
    }

    /// The stream, if it is this one's turn; the inner none: it must be begun.
    fn take(&self) -> Option<Option<Cursor>> {
        let mut state = self.order.lock();
        let position = state.stream.as_ref().map_or(0, |cursor| cursor.position);
        let next = state.waiting.range(position..).next().or_else(|| state.waiting.iter().next()).map(|(offset, _)| *offset);
        if state.taken || next != Some(self.offset) {
            return None;
        }
        state.taken = true;
        Some(state.stream.take())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.order.lock();
        if let Some(count) = state.waiting.get_mut(&self.offset) {
            *count -= 1;
            if *count == 0 {
                state.waiting.remove(&self.offset);
            }
        }
        drop(state);
        // The one that is next now may have waited for this one.
        self.order.moved.notify_waiters();
    }
}

/// Holds the stream; gives it back when dropped, wherever it stands.
struct Turn {
    order: Arc<InOrder>,
    cursor: Option<Cursor>,
}

impl Turn {
    async fn step(&mut self, offset: u64, left: u64) -> Outcome<Option<Bytes>> {
        let wrong = self.order.wrong;
        let Some(cursor) = &mut self.cursor else { return Err(wrong()) };
        while cursor.position < offset {
            cursor.next(offset - cursor.position, wrong).await?;
        }
        if left > 0 {
            return cursor.next(left, wrong).await.map(Some);
        }
        if cursor.position == self.order.size {
            cursor.end(wrong).await?;
        }
        Ok(None)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.order.lock();
        state.taken = false;
        state.stream = self.cursor.take();
        drop(state);
        self.order.moved.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const SIZE: u64 = 1_000;

    /// Every byte is its place modulo 251; chunks of 70 bytes, which fit no range.
    fn counting(begun: &Arc<AtomicUsize>) -> Arc<InOrder> {
        let begun = Arc::clone(begun);
        let whole: Whole = Arc::new(move || {
            begun.fetch_add(1, Ordering::SeqCst);
            let bytes: Vec<u8> = (0..SIZE).map(|at| (at % 251) as u8).collect();
            let chunks: Vec<Outcome<Bytes>> = bytes.chunks(70).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
            Box::pin(async move { Ok(Box::pin(futures::stream::iter(chunks)) as Body) })
        });
        InOrder::new(SIZE, whole, || Failure::invalid("another number of bytes"))
    }

    async fn read(order: &Arc<InOrder>, offset: u64, length: u64) -> Vec<u8> {
        let chunks: Vec<Bytes> = order.open(offset, length).try_collect().await.expect("range");
        chunks.concat()
    }

    fn expected(offset: u64, length: u64) -> Vec<u8> {
        (offset..offset + length).map(|at| (at % 251) as u8).collect()
    }

    #[tokio::test]
    async fn ranges_asked_for_together_are_cut_from_one_stream() {
        let begun = Arc::new(AtomicUsize::new(0));
        let order = counting(&begun);
        let ranges = futures::stream::iter((0..10).map(|number| number * 100)).map(|offset| {
            let order = Arc::clone(&order);
            async move { (offset, read(&order, offset, 100).await) }
        });
        let read: Vec<_> = ranges.buffer_unordered(4).collect().await;
        for (offset, bytes) in read {
            assert_eq!(bytes, expected(offset, 100), "{offset}");
        }
        assert_eq!(begun.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn what_is_past_begins_the_stream_anew_and_what_is_ahead_is_skipped() {
        let begun = Arc::new(AtomicUsize::new(0));
        let order = counting(&begun);
        assert_eq!(read(&order, 500, 100).await, expected(500, 100));
        assert_eq!(read(&order, 850, 150).await, expected(850, 150));
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        assert_eq!(read(&order, 100, 10).await, expected(100, 10));
        assert_eq!(begun.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_reader_that_breaks_off_keeps_nobody_waiting() {
        let begun = Arc::new(AtomicUsize::new(0));
        let order = counting(&begun);
        let mut first = order.open(0, 400);
        first.next().await.expect("chunk").expect("bytes");
        let second = tokio::spawn({
            let order = Arc::clone(&order);
            async move { read(&order, 400, 100).await }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert_eq!(second.await.expect("reader"), expected(400, 100));
        assert_eq!(begun.load(Ordering::SeqCst), 1);
    }
}
