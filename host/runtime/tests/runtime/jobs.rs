//! Calls on behalf of a job: who hears of their progress, and which of them a cancelled job ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::{bench, fixture, short, target};
use capstan_domain::context::{JobContext, Report};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{GetOptions, Objects};
use capstan_runtime::Limits;
use serde_json::json;

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
