//! Work that leaves the event loop of a store, and ends with whoever waits for it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use capstan_domain::{Failure, Outcome};
use tokio::task::JoinHandle;

/// A task that is cancelled when it is dropped: a call that is given up must not go on in the dark.
pub(crate) struct Task<T>(JoinHandle<Outcome<T>>);

pub(crate) fn spawn<T: Send + 'static>(work: impl Future<Output = Outcome<T>> + Send + 'static) -> Task<T> {
    Task(tokio::spawn(work))
}

impl<T> Future for Task<T> {
    type Output = Outcome<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<T>> {
        Pin::new(&mut self.0)
            .poll(cx)
            .map(|joined| joined.unwrap_or_else(|cause| Err(Failure::host("a task of the host ended badly", cause))))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
