//! Connections over the host, as the byte streams that protocol libraries want.
//!
//! `connect` answers the contract's own connection, which hands payloads on natively (`send`). `Stream` makes futures' `AsyncRead` and
//! `AsyncWrite` of one, for a library that does all by itself.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncWrite};

pub use crate::bindings::capstan::host::tcp::{Connection, connect};
use crate::failure::{Failure, Outcome, unavailable};

/// Bytes asked of the host at once; what a library reads in small pieces comes out of them.
const READ_BYTES: u32 = 256 << 10;
/// Bytes handed to the host at once.
const WRITE_BYTES: usize = 256 << 10;

/// What a stream is made of. Implemented by the contract's connection, and by what a native test puts in its place.
pub trait Line: 'static {
    fn read(&self, limit: u32) -> impl Future<Output = Outcome<Vec<u8>>>;
    fn write(&self, data: Vec<u8>) -> impl Future<Output = Outcome<()>>;
    fn finish(&self) -> impl Future<Output = Outcome<()>>;
}

impl Line for Connection {
    async fn read(&self, limit: u32) -> Outcome<Vec<u8>> {
        Connection::read(self, limit).await
    }

    async fn write(&self, data: Vec<u8>) -> Outcome<()> {
        Connection::write(self, data).await
    }

    async fn finish(&self) -> Outcome<()> {
        Connection::finish(self).await
    }
}

type Work<A> = Pin<Box<dyn Future<Output = Outcome<A>>>>;

/// Reads ahead by up to 256 KiB. A write goes out at once, without a flush, while the caller goes on; what became of it is told by the
/// next write, flush or close. `failure` takes the host's failure out of an error.
pub struct Stream<L = Connection> {
    line: Rc<L>,
    reading: Option<Work<Vec<u8>>>,
    read: Vec<u8>,
    /// Bytes of `read` that were given out.
    given: usize,
    writing: Option<Work<()>>,
    closed: bool,
}

impl<L> std::fmt::Debug for Stream<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("ready", &(self.read.len() - self.given)).finish_non_exhaustive()
    }
}

impl<L: Line> Stream<L> {
    pub fn new(line: L) -> Self {
        Self { line: Rc::new(line), reading: None, read: Vec::new(), given: 0, writing: None, closed: false }
    }

    /// Drives the write under way, if there is one, to its end.
    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(writing) = &mut self.writing {
            let written = ready!(writing.as_mut().poll(cx));
            self.writing = None;
            written.map_err(io::Error::other)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<L: Line> AsyncRead for Stream<L> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let me = &mut *self;
        if me.given == me.read.len() && !buffer.is_empty() {
            let line = &me.line;
            let reading = me.reading.get_or_insert_with(|| {
                let line = Rc::clone(line);
                Box::pin(async move { line.read(READ_BYTES).await })
            });
            let read = ready!(reading.as_mut().poll(cx));
            me.reading = None;
            me.read = read.map_err(io::Error::other)?;
            me.given = 0;
        }
        let ready = me.read.get(me.given..).unwrap_or_default();
        let count = ready.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(ready) {
            *to = *from;
        }
        me.given += count;
        Poll::Ready(Ok(count))
    }
}

impl<L: Line> AsyncWrite for Stream<L> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let me = &mut *self;
        ready!(me.poll_written(cx))?;
        let piece = data.get(..WRITE_BYTES).unwrap_or(data);
        if piece.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let (line, bytes) = (Rc::clone(&me.line), piece.to_vec());
        me.writing = Some(Box::pin(async move { line.write(bytes).await }));
        // The first look hands it to the host, which goes on whether or not anybody looks again.
        match me.poll_written(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(piece.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_written(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = &mut *self;
        ready!(me.poll_written(cx))?;
        if !me.closed {
            me.closed = true;
            let line = Rc::clone(&me.line);
            me.writing = Some(Box::pin(async move { line.finish().await }));
            return me.poll_written(cx);
        }
        Poll::Ready(Ok(()))
    }
}

/// The failure behind an error of a stream, or one that says what a library made of it.
pub fn failure(error: io::Error) -> Failure {
    let text = error.to_string();
    match error.into_inner().and_then(|inner| inner.downcast::<Failure>().ok()) {
        Some(failure) => *failure,
        None => unavailable("the connection broke").code("connection-lost").detail(text),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use futures::executor::block_on;
    use futures::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::failure::denied;

    /// Answers what it was given to answer, and keeps what it was told.
    #[derive(Default)]
    struct Script {
        answers: RefCell<VecDeque<Outcome<Vec<u8>>>>,
        reads: RefCell<u32>,
        told: Rc<RefCell<Vec<String>>>,
        refuses: bool,
    }

    impl Line for Script {
        async fn read(&self, limit: u32) -> Outcome<Vec<u8>> {
            assert_eq!(limit, READ_BYTES);
            *self.reads.borrow_mut() += 1;
            self.answers.borrow_mut().pop_front().unwrap_or_else(|| Ok(Vec::new()))
        }

        async fn write(&self, data: Vec<u8>) -> Outcome<()> {
            if self.refuses {
                return Err(denied("the grant was revoked"));
            }
            self.told.borrow_mut().push(format!("{} bytes", data.len()));
            Ok(())
        }

        async fn finish(&self) -> Outcome<()> {
            self.told.borrow_mut().push("end".to_owned());
            Ok(())
        }
    }

    #[test]
    fn small_reads_come_out_of_one_answer_of_the_host() {
        let script = Script::default();
        script.answers.borrow_mut().extend([Ok(b"abcdef".to_vec()), Ok(b"gh".to_vec())]);
        let mut stream = Stream::new(script);
        block_on(async {
            let mut piece = [0; 4];
            stream.read_exact(&mut piece).await.unwrap();
            assert_eq!(&piece, b"abcd");
            assert_eq!(*stream.line.reads.borrow(), 1);
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.unwrap();
            assert_eq!(rest, b"efgh");
        });
    }

    #[test]
    fn writes_go_out_without_a_flush_and_closing_says_so_once() {
        let script = Script::default();
        let told = Rc::clone(&script.told);
        let mut stream = Stream::new(script);
        block_on(async {
            stream.write_all(&[0; 5]).await.unwrap();
            assert_eq!(*told.borrow(), ["5 bytes"]);
            stream.write_all(&vec![0; WRITE_BYTES + 1]).await.unwrap();
            stream.close().await.unwrap();
            stream.close().await.unwrap();
        });
        assert_eq!(*told.borrow(), ["5 bytes", "262144 bytes", "1 bytes", "end"]);
    }

    #[test]
    fn the_hosts_failure_is_found_again_behind_an_error() {
        let mut stream = Stream::new(Script { refuses: true, ..Script::default() });
        let error = block_on(stream.write_all(b"x")).unwrap_err();
        assert!(matches!(failure(error), Failure::Denied(_)));
        assert!(matches!(failure(io::ErrorKind::InvalidData.into()), Failure::Unavailable(_)));
    }
}
