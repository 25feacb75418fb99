//! One struct per event: `emit` counts and logs at once.

use std::time::Duration;

use crate::identity::{self, IdentityError};
use crate::inspect::{RefusalCode, Report};
use crate::telemetry::Metric;
use crate::telemetry::handle::{count, set, shift, time};
use crate::text::Phase;

/// A text was given to the classifier.
#[derive(Debug, Clone, Copy)]
pub struct Classified {
    /// Of which phase.
    pub phase: Phase,
    /// `quiet`, `suspicious`, or why there is no answer.
    pub result: &'static str,
}

impl Classified {
    /// Counts; not logged, because the audit record says more.
    pub fn emit(self) {
        count(Metric::ClassifierTexts, &[self.phase.name(), self.result], 1);
    }

    /// A request waited so long for all of its texts.
    pub fn waited(took: Duration) {
        time(Metric::ClassifierSeconds, &[], took);
    }
}

/// The classifier's model changed on disk, and was put in force or not.
#[derive(Debug, Clone, Copy)]
pub struct ModelReload<'a> {
    /// Hash of the model in force now.
    pub hash: &'a str,
    /// Why the earlier one stays, if it does.
    pub error: Option<&'a str>,
}

impl ModelReload<'_> {
    /// Counts and logs.
    pub fn emit(self) {
        count(Metric::ClassifierReloads, &[if self.error.is_none() { "swapped" } else { "kept_last_good" }], 1);
        match self.error {
            Some(error) => tracing::error!(model = self.hash, error, "the classifier's model was not replaced"),
            None => tracing::info!(model = self.hash, "the classifier's model was replaced"),
        }
    }
}

/// An exchange has been answered to its end.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The exchange's id.
    pub exchange: &'a str,
    /// The endpoint's name.
    pub endpoint: &'static str,
    /// Status that the caller saw.
    pub status: u16,
    /// `allow`, `redact`, `block`.
    pub verdict: &'static str,
    /// From the request's arrival to the response's end.
    pub took: Duration,
}

impl Answered<'_> {
    /// Counts and logs.
    pub fn emit(self) {
        count(Metric::Requests, &[self.endpoint, status_label(self.status), self.verdict], 1);
        time(Metric::ExchangeSeconds, &[self.endpoint], self.took);
        tracing::debug!(
            exchange = self.exchange,
            endpoint = self.endpoint,
            status = self.status,
            verdict = self.verdict,
            took_us = u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
    }
}

/// A request was refused.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'a> {
    /// The exchange's id, also where no exchange began.
    pub exchange: &'a str,
    /// The endpoint's name.
    pub endpoint: &'static str,
    /// Why.
    pub code: RefusalCode,
    /// The deciding rule's id, or empty.
    pub rule: &'a str,
}

impl Refused<'_> {
    /// Counts and logs. The refusal's `detail` is left out: it is written for the caller.
    pub fn emit(self) {
        let (code, status, _, _) = self.code.row();
        count(Metric::Refusals, &[code], 1);
        tracing::info!(exchange = self.exchange, endpoint = self.endpoint, status, code, rule = self.rule, "refused");
    }
}

/// A caller left before its exchange ended.
#[derive(Debug, Clone, Copy)]
pub struct CallerLeft<'a> {
    /// The exchange's id.
    pub exchange: &'a str,
    /// The endpoint's name.
    pub endpoint: &'static str,
}

impl CallerLeft<'_> {
    /// Counts and logs.
    pub fn emit(self) {
        count(Metric::Aborted, &[self.endpoint], 1);
        tracing::info!(exchange = self.exchange, endpoint = self.endpoint, "caller left");
    }
}

/// A caller was identified, or not.
#[derive(Debug, Clone, Copy)]
pub struct Identified<'a> {
    /// Who, or why nobody.
    pub outcome: &'a Result<identity::Identified, IdentityError>,
}

