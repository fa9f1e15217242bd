//! Blocking work on files, off the threads that poll.

use capstan_domain::{Failure, Outcome};

pub(crate) async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Outcome<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure::host("The host could not work on a file", error))
}
