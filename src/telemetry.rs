//! Telemetry: metrics and log events, never content.
//!
//! Every metric is a row of [`Metric`]; every event is a struct whose `emit` counts and logs at once, so that the two
//! cannot drift apart. SECURITY: the structs have no field that could hold a caller's text.

pub mod events;
mod handle;
pub mod metric;

pub use metric::Metric;

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of the histograms, seconds: from 20 µs (the inspection of a small body) to 10 minutes (the longest upstream call).
const BUCKETS: [f64; 15] =
    [0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 600.0];

/// How often the histograms' buffers are emptied; Prometheus scrapes every 15 to 60 s.
pub const UPKEEP: Duration = Duration::from_secs(5);

static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// True once it is settled where metrics go.
fn is_recording() -> bool {
    HANDLE.get().is_some()
}

/// The process's recorder, installed on first use; every later call returns the same handle.
///
/// `None`: another recorder was installed before, so there is nothing for `/metrics` to show.
#[must_use]
pub fn recorder() -> Option<PrometheusHandle> {
    HANDLE
        .get_or_init(|| {
            let handle = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
                .ok()?
                .install_recorder()
                .ok()?;
            Metric::describe_all();
            Some(handle)
        })
        .clone()
}
