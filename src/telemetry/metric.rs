//! The names of all metrics, as one table.

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Answered requests.
    Requests,
    /// Refusals.
    Refusals,
    /// Exchanges whose caller left.
    Aborted,
    /// Time of one inspection.
    InspectSeconds,
    /// Time that an exchange waited for the audit log.
    AuditWaitSeconds,
    /// Time of a whole exchange.
    ExchangeSeconds,
    /// Exchanges under way.
    InFlight,
    /// Open connections of callers.
    Connections,
    /// Findings.
    Findings,
    /// Tool calls and declared tools that were judged.
    ToolCalls,
    /// Bytes of text by how they were treated.
    CoverageBytes,
    /// Reloads of the ruleset.
    RulesetReloads,
    /// Time of one reload.
    RulesetReloadSeconds,
    /// Whether the files on disk could not be loaded.
    RulesetStale,
    /// Reloads of approved tools and policies.
    PolicyReloads,
    /// Whether their files could not be loaded.
    PolicyStale,
    /// Callers cut because they took nothing.
    Stalled,
    /// Callers identified, or not.
    Identities,
    /// Fetches and reloads of the issuer's keys.
    JwksRefreshes,
    /// TLS handshakes of callers.
    Handshakes,
    /// Reloads of the listeners' certificates.
    CertificateReloads,
    /// Texts that a candidate ruleset saw.
    ShadowTexts,
    /// What a candidate ruleset finds otherwise.
    ShadowFindings,
    /// Texts that the classifier was asked about.
    ClassifierTexts,
    /// Time that a request waited for the classifier.
    ClassifierSeconds,
    /// Reloads of the classifier's model.
    ClassifierReloads,
    /// Panics caught.
    Panics,
}

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Spread of durations.
    Histogram,
}

impl Metric {
    /// Every metric, for descriptions and documentation.
    pub const ALL: [Self; 27] = [
        Self::Requests,
        Self::Refusals,
        Self::Aborted,
        Self::InspectSeconds,
        Self::AuditWaitSeconds,
        Self::ExchangeSeconds,
        Self::InFlight,
        Self::Connections,
        Self::Findings,
        Self::ToolCalls,
        Self::CoverageBytes,
        Self::RulesetReloads,
        Self::RulesetReloadSeconds,
        Self::RulesetStale,
        Self::PolicyReloads,
        Self::PolicyStale,
        Self::Stalled,
        Self::Identities,
        Self::JwksRefreshes,
        Self::Handshakes,
        Self::CertificateReloads,
        Self::ShadowTexts,
        Self::ShadowFindings,
        Self::ClassifierTexts,
        Self::ClassifierSeconds,
        Self::ClassifierReloads,
        Self::Panics,
    ];

