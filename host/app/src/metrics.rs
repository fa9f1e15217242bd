//! What the host counts, in the text format that Prometheus reads. Names and labels stand here and nowhere else.

mod kept;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use capstan_catalogue::Catalogue;
use capstan_domain::{Failure, Outcome};
use capstan_runtime::Runtime;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use kept::{Kept, Standings};

/// Seconds: 0.5 ms to 16 s.
const LATENCY_BUCKETS: (f64, f64, u16) = (0.0005, 2.0, 16);

/// One answered request. `door` is a dialect's name, never a path: paths hold ids, and labels must stay few.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    pub door: &'static str,
    pub method: &'static str,
    pub status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DoorLabels {
    pub door: &'static str,
}

pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter<u64, AtomicU64>>,
    latency: Family<DoorLabels, Histogram>,
    standing: Option<Standings>,
}

impl Metrics {
    pub(crate) fn new(runtime: &Arc<Runtime>, catalogue: &Catalogue) -> Self {
        let mut metrics = Self::with(|registry| {
            registry.register_collector(Box::new(Counted(Arc::clone(runtime))));
            registry.register_collector(Box::new(Kept(catalogue.clone())));
        });
        metrics.standing = Some(Standings::registered(&mut metrics.registry, catalogue.clone()));
        metrics
    }

    /// `more` adds what other floors count.
    fn with(more: impl FnOnce(&mut Registry)) -> Self {
        let mut registry = Registry::with_prefix("capstan");
        let requests = Family::<RequestLabels, Counter<u64, AtomicU64>>::default();
        let latency = Family::<DoorLabels, Histogram>::new_with_constructor(|| {
            let (start, factor, length) = LATENCY_BUCKETS;
            Histogram::new(exponential_buckets(start, factor, length))
        });
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "From the head of a request to the head of its answer",
            latency.clone(),
        );
        registry.register("build", "The host's release", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        more(&mut registry);
        Self { registry, requests, latency, standing: None }
    }

    pub fn answered(&self, labels: &RequestLabels, took: Duration) {
        self.requests.get_or_create(labels).inc();
        self.latency.get_or_create(&DoorLabels { door: labels.door }).observe(took.as_secs_f64());
    }

    /// A catalogue that cannot be read leaves its gauges as they were; the rest is what somebody then wants to see.
    pub async fn text(&self) -> Outcome<String> {
        if let Some(standing) = &self.standing {
            standing.renew().await;
        }
        let mut text = String::new();
        encode(&mut text, &self.registry).map_err(|error| Failure::host("the metrics cannot be written", error))?;
        Ok(text)
    }
}

/// What the runtime counts, read when somebody asks.
struct Counted(Arc<Runtime>);

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counted")
    }
}

impl Collector for Counted {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let metrics = self.0.metrics();
        let counters: [(&str, &str, &AtomicU64); 19] = [
            ("plugin_calls", "Calls made into plugins", &metrics.calls),
            ("plugin_failures", "Calls that answered a failure", &metrics.failures),
            ("plugin_traps", "Stores dropped because the guest trapped or overran a limit", &metrics.traps),
            ("plugin_faults", "Calls whose answer spoke against the plugin", &metrics.plugin_faults),
            ("plugin_deadlines", "Calls that passed their deadline", &metrics.deadlines),
            ("plugin_store_starts", "Long-lived stores started", &metrics.starts),
            ("plugin_store_restarts", "Long-lived stores started in place of one that died", &metrics.restarts),
            ("plugin_store_recycled", "Long-lived stores replaced because of their age or memory", &metrics.recycled),
            ("plugin_store_fresh", "Stores made for one call", &metrics.fresh_stores),
            ("bodies_unwrapped", "Bodies moved natively although a plugin handed them over", &metrics.streams.unwrapped),
            ("bodies_piped", "Bodies that passed through a store", &metrics.streams.piped),
            (
                "plugin_connections_refused",
                "Calls refused because no connection of their target came free in time",
                &metrics.connections.refused,
            ),
            ("plugin_connections_cut", "Connections cut because their grant was revoked", &metrics.connections.cut),
            ("plugin_busy", "Calls refused because no place came free in time", &metrics.busy),
            ("plugin_compiles", "Components compiled", &metrics.compiles),
            ("plugin_cache_hits", "Loads served by the compile cache", &metrics.cache_hits),
            ("plugin_swaps", "Versions activated", &metrics.swaps),
            ("plugin_rollbacks", "Versions rolled back", &metrics.rollbacks),
            ("plugin_quarantines", "Versions quarantined", &metrics.quarantines),
        ];
        for (name, help, counter) in counters {
            let counter = ConstCounter::new(counter.load(Ordering::Relaxed));
            counter.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        for (name, help, gauge) in [
            ("plugin_calls_waiting", "Calls waiting for a place", &metrics.waiting),
            ("plugin_calls_in_flight", "Calls in flight", &metrics.in_flight),
            ("plugin_connections", "Connections of targets in use", &metrics.connections.in_use),
            ("plugin_connections_waiting", "Calls waiting for a connection of their target", &metrics.connections.waiting),
            ("plugin_stores", "Stores that exist", &metrics.stores),
            ("plugin_table_entries", "Entries of resource tables that outlived their call", &metrics.table_entries),
        ] {
            let gauge = ConstGauge::new(gauge.load(Ordering::Relaxed));
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answered_request_is_counted_under_its_door_and_status() {
        let metrics = Metrics::with(|_| {});
        metrics.answered(&RequestLabels { door: "nodeum", method: "GET", status: 200 }, Duration::from_millis(3));
        let text = metrics.text().await.unwrap();
        assert!(text.contains("capstan_http_requests_total{door=\"nodeum\",method=\"GET\",status=\"200\"} 1"), "{text}");
        assert!(text.contains("capstan_http_request_duration_seconds_count{door=\"nodeum\"} 1"), "{text}");
    }
}
