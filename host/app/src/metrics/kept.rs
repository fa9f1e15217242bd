//! What the catalogue counts: its own commits, and the jobs and paths that are recorded in it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use capstan_catalogue::{Catalogue, Histogram as Buckets};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: String,
}

/// States of jobs that have not ended: each is shown, also at nought.
const OPEN_STATES: [&str; 4] = ["queued", "calculating", "running", "paused"];

/// Gauges that the database is asked for when somebody looks.
pub(super) struct Standings {
    catalogue: Catalogue,
    jobs: Family<StateLabels, Gauge<u64, AtomicU64>>,
    entries: Gauge<u64, AtomicU64>,
    replicas: Gauge<u64, AtomicU64>,
}

impl Standings {
    pub(super) fn registered(registry: &mut Registry, catalogue: Catalogue) -> Self {
        let standing = Self { catalogue, jobs: Family::default(), entries: Gauge::default(), replicas: Gauge::default() };
        registry.register("jobs", "Jobs that have not ended, by state", standing.jobs.clone());
        registry.register("catalogue_entries", "Files, folders and links that are known", standing.entries.clone());
        registry.register("catalogue_replicas", "Stored copies that are known", standing.replicas.clone());
        standing
    }

    pub(super) async fn renew(&self) {
        let standing = match self.catalogue.standing().await {
            Ok(standing) => standing,
            Err(failure) => {
                tracing::warn!(%failure, detail = failure.detail, "the catalogue cannot say how it stands");
                return;
            }
        };
        self.entries.set(standing.entries);
        self.replicas.set(standing.replicas);
        for state in OPEN_STATES {
            let count = standing.jobs.iter().find(|(found, _)| found == state).map_or(0, |(_, count)| *count);
            self.jobs.get_or_create(&StateLabels { state: state.to_owned() }).set(count);
        }
    }
}

/// Counters and histograms of the catalogue, read when somebody looks.
pub(super) struct Kept(pub(super) Catalogue);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl Collector for Kept {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let metrics = self.0.metrics();
        for (name, help, counter) in [
            ("catalogue_commits", "Transactions that were made durable", &metrics.commits),
            ("catalogue_commits_failed", "Transactions that could not be made durable", &metrics.commits_failed),
            ("job_retries", "Jobs put back into the queue because something was away", &metrics.retries),
            ("job_bytes", "Bytes of files that jobs stored and recorded", &metrics.bytes),
        ] {
            let counter = ConstCounter::new(counter.load(Ordering::Relaxed));
            counter.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        let mut paths = encoder.encode_descriptor(
            "job_paths",
            "What became of paths, by state and kind of failure",
            None,
            MetricType::Counter,
        )?;
        for ((state, failure), count) in metrics.outcomes() {
            let labels = [("state", state), ("failure", failure)];
            ConstCounter::new(count).encode(paths.encode_family(&labels)?)?;
        }
        let mut ended = encoder.encode_descriptor("jobs_ended", "Jobs that ended, by final state", None, MetricType::Counter)?;
        for (state, count) in metrics.ends() {
            ConstCounter::new(count).encode(ended.encode_family(&[("state", state)])?)?;
        }
        histogram(&mut encoder, "catalogue_commit_writes", "Writes that one commit made durable", &metrics.batch)?;
        histogram(&mut encoder, "catalogue_commit_duration_seconds", "From a commit's first write to its sync", &metrics.latency)
    }
}

fn histogram<const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    buckets: &Buckets<N>,
) -> Result<(), fmt::Error> {
    let (sum, count, buckets) = buckets.read();
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
    metric.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
}