    /// (name, shape, labels, meaning).
    #[must_use]
    pub const fn row(self) -> (&'static str, Shape, &'static [&'static str], &'static str) {
        use Shape::{Counter, Gauge, Histogram};
        match self {
            Self::Requests => {
                ("sidewall_requests_total", Counter, &["endpoint", "status", "verdict"], "Requests answered.")
            }
            Self::Refusals => ("sidewall_refusals_total", Counter, &["code"], "Requests refused, by code."),
            Self::Aborted => ("sidewall_aborted_total", Counter, &["endpoint"], "Exchanges whose caller left."),
            Self::InspectSeconds => ("sidewall_inspect_seconds", Histogram, &["phase"], "Time of one inspection."),
            Self::AuditWaitSeconds => {
                ("sidewall_audit_wait_seconds", Histogram, &["record"], "Time an exchange waited for the audit log.")
            }
            Self::ExchangeSeconds => {
                ("sidewall_exchange_seconds", Histogram, &["endpoint"], "Time from request to the response's end.")
            }
            Self::InFlight => ("sidewall_exchanges_in_flight", Gauge, &[], "Exchanges under way."),
            Self::Connections => ("sidewall_connections", Gauge, &[], "Open connections of callers."),
            Self::Findings => ("sidewall_findings_total", Counter, &["kind", "action"], "Findings by kind and action."),
            Self::ToolCalls => (
                "sidewall_tool_calls_total",
                Counter,
                &["decision", "rule"],
                "Tool calls judged (and declared tools denied), by decision and the rule that denied.",
            ),
            Self::CoverageBytes => (
                "sidewall_coverage_bytes_total",
                Counter,
                &["phase", "class"],
                "Bytes of strings inspected under a table row, opaque, or unlisted (inspected all the same).",
            ),
            Self::RulesetReloads => ("sidewall_ruleset_reloads_total", Counter, &["result"], "Reloads of the ruleset."),
            Self::RulesetReloadSeconds => {
                ("sidewall_ruleset_reload_seconds", Histogram, &[], "Time to read, compile and test a ruleset.")
            }
            Self::RulesetStale => (
                "sidewall_ruleset_stale",
                Gauge,
                &[],
                "1 if the files could not be loaded and the last good set stays.",
            ),
            Self::PolicyReloads => {
                ("sidewall_policy_reloads_total", Counter, &["result"], "Reloads of approved tools and policies.")
            }
            Self::PolicyStale => (
                "sidewall_policy_stale",
                Gauge,
                &[],
                "1 if their files could not be loaded and the last good ones stay.",
            ),
            Self::Stalled => ("sidewall_stalled_total", Counter, &[], "Callers cut because they took nothing."),
            Self::Identities => (
                "sidewall_identities_total",
                Counter,
                &["method", "result"],
                "Callers by how they were identified, or why not.",
            ),
            Self::Handshakes => ("sidewall_tls_handshakes_total", Counter, &["result"], "TLS handshakes of callers."),
            Self::CertificateReloads => {
                ("sidewall_certificate_reloads_total", Counter, &["result"], "Reloads of the listeners' certificates.")
            }
            Self::JwksRefreshes => {
                ("sidewall_jwks_refreshes_total", Counter, &["result"], "Fetches and reloads of the issuer's keys.")
            }
            Self::ShadowTexts => (
                "sidewall_shadow_texts_total",
                Counter,
                &["result"],
                "Texts that a candidate ruleset was run over, or not.",
            ),
            Self::ShadowFindings => (
                "sidewall_shadow_findings_total",
                Counter,
                &["rule", "change", "action"],
                "Findings that only one of candidate and live ruleset has, or with another confidence.",
            ),
            Self::ClassifierTexts => (
                "sidewall_classifier_texts_total",
                Counter,
                &["phase", "result"],
                "Texts the classifier was asked about: quiet, suspicious, or why there is no answer.",
            ),
            Self::ClassifierSeconds => {
                ("sidewall_classifier_seconds", Histogram, &[], "Time a request waited for the classifier.")
            }
            Self::ClassifierReloads => {
                ("sidewall_classifier_reloads_total", Counter, &["result"], "Reloads of the classifier's model.")
            }
            Self::Panics => ("sidewall_panics_total", Counter, &[], "Panics caught; each ended one exchange only."),
        }
    }

    /// The name in the exposition.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// Tells the recorder what each metric means.
    pub fn describe_all() {
        for metric in Self::ALL {
            let (name, shape, _, meaning) = metric.row();
            match shape {
                Shape::Counter => metrics::describe_counter!(name, meaning),
                Shape::Gauge => metrics::describe_gauge!(name, meaning),
                Shape::Histogram => metrics::describe_histogram!(name, metrics::Unit::Seconds, meaning),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_follow_prometheus() {
        let names: HashSet<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        assert_eq!(names.len(), Metric::ALL.len());
        for metric in Metric::ALL {
            let (name, shape, _, _) = metric.row();
            assert_eq!(name.ends_with("_total"), shape == Shape::Counter, "{name}");
            assert_eq!(name.ends_with("_seconds"), shape == Shape::Histogram, "{name}");
            assert!(name.starts_with("sidewall_"), "{name}");
        }
    }
}