impl Identified<'_> {
    /// Counts; not logged, because the refusal or the audit record is.
    pub fn emit(self) {
        let (method, result) = match self.outcome {
            Ok(identified) => (identified.method.name(), "accepted"),
            Err(error) => ("none", error.word()),
        };
        count(Metric::Identities, &[method, result], 1);
    }
}

/// The issuer's keys were fetched or read anew, or could not be.
#[derive(Debug, Clone, Copy)]
pub struct JwksRefreshed<'a> {
    /// How many keys are in force now; 0: none, or too old.
    pub keys: usize,
    /// Why the earlier ones stay, if they do.
    pub error: Option<&'a str>,
}

impl JwksRefreshed<'_> {
    /// Counts and logs.
    pub fn emit(self) {
        let result = match (self.error, self.keys) {
            (None, _) => "renewed",
            (Some(_), 0) => "none_in_force",
            (Some(_), _) => "kept_last_good",
        };
        count(Metric::JwksRefreshes, &[result], 1);
        match self.error {
            Some(error) => tracing::error!(keys = self.keys, error, "the issuer's keys were not renewed"),
            None => tracing::info!(keys = self.keys, "the issuer's keys were renewed"),
        }
    }
}

/// A TLS handshake of a caller ended.
#[derive(Debug, Clone, Copy)]
pub struct Handshake {
    /// `done`, `failed`, `timeout`.
    pub result: &'static str,
}

impl Handshake {
    /// Counts; not logged, because anybody can fail one.
    pub fn emit(self) {
        count(Metric::Handshakes, &[self.result], 1);
    }
}

/// The listeners' certificates were read anew, or could not be.
#[derive(Debug, Clone, Copy)]
pub struct CertificateReload<'a> {
    /// Why the last good ones stay, if they do.
    pub error: Option<&'a str>,
}

impl CertificateReload<'_> {
    /// Counts and logs.
    pub fn emit(self) {
        count(Metric::CertificateReloads, &[if self.error.is_some() { "kept_last_good" } else { "swapped" }], 1);
        match self.error {
            Some(error) => tracing::error!(error, "certificates not reloaded: the last good ones stay"),
            None => tracing::info!("certificates reloaded"),
        }
    }
}

/// A phase of an exchange was inspected.
#[derive(Debug, Clone, Copy)]
pub struct Inspected<'a> {
    /// Which phase.
    pub phase: Phase,
    /// What was found.
    pub report: &'a Report,
    /// CPU-bound time; `None` where it was spread over a stream.
    pub took: Option<Duration>,
}

impl Inspected<'_> {
    /// Counts; not logged, because the audit record holds it.
    pub fn emit(self) {
        let phase = self.phase.name();
        if let Some(took) = self.took {
            time(Metric::InspectSeconds, &[phase], took);
        }
        let coverage = self.report.coverage;
        for (class, bytes) in
            [("inspected", coverage.inspected), ("opaque", coverage.opaque), ("unlisted", coverage.unlisted)]
        {
            if bytes > 0 {
                count(Metric::CoverageBytes, &[phase, class], bytes);
            }
        }
        for note in &self.report.findings {
            count(Metric::Findings, &[&note.rule.kind, note.action], 1);
        }
        for note in &self.report.tool_calls {
            count(Metric::ToolCalls, &[&note.decision, &note.rule], 1);
        }
    }
}

/// An exchange waited for the audit log.
#[derive(Debug, Clone, Copy)]
pub struct AuditWaited {
    /// `admission` or `completion`.
    pub record: &'static str,
    /// How long.
    pub took: Duration,
}

impl AuditWaited {
    /// Counts.
    pub fn emit(self) {
        time(Metric::AuditWaitSeconds, &[self.record], self.took);
    }
}

/// The ruleset was loaded anew, or could not be.
#[derive(Debug)]
pub struct RulesetReload<'a> {
    /// The hash now in force.
    pub hash: &'a str,
    /// `swapped`, `unchanged`, `kept_last_good`.
    pub outcome: &'static str,
    /// Reading, compiling and testing.
    pub took: Duration,
    /// Why the last good one stays, if it does.
    pub error: Option<&'a str>,
}

