//! One live HTTP/1.1 connection, driven by whoever waits for it.
//!
//! No task stands behind a connection: the future that waits for an answer, and later the stream that reads its body, poll the
//! protocol engine themselves. That saves two task switches for each chunk, keeps a connection usable from any runtime, and makes
//! dropping the waiter the same as closing the connection. A connection that lies unused is looked at when it is taken up again.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use capstan_domain::failure::Retry;
use capstan_domain::{Failure, Kind, Outcome};
use http::{Method, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::Sleep;

use super::payload::{OutgoingBody, Sending};
use super::request::Payload;
use crate::dial::{Meter, Wire, revoked};
use crate::limits;

pub(super) struct Link {
    engine: http1::Connection<TokioIo<Wire>, OutgoingBody>,
    sender: http1::SendRequest<OutgoingBody>,
    meter: Arc<Meter>,
    timer: Pin<Box<Sleep>>,
    /// The engine has ended; nothing more comes but what was buffered.
    ended: bool,
    /// Requests answered before.
    served: u64,
}

/// A request that was not answered.
pub(super) struct Unanswered {
    pub failure: Failure,
    /// The payload, if nothing of the request left the host.
    pub unsent: Option<Payload>,
    /// The server closed the connection without a word: on a used connection most likely before it saw the request.
    pub silent_close: bool,
}

impl Link {
    pub(super) async fn open(wire: Wire, meter: Arc<Meter>) -> Outcome<Self> {
        let (sender, engine) = http1::Builder::new()
            .max_headers(limits::ANSWER_HEADERS)
            .max_header_size(limits::ANSWER_HEAD_BYTES)
            .max_buf_size(limits::SOCKET_BUFFER_BYTES)
            .handshake(TokioIo::new(wire))
            .await
            .map_err(|cause| Failure::host("the HTTP engine did not start", cause))?;
        meter.touch();
        let timer = Box::pin(tokio::time::sleep(Duration::ZERO));
        Ok(Self { engine, sender, meter, timer, ended: false, served: 0 })
    }

    pub(super) fn is_used(&self) -> bool {
        self.served > 0
    }

    pub(super) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Whether a new request may go out now. Notices a server that closed meanwhile.
    pub(super) fn is_ready(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.advance(&mut cx);
        !self.ended && !self.meter.is_cut(&cx) && matches!(self.sender.poll_ready(&mut cx), Poll::Ready(Ok(())))
    }

    /// Sends the request and waits for the head of the answer.
    pub(super) async fn request(
        &mut self,
        request: http::Request<OutgoingBody>,
        sending: &Sending,
        silence: Duration,
    ) -> Result<Response<Incoming>, Unanswered> {
        let method = request.method().clone();
        let before = self.meter.written();
        self.meter.touch();
        self.arm(silence);
        let mut answer = pin!(self.sender.try_send_request(request));
        let outcome = std::future::poll_fn(|cx| {
            if self.meter.is_cut(cx) {
                return Poll::Ready(Err(Stop::Cut));
            }
            self.ended = self.ended || Pin::new(&mut self.engine).poll(cx).is_ready();
            if let Poll::Ready(result) = answer.as_mut().poll(cx) {
                return Poll::Ready(result.map_err(|error| Stop::Engine(Box::new(error))));
            }
            if self.ended {
                return Poll::Ready(Err(Stop::Closed));
            }
            match poll_silence(self.timer.as_mut(), &self.meter, silence, sending.is_waiting(), cx) {
                true => Poll::Ready(Err(Stop::Silence)),
                false => Poll::Pending,
            }
        })
        .await;
        let sent = self.meter.written() > before;
        match outcome {
            Ok(response) => {
                self.served += 1;
                Ok(response)
            }
            Err(stop) => {
                self.ended = true;
                Err(unanswered(stop, &method, sending, sent, silence))
            }
        }
    }

    /// The next piece of the body of the answer.
    pub(super) fn poll_body(
        &mut self,
        incoming: &mut Incoming,
        cx: &mut Context<'_>,
        silence: Duration,
    ) -> Poll<Option<Outcome<bytes::Bytes>>> {
        if self.meter.is_cut(cx) {
            return Poll::Ready(Some(Err(revoked())));
        }
        // The body is looked at first: what the engine has read already needs no system call.
        for advanced in [false, true] {
            if advanced {
                self.advance(cx);
            }
            loop {
                match http_body::Body::poll_frame(Pin::new(&mut *incoming), cx) {
                    Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                        Ok(data) if data.is_empty() => {}
                        Ok(data) => return Poll::Ready(Some(Ok(data))),
                        Err(_trailers) => {}
                    },
                    Poll::Ready(Some(Err(cause))) => {
                        self.ended = true;
                        return Poll::Ready(Some(Err(broken_answer(&cause))));
                    }
                    Poll::Ready(None) => return Poll::Ready(None),
                    Poll::Pending => break,
                }
            }
        }
        match poll_silence(self.timer.as_mut(), &self.meter, silence, false, cx) {
            true => {
                self.ended = true;
                Poll::Ready(Some(Err(timed_out("the server stopped in the middle of its answer", silence))))
            }
            false => Poll::Pending,
        }
    }

    /// Starts to measure silence: at the beginning of a wait that is the server's to end.
    pub(super) fn arm(&mut self, silence: Duration) {
        self.meter.touch();
        let deadline = Instant::now() + silence;
        // A timer that rings too early is set again when it rings; only one that would ring late must be moved now.
        if self.timer.is_elapsed() || self.timer.deadline().into_std() > deadline {
            self.timer.as_mut().reset(deadline.into());
        }
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        self.ended = self.ended || Pin::new(&mut self.engine).poll(cx).is_ready();
    }
}

