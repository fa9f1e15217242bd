//! Calls of a job that is cancelled, and calls nobody waits for any more.

use std::time::{Duration, Instant};

use anyhow::ensure;
use capstan_domain::content::{Body, Content, Source};
use capstan_domain::context::JobContext;
use capstan_domain::failure::{Failure, Kind};
use capstan_domain::ports::PutOptions;
use futures::StreamExt;

use crate::case::{Case, Want};
use crate::content::{bytes, counting, same, slow};
use crate::kit::Opened;
use crate::stand::Stand;
use crate::{Check, clause, group, told};

/// A call of a cancelled job ends within.
const SOON: Duration = Duration::from_secs(15);

pub(super) fn all() -> Vec<Case> {
    use Want::{Host, Store};
    group! { "calls";
        "cancelled-before", clause::JOB, [Host, Store], "calls of a job that was cancelled end as usual or as cancelled, soon", before;
        "cancelled-source", clause::CONTENT, [Host, Store], "a source that ends because its job was cancelled makes the put cancelled, and leaves nothing", source;
        "cancelled-others-go-on", clause::JOB, [Host, Store], "calls of other jobs know nothing of a cancelled one", others;
        "abandoned-put", clause::OVERLAP, [Host, Store], "a put that nobody waits for any more leaves all or nothing, and harms nobody", abandoned_put;
        "abandoned-calls", clause::OVERLAP, [Host, Store], "calls that nobody waits for any more harm nobody", abandoned_calls;
    }
}

/// The main target, its connection asked for inside the job.
async fn in_job(stand: &Stand<'_>, job: &JobContext) -> anyhow::Result<Opened> {
    stand.kit()?.for_job(job).await
}

async fn before(stand: &Stand<'_>) -> Check {
    stand.put(&stand.key("there"), counting(5000)).await?;
    let job = JobContext::new("cancelled");
    job.cancel();
    let target = in_job(stand, &job).await?;
    let store = target.store()?;
    let start = Instant::now();
    let key = stand.key("there");
    let failures = [
        store.look(stand.location, &key).await.err(),
        store.get(stand.location, &key, None).await.err(),
        store.page(stand.location, &stand.prefix, None, 10).await.err(),
        store.put(stand.location, &stand.key("new"), counting(10), "put", PutOptions::default()).await.err(),
        store.remove(stand.location, &stand.key("new"), "remove").await.err(),
        target.connection.probe().await.err(),
    ];
    for failure in failures.into_iter().flatten() {
        ensure!(failure.kind == Kind::Cancelled, told(failure));
    }
    ensure!(start.elapsed() < SOON, "it took {} s", start.elapsed().as_secs());
    Ok(())
}

/// Ends as cancelled once its job is.
struct OfJob {
    job: JobContext,
    size: u64,
}

impl Source for OfJob {
    fn size(&self) -> u64 {
        self.size
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        let job = self.job.clone();
        let chunks = futures::stream::iter((offset..offset + length).step_by(64 << 10));
        Box::pin(chunks.then(move |at| {
            let job = job.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if job.is_cancelled() {
                    return Err(Failure::new(Kind::Cancelled, "The job was cancelled."));
                }
                Ok(bytes(at, (64 << 10).min(offset + length - at)).into())
            }
        }))
    }
}

async fn source(stand: &Stand<'_>) -> Check {
    let job = JobContext::new("cancelled meanwhile");
    let target = in_job(stand, &job).await?;
    let content: Content = std::sync::Arc::new(OfJob { job: job.clone(), size: 4 << 20 });
    let key = stand.key("cancelled");
    let putting = target.store()?.put(stand.location, &key, content, "put", PutOptions::default());
    let cancelling = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        job.cancel();
    };
    let (put, ()) = futures::future::join(putting, cancelling).await;
    crate::fails(put, Kind::Cancelled, "a put whose source ends as cancelled")?;
    ensure!(stand.store()?.is_there(stand.location, &key).await?.is_none(), "something was put");
    Ok(())
}

async fn others(stand: &Stand<'_>) -> Check {
    let (cancelled, going) = (JobContext::new("one"), JobContext::new("other"));
    let (one, other) = (in_job(stand, &cancelled).await?, in_job(stand, &going).await?);
    cancelled.cancel();
    let (_, put) = futures::future::join(
        one.store()?.look(stand.location, &stand.key("x")),
        other.store()?.put(
            stand.location,
            &stand.key("kept"),
            slow(1 << 20, 0, Duration::from_millis(50)),
            "put",
            PutOptions::default(),
        ),
    )
    .await;
    put.map_err(told)?;
    let (_, body) = stand.store()?.get(stand.location, &stand.key("kept"), None).await.map_err(told)?;
    same(body, 0, 1 << 20).await
}

/// All or nothing is there, at last.
async fn settled(stand: &Stand<'_>, key: &str, size: u64) -> Check {
    match stand.store()?.is_there(stand.location, key).await? {
        None => Ok(()),
        Some(there) => {
            ensure!(there == size, "{there} bytes are there of {size}");
            let (_, body) = stand.store()?.get(stand.location, key, None).await.map_err(told)?;
            same(body, 0, size).await
        }
    }
}

async fn abandoned_put(stand: &Stand<'_>) -> Check {
    let (store, key) = (stand.store()?, stand.key("abandoned"));
    let size = 2 << 20;
    let content = slow(size, 0, Duration::from_millis(100));
    let putting = store.put(stand.location, &key, content, "put", PutOptions::default());
    ensure!(tokio::time::timeout(Duration::from_millis(300), putting).await.is_err(), "the slow put was over at once");
    settled(stand, &key, size).await?;
    // Whatever the plugin still does with it, it does soon.
    tokio::time::sleep(Duration::from_secs(2)).await;
    settled(stand, &key, size).await?;
    stand.put(&stand.key("after"), counting(100)).await
}

async fn abandoned_calls(stand: &Stand<'_>) -> Check {
    let store = stand.store()?;
    stand.put(&stand.key("there"), counting(1 << 20)).await?;
    let key = stand.key("there");
    for round in 0..20_u64 {
        let patience = Duration::from_micros(round * 150);
        let _ = tokio::time::timeout(patience, store.look(stand.location, &key)).await;
        let _ = tokio::time::timeout(patience, store.get(stand.location, &key, None)).await;
        let _ = tokio::time::timeout(patience, store.page(stand.location, &stand.prefix, None, 10)).await;
    }
    let (_, body) = store.get(stand.location, &key, None).await.map_err(told)?;
    same(body, 0, 1 << 20).await
}
