//! Calls on behalf of a job: who hears of their progress, and which of them a cancelled job ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::{bench, content, fixture, short, target};
use capstan_domain::content::{Body, Source};
use capstan_domain::context::{JobContext, Report};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{GetOptions, Objects, PutOptions};
use capstan_runtime::Limits;
use serde_json::json;
use tokio::sync::Notify;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_ends_the_waits_of_its_own_calls_and_of_no_others() {
    // One store, so that the calls of both jobs and of none are in flight in the same instance.
    let bench = bench(Limits { stores_per_target: 1, call_deadline: Duration::from_secs(30), ..short() });
    bench.serve(fixture("hostile-shared")).await;
    let settings = target("t", "hostile-shared", json!({ "misbehave": "await-cancel" }));
    let id = settings.id;
    bench.runtime.open_target(settings);
    let (first, second) = (JobContext::new("first"), JobContext::new("second"));
    let connected = |context: JobContext| {
        let runtime = bench.runtime.clone();
        // The connection is asked for in the job's scope; the call is made outside of it, on a task of its own.
        async move { context.scope(async { runtime.connection(id).unwrap().objects().unwrap() }).await }
    };
    let head = |objects: Arc<dyn Objects>| tokio::spawn(async move { objects.head("main", "k", GetOptions::default()).await });
    let cancelled = head(connected(first.clone()).await);
    let other = head(connected(second.clone()).await);
    let nobodys = head(bench.runtime.connection(id).unwrap().objects().unwrap());
    let said = Report { done: 1, total: Some(2), note: Some("waiting to be cancelled".to_owned()) };
    for context in [&first, &second] {
        let told = async {
            loop {
                if let Some(report) = context.take_report() {
                    break report;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        assert_eq!(tokio::time::timeout(Duration::from_secs(10), told).await.unwrap(), said);
    }
    let asked = Instant::now();
    first.cancel();
    let failure = tokio::time::timeout(Duration::from_secs(10), cancelled).await.unwrap().unwrap().unwrap_err();
    assert_eq!(failure.kind, Kind::Cancelled);
    assert!(asked.elapsed() < Duration::from_secs(10), "the wait of a minute was not ended");
    assert!(!other.is_finished() && !nobodys.is_finished());
    second.cancel();
    assert_eq!(other.await.unwrap().unwrap_err().kind, Kind::Cancelled);
    assert!(!nobodys.is_finished());
    nobodys.abort();
}

/// A content that is asked for its bytes and never gives one: a plugin that reads it hears of nothing meanwhile.
struct Silent {
    size: u64,
    asked: Arc<Notify>,
}

impl Source for Silent {
    fn size(&self) -> u64 {
        self.size
    }

    fn open(&self, _offset: u64, _length: u64) -> Body {
        self.asked.notify_one();
        Box::pin(futures::stream::pending())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_does_not_hear_of_the_cancel_of_its_job_is_answered_for_and_others_go_on() {
    let limits = Limits { stores_per_target: 1, large_bytes: 1 << 20, call_deadline: Duration::from_secs(300), ..short() };
    let bench = bench(limits);
    bench.serve(fixture("hostile-shared")).await;
    let settings = target("t", "hostile-shared", json!({ "misbehave": "nothing" }));
    let id = settings.id;
    let others = bench.runtime.open_target(settings).objects().unwrap();
    // In the store that all calls share, and in one of its own.
    for size in [1_000, 2 << 20] {
        let job = JobContext::new("cancelled");
        let objects = job.scope(async { bench.runtime.connection(id).unwrap().objects().unwrap() }).await;
        let asked = Arc::new(Notify::new());
        let silent = Arc::new(Silent { size, asked: Arc::clone(&asked) });
        let put = tokio::spawn(async move { objects.put("main", "k", silent, "1", PutOptions::default()).await });
        tokio::time::timeout(PATIENCE, asked.notified()).await.unwrap();
        let cancelled = Instant::now();
        job.cancel();
        let failure = tokio::time::timeout(PATIENCE, put).await.unwrap().unwrap().unwrap_err();
        assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Cancelled, Some("given-up")), "{failure:?}");
        assert!(failure.maybe_done, "nobody knows what the plugin still does");
        assert!(cancelled.elapsed() < Duration::from_secs(10), "{:?}", cancelled.elapsed());
        others.put("main", "other", content("bytes"), "2", PutOptions::default()).await.unwrap();
    }
}
