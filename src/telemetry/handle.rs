//! Handles of metrics, kept by each thread: to look one up by its labels in the recorder costs more than to count.

use std::cell::RefCell;

use metrics::{Counter, Gauge, Histogram, Label};

use crate::telemetry::{Metric, is_recording};

thread_local! {
    static COUNTERS: RefCell<Handles<Counter>> = const { RefCell::new(Handles::new()) };
    static GAUGES: RefCell<Handles<Gauge>> = const { RefCell::new(Handles::new()) };
    static HISTOGRAMS: RefCell<Handles<Histogram>> = const { RefCell::new(Handles::new()) };
}

/// Adds to a counter. `values`: of its labels, in the order of [`Metric::row`].
pub(super) fn count(metric: Metric, values: &[&str], by: u64) {
    let make = |labels| metrics::counter!(metric.name(), labels);
    // A thread that is ending keeps nothing any more.
    let _ = COUNTERS.try_with(|kept| kept.borrow_mut().with(metric, values, make, |counter| counter.increment(by)));
}

/// Adds to a gauge without labels.
pub(super) fn shift(metric: Metric, by: f64) {
    let make = |labels| metrics::gauge!(metric.name(), labels);
    let _ = GAUGES.try_with(|kept| kept.borrow_mut().with(metric, &[], make, |gauge| gauge.increment(by)));
}

/// Sets a gauge without labels.
pub(super) fn set(metric: Metric, to: f64) {
    let make = |labels| metrics::gauge!(metric.name(), labels);
    let _ = GAUGES.try_with(|kept| kept.borrow_mut().with(metric, &[], make, |gauge| gauge.set(to)));
}

/// Notes a duration. `values` as in [`count`].
pub(super) fn time(metric: Metric, values: &[&str], took: std::time::Duration) {
    let make = |labels| metrics::histogram!(metric.name(), labels);
    let note = |histogram: &Histogram| histogram.record(took.as_secs_f64());
    let _ = HISTOGRAMS.try_with(|kept| kept.borrow_mut().with(metric, values, make, note));
}

/// Handles by metric and values; the values of labels are few, so a list is searched fastest.
struct Handles<T>(Vec<Kept<T>>);

struct Kept<T> {
    metric: Metric,
    values: Box<[Box<str>]>,
    handle: T,
}

impl<T> Handles<T> {
    const fn new() -> Self {
        Self(Vec::new())
    }

    fn with(&mut self, metric: Metric, values: &[&str], make: impl Fn(Vec<Label>) -> T, use_it: impl Fn(&T)) {
        let is_it = |kept: &&Kept<T>| {
            kept.metric == metric && kept.values.iter().map(|value| &**value).eq(values.iter().copied())
        };
        if let Some(kept) = self.0.iter().find(is_it) {
            return use_it(&kept.handle);
        }
        let (_, _, names, _) = metric.row();
        let labels = names.iter().zip(values).map(|(name, value)| Label::new(*name, (*value).to_owned())).collect();
        let handle = make(labels);
        use_it(&handle);
        // Before there is a recorder, a handle leads nowhere, and would for ever.
        if is_recording() {
            let values = values.iter().map(|value| Box::from(*value)).collect();
            self.0.push(Kept { metric, values, handle });
        }
    }
}
