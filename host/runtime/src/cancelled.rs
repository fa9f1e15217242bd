//! Calls of a job that is cancelled: they are over within a second, whatever their plugin and its target do.
//!
//! A plugin hears of it (`capstan:host/job`, and the waits that the host ends for it) and says by itself what became of the call.
//! Where it does not, whoever waits is answered in its place, and the call has some more time to take away what it left. Then its
//! store goes: at once if it was the call's own, else with the last of its other calls.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use capstan_domain::Outcome;
use capstan_domain::content::Body;
use capstan_domain::context::JobContext;
use capstan_domain::failure::{Failure, Kind};
use futures::Stream;
use futures::future::BoxFuture;

/// How long after its job was cancelled a call may tell by itself what became of it.
const LAST_WORD: Duration = Duration::from_millis(800);
/// How long it may take away what it left.
pub(crate) const TIDYING: Duration = Duration::from_secs(5);
pub(crate) const GIVEN_UP: &str = "given-up";

/// Ends when a call of this job has had its last word; never where there is no job, or it is wanted.
pub(crate) async fn last_word(job: Option<&JobContext>) {
    let Some(job) = job else { return std::future::pending().await };
    job.cancelled().await;
    tokio::time::sleep(LAST_WORD).await;
}

pub(crate) fn given_up() -> Failure {
    Failure::new(Kind::Cancelled, "The job was cancelled before the target answered.").with_code(GIVEN_UP)
}

/// The same, of a call that had not begun.
pub(crate) fn not_begun() -> Failure {
    Failure::new(Kind::Cancelled, "The job was cancelled while the call waited for its turn.")
}

/// A body that waits for its target no longer than its job is wanted.
pub(crate) fn body(body: Body, job: Option<&JobContext>) -> Body {
    match job {
        None => body,
        Some(job) => Box::pin(OfJob { body, cancelled: Some(Box::pin(job.cancelled())) }),
    }
}

struct OfJob {
    body: Body,
    /// None: the body has ended.
    cancelled: Option<BoxFuture<'static, ()>>,
}

impl Stream for OfJob {
    type Item = Outcome<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Outcome<Bytes>>> {
        let Some(mut cancelled) = self.cancelled.take() else { return Poll::Ready(None) };
        let next = self.body.as_mut().poll_next(context);
        if matches!(next, Poll::Ready(Some(Ok(_)))) || (next.is_pending() && cancelled.as_mut().poll(context).is_pending()) {
            self.cancelled = Some(cancelled);
            return next;
        }
        match next {
            Poll::Pending => Poll::Ready(Some(Err(given_up()))),
            ended => ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use futures::StreamExt;

    use super::*;

    #[tokio::test]
    async fn a_body_gives_what_it_has_and_ends_when_its_job_is_cancelled() {
        let job = JobContext::new("1");
        let chunks: [Outcome<Bytes>; 2] = [Ok(Bytes::from_static(b"a")), Ok(Bytes::from_static(b"b"))];
        let mut silent = body(Box::pin(futures::stream::iter(chunks).chain(futures::stream::pending())), Some(&job));
        assert_eq!(silent.next().await.unwrap().unwrap(), "a");
        let waiting = async {
            let rest: Vec<_> = silent.by_ref().collect().await;
            rest.into_iter().map(|item| item.map_err(|failure| failure.kind)).collect::<Vec<_>>()
        };
        let cancelling = async { job.cancel() };
        let (rest, ()) = futures::future::join(waiting, cancelling).await;
        assert_eq!(rest, [Ok(Bytes::from_static(b"b")), Err(Kind::Cancelled)]);
        assert!(silent.next().await.is_none());
    }

    #[tokio::test]
    async fn a_body_that_ends_by_itself_ends_as_it_did() {
        let job = JobContext::new("1");
        job.cancel();
        let chunks = || futures::stream::iter([Outcome::<Bytes>::Ok(Bytes::from_static(b"a"))]);
        let whole: Vec<_> = body(Box::pin(chunks()), Some(&job)).collect().await;
        assert!(matches!(&*whole, [Ok(_)]));
        let broken = chunks().chain(futures::stream::iter([Err(Failure::new(Kind::Unavailable, "broken"))]));
        let broken: Vec<_> = body(Box::pin(broken), Some(&job)).collect().await;
        assert!(matches!(&*broken, [Ok(_), Err(failure)] if failure.kind == Kind::Unavailable));
    }

    #[tokio::test]
    async fn the_last_word_comes_after_the_cancel_and_not_without_it() {
        let job = JobContext::new("1");
        let never = tokio::time::timeout(Duration::from_millis(20), last_word(Some(&job))).await;
        assert!(never.is_err() && tokio::time::timeout(Duration::from_millis(20), last_word(None)).await.is_err());
        job.cancel();
        let begun = Instant::now();
        last_word(Some(&job)).await;
        assert!(begun.elapsed() >= LAST_WORD);
    }
}