/// True when nothing moved for so long. `excused`: the silence is ours.
fn poll_silence(mut timer: Pin<&mut Sleep>, meter: &Meter, limit: Duration, excused: bool, cx: &mut Context<'_>) -> bool {
    while timer.as_mut().poll(cx).is_ready() {
        if excused {
            meter.touch();
        }
        let silence = meter.silence();
        if silence >= limit {
            return true;
        }
        timer.as_mut().reset((Instant::now() + (limit - silence).max(Duration::from_millis(1))).into());
    }
    false
}

enum Stop {
    Cut,
    Silence,
    /// The engine ended and left the request where it was.
    Closed,
    Engine(Box<hyper::client::conn::TrySendError<http::Request<OutgoingBody>>>),
}

fn unanswered(stop: Stop, method: &Method, sending: &Sending, sent: bool, silence: Duration) -> Unanswered {
    let mut unsent = None;
    let mut silent_close = false;
    // The body's own failure is the cause; what the engine says of it is the consequence.
    let failure = match (sending.take_failure(), stop) {
        (Some(failure), _) => failure,
        (None, Stop::Cut) => revoked(),
        (None, Stop::Silence) => timed_out("the server did not answer", silence),
        (None, Stop::Closed) => {
            silent_close = true;
            Failure::new(Kind::Unavailable, "the server closed the connection before it answered").with_retry(Retry::AtOnce)
        }
        (None, Stop::Engine(mut error)) => {
            unsent =
                error.take_message().filter(|_| !sent && !sending.is_touched()).map(|request| request.into_body().into_payload());
            let cause = error.into_error();
            silent_close = cause.is_incomplete_message() || cause.is_canceled() || is_reset(&cause);
            lost(&cause)
        }
    };
    // A method that changes nothing cannot have been done half; the others may have been.
    let failure = if sent && !method.is_safe() { failure.with_maybe_done() } else { failure };
    Unanswered { failure, unsent, silent_close }
}

fn is_reset(cause: &hyper::Error) -> bool {
    io_kind(cause).is_some_and(|kind| {
        matches!(
            kind,
            std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionAborted
        )
    })
}

fn io_kind(cause: &hyper::Error) -> Option<std::io::ErrorKind> {
    let mut next = std::error::Error::source(cause);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        next = error.source();
    }
    None
}

fn lost(cause: &hyper::Error) -> Failure {
    let failure = if cause.is_parse() || cause.is_parse_too_large() {
        Failure::new(Kind::Unavailable, "the server's answer is not HTTP this host accepts").with_retry(Retry::Never)
    } else {
        Failure::new(Kind::Unavailable, "the server closed the connection before it answered").with_retry(Retry::AtOnce)
    };
    failure.with_detail(explained(cause))
}

fn broken_answer(cause: &hyper::Error) -> Failure {
    Failure::new(Kind::Unavailable, "the server's answer ended before it was whole")
        .with_retry(Retry::AtOnce)
        .with_detail(explained(cause))
}

fn explained(cause: &hyper::Error) -> String {
    let mut text = cause.to_string();
    let mut next = std::error::Error::source(cause);
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

fn timed_out(what: &str, silence: Duration) -> Failure {
    Failure::new(Kind::TimedOut, format!("{what} for {} ms", silence.as_millis()))
}
