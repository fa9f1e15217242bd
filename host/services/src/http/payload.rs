//! The body of a request, as hyper reads it: bytes go through untouched and their number is what was promised.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use capstan_domain::Failure;
use capstan_domain::content::Body;
use http_body::{Frame, SizeHint};

use super::request::Payload;

/// What the other side of the connection has to know of a body that it handed to hyper.
#[derive(Debug, Default)]
pub(super) struct Sending {
    /// Why the body stopped, if it did.
    failure: Mutex<Option<Failure>>,
    /// The body waits for its source, so silence on the wire is not the server's fault.
    waiting: AtomicBool,
    /// Something was taken out of the body: it cannot be sent a second time.
    touched: AtomicBool,
}

impl Sending {
    pub(super) fn take_failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(super) fn is_touched(&self) -> bool {
        self.touched.load(Ordering::Relaxed)
    }
}

pub(super) struct OutgoingBody {
    payload: Payload,
    /// Bytes still promised.
    remaining: u64,
    sending: Arc<Sending>,
}

impl OutgoingBody {
    pub(super) fn new(payload: Payload) -> (Self, Arc<Sending>) {
        let sending = Arc::new(Sending::default());
        (Self { remaining: payload.length(), payload, sending: Arc::clone(&sending) }, sending)
    }

    /// Gives the payload back, for another connection; only one that nothing was taken from is whole.
    pub(super) fn into_payload(self) -> Payload {
        self.payload
    }

    fn fail(&mut self, failure: Failure) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        self.payload = Payload::Empty;
        self.remaining = 0;
        *self.sending.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure.clone());
        Poll::Ready(Some(Err(failure)))
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let Payload::Stream { body, length } = &mut self.payload else { return Poll::Ready(None) };
        let length = *length;
        loop {
            let next = body.as_mut().poll_next(cx);
            self.sending.waiting.store(next.is_pending(), Ordering::Relaxed);
            match next {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(chunk))) if chunk.is_empty() => {}
                Poll::Ready(Some(Ok(chunk))) => {
                    let Some(remaining) = self.remaining.checked_sub(chunk.len() as u64) else {
                        return self.fail(mismatch(length, "more"));
                    };
                    self.remaining = remaining;
                    if remaining == 0 && is_longer(body, cx) {
                        return self.fail(mismatch(length, "more"));
                    }
                    return Poll::Ready(Some(Ok(Frame::data(chunk))));
                }
                Poll::Ready(Some(Err(failure))) => return self.fail(failure),
                Poll::Ready(None) if self.remaining > 0 => return self.fail(mismatch(length, "fewer")),
                Poll::Ready(None) => return Poll::Ready(None),
            }
        }
    }
}

/// One look past the promised end. It does not wait: a writer that keeps its end open until it sees the answer is in its right.
fn is_longer(body: &mut Body, cx: &mut Context<'_>) -> bool {
    matches!(body.as_mut().poll_next(cx), Poll::Ready(Some(Ok(chunk))) if !chunk.is_empty())
}

fn mismatch(length: u64, than: &str) -> Failure {
    Failure::invalid(format!("the request body has {than} bytes than the {length} it was said to have"))
        .with_blame(capstan_domain::failure::Blame::Plugin)
}

impl http_body::Body for OutgoingBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let body = self.get_mut();
        match &mut body.payload {
            Payload::Empty => Poll::Ready(None),
            Payload::Bytes(bytes) => {
                body.remaining = 0;
                // A clone shares the bytes; the original stays for a retry.
                Poll::Ready(Some(Ok(Frame::data(bytes.clone()))))
            }
            Payload::Stream { .. } => {
                body.sending.touched.store(true, Ordering::Relaxed);
                body.poll_stream(cx)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn stream(chunks: &[&'static str], length: u64) -> Payload {
        let chunks: Vec<_> = chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
        Payload::Stream { body: Box::pin(futures::stream::iter(chunks)), length }
    }

    #[tokio::test]
    async fn a_body_of_the_promised_length_goes_through() {
        let (body, _) = OutgoingBody::new(stream(&["ab", "", "cde"], 5));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abcde");
    }

    #[tokio::test]
    async fn a_body_of_another_length_is_a_failure() {
        for chunks in [&["ab"][..], &["abcdef"], &["abcde", "f"]] {
            let (body, sending) = OutgoingBody::new(stream(chunks, 5));
            assert_eq!(body.collect().await.unwrap_err().kind, capstan_domain::Kind::Invalid);
            assert!(sending.take_failure().is_some());
        }
    }
}