impl RulesetReload<'_> {
    /// Counts and logs.
    pub fn emit(self) {
        count(Metric::RulesetReloads, &[self.outcome], 1);
        time(Metric::RulesetReloadSeconds, &[], self.took);
        set(Metric::RulesetStale, if self.error.is_some() { 1.0 } else { 0.0 });
        match self.error {
            Some(error) => tracing::error!(ruleset = self.hash, error, "ruleset not reloaded: the last good one stays"),
            None => tracing::info!(ruleset = self.hash, outcome = self.outcome, "ruleset reloaded"),
        }
    }
}

/// Approved tools and policies were loaded anew, or could not be.
#[derive(Debug, Clone, Copy)]
pub struct PolicyReload<'a> {
    /// Hash of the policies now in force.
    pub policies: &'a str,
    /// Hash of the approved tools now in force.
    pub tools: &'a str,
    /// `swapped`, `unchanged`, `kept_last_good`.
    pub outcome: &'static str,
    /// Why the last good ones stay, if they do.
    pub error: Option<&'a str>,
}

impl PolicyReload<'_> {
    /// Counts and logs.
    pub fn emit(self) {
        let Self { policies, tools, outcome, error } = self;
        count(Metric::PolicyReloads, &[outcome], 1);
        set(Metric::PolicyStale, if error.is_some() { 1.0 } else { 0.0 });
        match error {
            Some(error) => tracing::error!(policies, tools, error, "policies not reloaded: the last good ones stay"),
            None => tracing::info!(policies, tools, outcome, "policies reloaded"),
        }
    }
}

/// A caller took nothing of what waited for it, and was cut.
#[derive(Debug, Clone, Copy)]
pub struct Stalled;

impl Stalled {
    /// Counts and logs.
    pub fn emit(self) {
        count(Metric::Stalled, &[], 1);
        tracing::info!("a caller that takes nothing was cut");
    }
}

/// A text was run through a candidate ruleset too.
#[derive(Debug, Clone, Copy)]
pub struct ShadowText {
    /// `same`, `differs`, `skipped`, `failed`.
    pub result: &'static str,
}

impl ShadowText {
    /// Counts.
    pub fn emit(self) {
        count(Metric::ShadowTexts, &[self.result], 1);
    }
}

/// A candidate ruleset finds something else.
#[derive(Debug, Clone, Copy)]
pub struct ShadowFinding<'a> {
    /// The rule's id.
    pub rule: &'a str,
    /// `gained`, `lost`, `moved`.
    pub change: &'static str,
    /// What is, or would be, done about it.
    pub action: &'static str,
}

impl ShadowFinding<'_> {
    /// Counts.
    pub fn emit(self) {
        count(Metric::ShadowFindings, &[self.rule, self.change, self.action], 1);
    }
}

/// Inspection panicked; the exchange was refused.
#[derive(Debug, Clone, Copy)]
pub struct Panicked;

impl Panicked {
    /// Counts and logs. SECURITY: the panic's own message is left out, it could quote text.
    pub fn emit(self) {
        count(Metric::Panics, &[], 1);
        tracing::error!("a panic ended one exchange");
    }
}

/// Counts something as under way until it is dropped.
#[derive(Debug)]
pub struct Live(Metric);

impl Live {
    /// One more.
    #[must_use]
    pub fn new(gauge: Metric) -> Self {
        shift(gauge, 1.0);
        Self(gauge)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        shift(self.0, -1.0);
    }
}

/// The statuses that we see often by number, the others by class: a label's values must be few.
const fn status_label(status: u16) -> &'static str {
    match status {
        200 => "200",
        400 => "400",
        401 => "401",
        403 => "403",
        404 => "404",
        408 => "408",
        413 => "413",
        415 => "415",
        429 => "429",
        500 => "500",
        502 => "502",
        503 => "503",
        504 => "504",
        529 => "529",
        other => match other / 100 {
            0..=1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        },
    }
}
