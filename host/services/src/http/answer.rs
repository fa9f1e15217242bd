//! The body of an answer as a stream; at its end the connection goes back to the pool.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use capstan_domain::Outcome;
use futures::Stream;
use hyper::body::Incoming;

use super::pool::{Lease, Pool};

pub(super) struct Answer {
    /// None: the body has ended, well or not.
    lease: Option<Lease>,
    incoming: Incoming,
    pool: Arc<Pool>,
    silence: Duration,
    /// A poll is waiting for the server; between polls the silence is the reader's.
    waiting: bool,
}

impl Answer {
    pub(super) fn new(lease: Lease, incoming: Incoming, pool: Arc<Pool>, silence: Duration) -> Self {
        Self { lease: Some(lease), incoming, pool, silence, waiting: false }
    }
}

impl Stream for Answer {
    type Item = Outcome<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Outcome<Bytes>>> {
        let answer = &mut *self;
        let Some(lease) = &mut answer.lease else { return Poll::Ready(None) };
        if !answer.waiting {
            answer.waiting = true;
            lease.link.arm(answer.silence);
        }
        let next = lease.link.poll_body(&mut answer.incoming, cx, answer.silence);
        match &next {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(_))) => answer.waiting = false,
            // A connection whose answer broke is closed, never kept.
            Poll::Ready(Some(Err(_))) => answer.lease = None,
            Poll::Ready(None) => {
                if let Some(lease) = answer.lease.take() {
                    answer.pool.give_back(lease);
                }
            }
        }
        next
    }
}
